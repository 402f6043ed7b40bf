import assert from 'node:assert/strict';
import { copyFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BIN, cli, type Ran } from '../tools/cli.js';
import { sample, SWEEP } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';
import { countCalls, runWithFault, type Fault } from '../tools/systemcalls.js';

/** Every system call with which a repair changes a file system, on Linux. */
const CALLS = ['pwrite64', 'fsync', 'fchmod', 'link', 'rename'];

const damaged = await readFile(fixture('killed-shelve.db'));

/** A folder of its own with the damaged file. */
async function damagedFile(t: TestContext): Promise<{ folder: string; path: string; log: string }> {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'state.db');
  await copyFile(fixture('killed-shelve.db'), path);
  return { folder, path, log: join(folder, 'strace.log') };
}

const repairOf = (path: string) => [process.execPath, BIN, 'repair', path];

/** Requires that the name leads to the whole old file or the whole new one, and that the old one still exists. */
async function requireWhole(path: string, what: string): Promise<'old' | 'new'> {
  const now = await readFile(path);
  for (const name of await readdir(join(path, '..'))) {
    if (/~\d+~$/.test(name)) {
      assert.ok(
        (await readFile(join(path, '..', name))).equals(damaged),
        `${what}: ${name} is not the old file`,
      );
    }
  }
  if (now.equals(damaged)) return 'old';
  const { code, stdout } = await cli(['check', path, '--json']);
  assert.equal(code, 0, `${what}: neither the old file nor a sound one: ${stdout}`);
  const report = JSON.parse(stdout) as { files: { records: { count: number } }[] };
  assert.equal(report.files[0].records.count, 396, what);
  assert.ok((await readFile(`${path}.~1~`)).equals(damaged), `${what}: no backup`);
  return 'new';
}

/**
 * Repairs with a fault at each call of each kind that a repair makes, one after the other.
 *
 * @param turn of those that take turns at half of the calls; in a sweep each has all
 */
async function everyFault(
  t: TestContext,
  fault: Fault,
  judge: (what: string, path: string, ran: Ran) => Promise<void>,
  turn?: number,
): Promise<void> {
  const { path, log } = await damagedFile(t);
  const made = await countCalls(log, CALLS, repairOf(path));
  t.diagnostic(`calls: ${JSON.stringify(made)}`);
  const places = CALLS.flatMap((call) => Array.from({ length: made[call] }, (_, i) => ({ call, n: i + 1 })));
  assert.ok(CALLS.every((call) => made[call] > 0));
  const size = turn === undefined ? places.length : Math.ceil(places.length / 2);
  for (const place of sample(places, size, turn)) {
    const one = await damagedFile(t);
    const ran = await runWithFault(one.log, { ...place, fault }, repairOf(one.path));
    await judge(`${fault} at ${place.call} number ${place.n}`, one.path, ran);
  }
}

testWith(
  'strace',
  'the name leads to a whole file after a kill at any change to the file system',
  async (t) => {
    const found = { old: 0, new: 0 };
    await everyFault(t, 'signal=SIGKILL', async (what, path) => {
      found[await requireWhole(path, what)]++;
      // Files of a killed repair do not hinder the next one.
      const again = await cli(['repair', path]);
      assert.equal(again.code, 0, again.stderr);
      assert.equal(await requireWhole(path, `repaired after ${what}`), 'new');
    });
    assert.ok(found.old > 0 && found.new > 0, JSON.stringify(found));
  },
);

for (const [turn, error] of (['EIO', 'ENOSPC'] as const).entries()) {
  testWith('strace', `${error} at any change to the file system loses nothing`, async (t) => {
    let refused = 0;
    const judge = async (what: string, path: string, ran: Ran) => {
      const state = await requireWhole(path, what);
      assert.equal(ran.code, state === 'new' ? 0 : 2, `${what}: ${ran.stdout}${ran.stderr}`);
      if (state === 'new') return;
      refused++;
      assert.match(ran.stderr, error === 'EIO' ? /cannot [^]*EIO/ : /no space left/, what);
      const left = (await readdir(join(path, '..'))).filter((name) => name !== 'strace.log');
      assert.deepEqual(left, ['state.db'], what);
    };
    await everyFault(t, `error=${error}`, judge, turn);
    assert.ok(refused > (SWEEP ? 3 : 1), `${refused} repairs were refused`);
  });
}
