import assert from 'node:assert/strict';
import { copyFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BIN, cli, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

/** Every system call with which a repair changes a file system, on Linux. */
const CALLS = ['pwrite64', 'fsync', 'fchmod', 'link', 'rename'];
/** Limit above the number of calls of one kind in a repair of the fixture. */
const MOST = 40;

const damaged = await readFile(fixture('killed-shelve.db'));

/** Repairs with a fault at the Nth call of a kind; `reached` says whether there was an Nth one. */
async function repairWithFault(folder: string, call: string, fault: string, n: number) {
  const path = join(folder, 'state.db');
  await copyFile(fixture('killed-shelve.db'), path);
  const log = join(folder, 'strace.log');
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:${fault}:when=${n}`];
  const command = [process.execPath, BIN, 'repair', path];
  // One thread makes all the calls, so that the Nth one is the same each time.
  const env = { UV_THREADPOOL_SIZE: '1' };
  const ran = await run('strace', ['-f', '-qq', '-o', log, ...inject, '--', ...command], env);
  // strace ends as its child did: by the signal, so without a code.
  const reached = ran.code === null || (await readFile(log, 'utf8')).includes('INJECTED');
  return { path, ran, reached };
}

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

async function everyFault(
  t: TestContext,
  fault: string,
  judge: (what: string, seen: Awaited<ReturnType<typeof repairWithFault>>) => Promise<void>,
): Promise<void> {
  const made: Record<string, number> = {};
  for (const call of CALLS) {
    for (let n = 1; ; n++) {
      assert.ok(n < MOST, `a repair made ${n} calls of ${call}`);
      const folder = await temporaryFolder(t);
      const seen = await repairWithFault(folder, call, fault, n);
      if (!seen.reached) {
        assert.equal(seen.ran.code, 0, seen.ran.stderr);
        break;
      }
      made[call] = n;
      await judge(`${fault} at ${call} number ${n}`, seen);
    }
  }
  t.diagnostic(`calls: ${JSON.stringify(made)}`);
  assert.deepEqual(Object.keys(made), CALLS);
}

testWith(
  'strace',
  'the name leads to a whole file after a kill at any change to the file system',
  async (t) => {
    const found = { old: 0, new: 0 };
    await everyFault(t, 'signal=SIGKILL', async (what, { path }) => {
      found[await requireWhole(path, what)]++;
      // Files of a killed repair do not hinder the next one.
      const again = await cli(['repair', path]);
      assert.equal(again.code, 0, again.stderr);
      assert.equal(await requireWhole(path, `repaired after ${what}`), 'new');
    });
    assert.ok(found.old > 0 && found.new > 0, JSON.stringify(found));
  },
);

for (const error of ['EIO', 'ENOSPC']) {
  testWith('strace', `${error} at any change to the file system loses nothing`, async (t) => {
    let refused = 0;
    await everyFault(t, `error=${error}`, async (what, { path, ran }) => {
      const state = await requireWhole(path, what);
      assert.equal(ran.code, state === 'new' ? 0 : 2, `${what}: ${ran.stdout}${ran.stderr}`);
      if (state === 'new') return;
      refused++;
      assert.match(ran.stderr, error === 'EIO' ? /cannot [^]*EIO/ : /no space left/, what);
      const left = (await readdir(join(path, '..'))).filter((name) => name !== 'strace.log');
      assert.deepEqual(left, ['state.db'], what);
    });
    assert.ok(refused > 3, `${refused} repairs were refused`);
  });
}
