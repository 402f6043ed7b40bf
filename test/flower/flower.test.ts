import assert from 'node:assert/strict';
import { appendFile, copyFile, cp, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { check } from '../../src/examine.js';
import { memorySource } from '../../src/source/source.js';
import { sample, SWEEP } from '../tools/effort.js';
import type { RunningFlower } from '../tools/flower.js';
import { answered, killGroup, shownTasks, Stage } from '../tools/flower.js';
import { testWith } from '../tools/needs.js';
import { Random } from '../tools/random.js';
import { until } from '../tools/until.js';

/*
 * The real Flower, looked at through its HTTP API: what guard is for.
 */

const GUARD = ['--interval=1'];
const SEED = 20261124;
const ROUNDS = SWEEP ? 30 : 2;

interface GoodState {
  readonly stage: Stage;
  /** The folder of the database and its snapshots. */
  readonly folder: string;
  readonly path: string;
  readonly tasks: readonly string[];
}

let first: Promise<GoodState> | undefined;
after(async () => (await first)?.stage.end());

/** A Flower under guard has shown tasks, saved them, and ended: what all tests begin with, made once. */
async function makeGoodState(): Promise<GoodState> {
  const stage = await Stage.open();
  const folder = await mkdtemp(join(stage.folder, 'good-'));
  const path = join(folder, 'flower');
  const flower = await stage.start(path, GUARD);
  await answered(flower);
  const tasks = await stage.runTasks(20);
  await shows(flower, tasks);
  flower.child.kill('SIGTERM');
  assert.equal(await flower.ended, 0, flower.said());
  return { stage, folder, path, tasks };
}

/** A copy of the good state, with its snapshots, for one test, with which the Flowers it started end. */
async function goodState(t: TestContext): Promise<GoodState> {
  const good = await (first ??= makeGoodState());
  t.after(() => good.stage.endFlowers());
  const folder = await mkdtemp(join(good.stage.folder, 'copy-'));
  await cp(good.folder, folder, { recursive: true });
  return { ...good, folder, path: join(folder, 'flower') };
}

/**
 * A Flower that answers, beside another one. One that finds the file locked by the other's opening or save
 * ends, guarded or not, and is started again, as a container would be; for any other reason it may not end.
 */
async function startedBeside(stage: Stage, path: string): Promise<RunningFlower> {
  for (;;) {
    const flower = await stage.start(path, GUARD);
    try {
      await answered(flower);
      return flower;
    } catch (error) {
      await flower.ended;
      if (!/_gdbm\.error: \[Errno 11\]/.test(flower.said())) throw error;
    }
  }
}

async function shows(flower: RunningFlower, tasks: readonly string[]): Promise<void> {
  await until('Flower shows the tasks', async () => {
    const shown = await shownTasks(flower);
    return shown !== undefined && tasks.every((id) => shown.has(id));
  });
}

testWith(
  'flower',
  'SIGTERM to guard ends Flower cleanly, with its state saved and a snapshot of it',
  async (t) => {
    const { stage, folder, path, tasks } = await goodState(t);
    const saved = new Set(await stage.saved(path));
    assert.ok(tasks.every((id) => saved.has(id)));
    const snapshots = join(folder, '.flower.snapshots');
    const newest = (await readdir(snapshots))
      .filter((name) => /-r[1-9][^.]*\.db$/.test(name))
      .sort()
      .at(-1)!;
    assert.deepEqual(await readFile(join(snapshots, newest)), await readFile(path));
  },
);

testWith(
  'flower',
  'Flower alone ends on a file that needs recovery; under guard it answers and shows the tasks',
  async (t) => {
    const { stage, path, tasks } = await goodState(t);
    // A writer died while it was adding to the file.
    await appendFile(path, Buffer.alloc(4096));
    const alone = await stage.start(path);
    assert.notEqual(await alone.ended, 0);
    assert.match(alone.said(), /Database needs recovery/);

    const guarded = await stage.start(path, GUARD);
    const shown = await answered(guarded);
    for (const id of tasks) assert.ok(shown.has(id), guarded.said());
    assert.match(guarded.said(), /repaired; 1 records kept/);
  },
);

/** Requires that Flower without a guard shows no task of a damaged file, or ends. */
async function showsNothing(stage: Stage, path: string, copy: string): Promise<void> {
  await copyFile(path, copy);
  const alone = await stage.start(copy);
  const first = await Promise.race([
    alone.ended.then(() => 'ended'),
    answered(alone).then(({ size }) => size),
  ]).catch(() => 'ended');
  assert.ok(first === 'ended' || first === 0, `Flower alone shows ${first} tasks`);
  killGroup(alone.child);
}

const DAMAGES: Record<string, (path: string, stage: Stage) => Promise<unknown>> = {
  'a file of no bytes': (path) => writeFile(path, ''),
  'a wrecked header': async (path) => {
    const bytes = await readFile(path);
    bytes.fill(0xa5, 0, 4096);
    await writeFile(path, bytes);
  },
  'a pickle that is cut short': (path, stage) => stage.cutEvents(path),
};

for (const [what, damage] of sample(Object.entries(DAMAGES), 2)) {
  testWith('flower', `${what}: under guard Flower shows the last good state`, async (t) => {
    const { stage, folder, path, tasks } = await goodState(t);
    await damage(path, stage);
    if (SWEEP) await showsNothing(stage, path, join(folder, 'alone'));
    const guarded = await stage.start(path, GUARD);
    const shown = await answered(guarded);
    for (const id of tasks) assert.ok(shown.has(id), guarded.said());
  });
}

testWith(
  ['flower', 'root', 'mounts'],
  'a read-only volume: Flower starts by each fallback but fail',
  async (t) => {
    const { stage, folder, path } = await goodState(t);
    const readOnly = [
      'unshare',
      '-m',
      'sh',
      '-c',
      'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"',
      folder,
    ];
    for (const fallback of sample(['empty', 'no-persistence'] as const, 1)) {
      const flower = await stage.start(path, [...GUARD, `--fallback=${fallback}`], { before: readOnly });
      await answered(flower);
      killGroup(flower.child);
      await flower.ended;
    }
    const refused = await stage.start(path, [...GUARD, '--fallback=fail'], { before: readOnly });
    assert.equal(await refused.ended, 125, refused.said());
    assert.match(refused.said(), /read-only/);
  },
);

testWith(
  'flower',
  'two Flowers on one file both answer, and a third shows what was saved last',
  async (t) => {
    const { stage, folder, path, tasks } = await goodState(t);
    const both = await Promise.all([startedBeside(stage, path), startedBeside(stage, path)]);
    const more = await stage.runTasks(5);
    for (const flower of both) await shows(flower, more);
    await until('the tasks are saved', async () => {
      // A copy: a reader's lock would make a save fail.
      const copy = join(folder, 'copy');
      await copyFile(path, copy);
      const saved = await stage.saved(copy);
      return more.every((id) => saved?.includes(id));
    });
    for (const flower of both) killGroup(flower.child);
    const third = await stage.start(path, GUARD);
    const shown = await answered(third);
    for (const id of tasks) assert.ok(shown.has(id), third.said());
  },
);

testWith(
  'flower',
  `${ROUNDS} times SIGKILL while Flower saves: it always starts, and with every task of the last snapshot`,
  async (t) => {
    const { stage, folder, path } = await goodState(t);
    const random = new Random(SEED);
    const snapshots = join(folder, '.flower.snapshots');
    const seen = { repaired: 0, restored: 0, sound: 0 };
    /** Databases that the kills left, by state. */
    const left = { whole: 0, empty: 0, damaged: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const before = await newestTasks(stage, snapshots);
      const flower = await stage.start(path, GUARD, { saveInterval: 1 });
      const shown = await answered(flower);
      const missing = before.filter((id) => !shown.has(id));
      assert.deepEqual(
        missing,
        [],
        `round ${round}: tasks of the last snapshot are missing:\n${flower.said()}`,
      );
      if (/repaired;/.test(flower.said())) seen.repaired++;
      else if (/is back/.test(flower.said())) seen.restored++;
      else seen.sound++;
      await stage.runTasks(10);
      await sleep(random.below(700));
      killGroup(flower.child);
      await flower.ended;
      const { verdict, records } = await check(memorySource(await readFile(path)));
      left[verdict !== 'healthy' ? 'damaged' : records.count === 0 ? 'empty' : 'whole']++;
    }
    t.diagnostic(`started: ${JSON.stringify(seen)}, left: ${JSON.stringify(left)}`);
    assert.ok(
      !SWEEP || left.empty + left.damaged >= 3,
      `expected kills while Flower saves, found ${JSON.stringify(left)}`,
    );
  },
);

/** The tasks in the newest good snapshot, as Python reads it. */
async function newestTasks(stage: Stage, folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => /-r[1-9][^.]*\.db$/.test(name)).sort();
  const tasks = await stage.saved(join(folder, names.at(-1)!));
  assert.ok(tasks !== undefined, `Python loads the snapshot ${names.at(-1)}`);
  return tasks;
}
