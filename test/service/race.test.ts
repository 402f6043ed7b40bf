import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { check } from '../../src/examine.js';
import { lookOnce } from '../../src/service/lookonce.js';
import { memorySource } from '../../src/source/source.js';
import type { CommandResult } from '../../src/service/look.js';
import { Watcher } from '../../src/service/watcher.js';
import { BIN, cli } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { playedMending } from '../tools/mending.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';
import { until } from '../tools/until.js';

/*
 * Other processes may use the database between a look, which takes no lock, and the lock of a repair.
 */

const KILLED = fixture('killed-shelve.db');

async function damaged(t: TestContext): Promise<string> {
  const path = join(await temporaryFolder(t), 'state.db');
  await copyFile(KILLED, path);
  return path;
}

function looked(path: string, snapshot = false) {
  return lookOnce({ path, profile: 'auto', snapshot, snapshots: undefined });
}

testWith('flock', 'a file that changed since the look is neither repaired nor replaced', async (t) => {
  const path = join(await temporaryFolder(t), 'state.db');
  await copyFile(fixture('amd64.db'), path);
  assert.ok((await looked(path, true)).snapshot?.taken);
  await copyFile(KILLED, path);
  const { state, verdict } = await looked(path);
  assert.equal(verdict, 'damaged');
  // The beginning of a save is other damage of the same size.
  const bytes = await readFile(path);
  bytes.fill(0, 4096);
  await writeFile(path, bytes);
  await utimes(path, new Date(), new Date(Date.now() + 5000));
  for (const command of ['repair', 'restore']) {
    const { code, stdout } = await cli([command, '--json', `--if-state=${state}`, path]);
    assert.equal(code, 2, command);
    assert.equal(
      (JSON.parse(stdout) as { files: { error: { code: string } }[] }).files[0].error.code,
      'changed',
    );
    assert.deepEqual(await readFile(path), bytes);
  }
  // With its present state it may be replaced.
  const now = (await looked(path)).state;
  assert.equal((await cli(['restore', `--if-state=${now}`, path])).code, 0);
  assert.deepEqual(await readFile(path), await readFile(fixture('amd64.db')));
});

testWith('flock', 'a database that appeared after a look is not replaced', async (t) => {
  const path = join(await temporaryFolder(t), 'state.db');
  const { state, verdict } = await looked(path);
  assert.equal(verdict, 'missing');
  await copyFile(fixture('amd64.db'), path);
  await looked(path, true);
  await copyFile(fixture('i386.db'), path);
  assert.equal((await cli(['restore', `--if-state=${state}`, path])).code, 2);
  assert.deepEqual(await readFile(path), await readFile(fixture('i386.db')));
});

test('a repair of a file in use is tried again, and does not count as failed', async (t) => {
  const path = await damaged(t);
  const look = await looked(path);
  const calls: string[] = [];
  const events: string[] = [];
  let inUse = 2;
  const answer = (code: number, file: object): CommandResult => ({
    code,
    stdout: JSON.stringify({ files: [file] }),
    said: '',
  });
  const run = async (args: readonly string[]) => {
    calls.push(args[0]);
    if (args[0] === 'look') return { code: 1, stdout: JSON.stringify({ ...look, use: null }), said: '' };
    assert.ok(args.includes(`--if-state=${look.state}`));
    const code = inUse-- === 2 ? 'locked' : 'changed';
    if (inUse >= 0) return answer(2, { action: 'refused', error: { code, message: code } });
    return answer(0, { action: 'repaired', kept: 1, lost: 0, backup: 'x' });
  };
  const watcher = new Watcher(playedMending(path, run, events), []);
  for (let n = 0; n < 6; n++) await watcher.look();
  assert.equal(calls.filter((name) => name === 'repair').length, 3);
  assert.deepEqual([watcher.status.repairs, watcher.status.failedRepairs], [1, 0]);
  assert.deepEqual(
    events.filter((event) => event !== 'damaged'),
    ['busy', 'busy', 'repaired'],
  );
});

testWith(
  'flock',
  'of two watches and a guard on one damaged file exactly one repairs it, and none fails',
  async (t) => {
    const path = await damaged(t);
    const bytes = await readFile(path);
    const options = ['--log-format=json', '--interval=0.1', path];
    const logs = ['a', 'b', 'c'].map((name) => `${path}.${name}`);
    const started = logs.map((log, n) => {
      const command = n < 2 ? ['watch'] : ['guard'];
      const behind = n < 2 ? [] : ['--', process.execPath, '-e', 'setInterval(() => {}, 1e3)'];
      const child = spawn(process.execPath, [BIN, ...command, `--log-file=${log}`, ...options, ...behind], {
        stdio: 'ignore',
      });
      t.after(() => child.kill('SIGTERM'));
      return { child, ended: new Promise((resolve) => child.once('close', resolve)) };
    });
    const said = async () => {
      const texts = await Promise.all(logs.map((log) => readFile(log, 'utf8').catch(() => '')));
      return texts.map((text) =>
        text
          .split('\n')
          .slice(0, -1)
          .map((line) => (JSON.parse(line) as { event: string }).event),
      );
    };
    await until('each of them sees it sound', async () =>
      (await said()).every((events) => events.includes('clean') || events.includes('started')),
    );
    for (const { child } of started) child.kill('SIGTERM');
    await Promise.all(started.map(({ ended }) => ended));
    const events = (await said()).flat();
    assert.equal(events.filter((event) => event === 'repaired').length, 1, JSON.stringify(await said()));
    assert.ok(
      !events.includes('repair-failed') && !events.includes('fallback'),
      JSON.stringify(await said()),
    );
    assert.equal((await check(memorySource(await readFile(path)))).verdict, 'healthy');
    const backups = (await readdir(dirname(path))).filter((name) => /~\d+~$/.test(name));
    assert.deepEqual(backups, ['state.db.~1~']);
    assert.deepEqual(await readFile(`${path}.~1~`), bytes);
    assert.ok((await stat(path)).size > 0);
  },
);
