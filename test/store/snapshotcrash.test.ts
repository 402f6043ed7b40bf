import assert from 'node:assert/strict';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { listSnapshots } from '../../src/store/folder.js';
import { BIN, cli, type Ran } from '../tools/cli.js';
import { sample, SWEEP } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';
import { testWith } from '../tools/needs.js';
import { countCalls, runWithFault, type Fault } from '../tools/systemcalls.js';
import { change, inProcess, leftovers, soundFile, take } from './snap.js';

/** Every system call with which a snapshot changes a file system, on Linux. */
const TAKE_CALLS = ['pwrite64', 'fsync', 'link', 'unlink'];
/** The same for a restore. */
const RESTORE_CALLS = ['pwrite64', 'fsync', 'fchmod', 'link', 'rename'];

const judged = await readFile(fixture('amd64.db'));

interface Trial {
  readonly path: string;
  readonly folder: string;
  readonly store: string;
}

/**
 * Runs a command with a fault at each call of some kinds, one after the other, each time on a folder with five snapshots.
 *
 * @param turn of those that take turns at half of the calls; in a sweep each has all
 */
async function everyFault(
  t: TestContext,
  calls: readonly string[],
  fault: Fault,
  command: (path: string) => string[],
  judge: (what: string, trial: Trial, ran: Ran) => Promise<void>,
  turn?: number,
): Promise<void> {
  const model = await soundFile(t);
  for (let mark = 1; mark <= 5; mark++) {
    await change(model.path, mark);
    await take(model.path);
  }
  await change(model.path, 6);
  const copied = async () => {
    const trial = await soundFile(t);
    await cp(model.folder, trial.folder, { recursive: true, preserveTimestamps: true });
    return { ...trial, log: join(trial.folder, 'strace.log') };
  };
  const { path, log } = await copied();
  const made = await countCalls(log, calls, command(path));
  t.diagnostic(`calls: ${JSON.stringify(made)}`);
  assert.ok(calls.every((call) => made[call] > 0));
  const places = calls.flatMap((call) => Array.from({ length: made[call] }, (_, i) => ({ call, n: i + 1 })));
  const size = turn === undefined ? places.length : Math.ceil(places.length / 2);
  for (const place of sample(places, size, turn)) {
    const trial = await copied();
    const ran = await runWithFault(trial.log, { ...place, fault }, command(trial.path));
    await judge(`${fault} at ${place.call} number ${place.n}`, trial, ran);
  }
}

/** Requires that every listed snapshot is whole, and that an old one is missing only if there is a new one. */
async function requireSnapshots(what: string, { path }: Trial): Promise<number> {
  const { snapshots } = await listSnapshots(path, { verify: true });
  assert.ok(snapshots.length >= 5, `${what}: ${snapshots.length} snapshots are left`);
  for (const { id, intact } of snapshots) assert.ok(intact, `${what}: ${id} is damaged`);
  return snapshots.length;
}

testWith('strace', 'every listed snapshot is whole after a kill at any step of a snapshot', async (t) => {
  const found: Record<string, number> = {};
  await everyFault(t, TAKE_CALLS, 'signal=SIGKILL', inProcess, async (what, trial) => {
    const now = await readFile(trial.path);
    assert.ok(now.subarray(0, -2).equals(judged.subarray(0, -2)), `${what}: the database changed`);
    const left = await requireSnapshots(what, trial);
    found[left] = (found[left] ?? 0) + 1;
    // The next run takes the snapshot and removes leftovers.
    await take(trial.path);
    assert.equal(await requireSnapshots(`after ${what}`, trial), 5);
    const bytes = await readFile((await listSnapshots(trial.path)).snapshots[0].path);
    assert.ok(bytes.equals(now), `after ${what}: the newest is not the file`);
    assert.deepEqual(await leftovers(trial.store), [], what);
  });
  // One kill before the new one has its name, one before the oldest is removed.
  assert.ok(found[5] > 0 && found[6] > 0, JSON.stringify(found));
});

for (const [turn, error] of (['error=EIO', 'error=ENOSPC'] as const).entries()) {
  testWith('strace', `${error} at any step of a snapshot leaves the existing ones`, async (t) => {
    let refused = 0;
    const judge = async (what: string, trial: Trial, ran: Ran) => {
      await requireSnapshots(what, trial);
      assert.match(ran.stdout, /went on\n$/, what);
      if (ran.code === 0) return;
      refused++;
      assert.equal(ran.code, 2, `${what}: ${ran.stderr}`);
      assert.match(ran.stderr, error === 'error=EIO' ? /^io .*EIO/ : /^no-space /, what);
      assert.deepEqual(await leftovers(trial.store), [], what);
    };
    await everyFault(t, TAKE_CALLS, error, inProcess, judge, turn);
    assert.ok(refused > (SWEEP ? 1 : 0), `${refused} were refused`);
  });
}

testWith(
  ['strace', 'flock'],
  'the name leads to a whole file after a kill at any step of a restore',
  async (t) => {
    const found = { old: 0, new: 0 };
    const restore = (path: string) => [process.execPath, BIN, 'restore', path];
    await everyFault(t, RESTORE_CALLS, 'signal=SIGKILL', restore, async (what, trial) => {
      await requireSnapshots(what, trial);
      const now = await readFile(trial.path);
      const [newest] = (await listSnapshots(trial.path)).snapshots;
      const isNew = now.equals(await readFile(newest.path));
      const sixthMark = now[now.length - 2] === 6 && now.subarray(0, -2).equals(judged.subarray(0, -2));
      assert.ok(isNew || sixthMark, `${what}: neither the old file nor the snapshot`);
      found[isNew ? 'new' : 'old']++;
      for (const name of (await readdir(trial.folder)).filter((one) => /~\d+~$/.test(one))) {
        const backup = await readFile(join(trial.folder, name));
        assert.equal(backup[backup.length - 2], 6, `${what}: ${name} is not the old file`);
      }
      const again = await cli(['restore', trial.path]);
      assert.equal(again.code, 0, again.stderr);
      assert.ok((await readFile(trial.path)).equals(await readFile(newest.path)));
      assert.equal((await readFile(`${trial.path}.~1~`)).at(-2), 6, what);
    });
    assert.ok(found.old > 0 && found.new > 0, JSON.stringify(found));
  },
);
