import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { Fallback } from '../../src/service/prepare.js';
import { prepare } from '../../src/service/prepare.js';
import type { Look, CommandResult } from '../../src/service/look.js';
import { bareLook, commandRunner } from '../../src/service/look.js';
import type { Mending } from '../../src/service/mend.js';
import { BIN, cli, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { playedMending } from '../tools/mending.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

const FALLBACKS: readonly Fallback[] = ['empty', 'no-persistence', 'fail'];

/*
 * Files that a guard leaves alone before its program starts: files in use, and files whose looks fail.
 */

/** Milliseconds to wait for other processes, instead of the 20 seconds of a guard. */
const PATIENCE = 50;

/** Text that no repair turns into a database. */
const HOPELESS = Buffer.from('this is a text and nothing else\n'.repeat(300));

async function database(t: TestContext, bytes?: Buffer): Promise<string> {
  const path = join(await temporaryFolder(t), 'state.db');
  await (bytes === undefined ? copyFile(fixture('amd64.db'), path) : writeFile(path, bytes));
  return path;
}

/** Locks a file by another process, until the test ends or calls the result. */
async function hold(t: TestContext, path: string): Promise<() => void> {
  const holder = spawn('flock', [path, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  t.after(() => holder.stdin.end());
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  return () => holder.stdin.end();
}

const said = (look: Look): CommandResult => ({ code: 1, stdout: JSON.stringify(look), said: '' });
const answered = (file: object): CommandResult => ({
  code: 2,
  stdout: JSON.stringify({ files: [file] }),
  said: '',
});

/** Prepares with simulated commands. */
async function prepared(
  path: string,
  fallback: Fallback,
  answers: Record<string, () => CommandResult>,
): Promise<{ starts: boolean; sameCommand: boolean; events: string[]; asked: string[] }> {
  const events: string[] = [];
  const asked: string[] = [];
  const runCommand = async ([command]: readonly string[]) => {
    asked.push(command);
    return answers[command]?.() ?? { code: 0, stdout: '', said: '' };
  };
  const mending = playedMending(path, runCommand, events);
  const command = ['flower', '--persistent=1', `--db=${path}`];
  const options = { command, env: {}, fallback, interval: 1000, lookOptions: [], patience: PATIENCE };
  const found = await prepare(options, mending);
  return { starts: found !== undefined, sameCommand: found?.command === command, events, asked };
}

for (const fallback of FALLBACKS) {
  test(`a file is left alone if every look fails: --fallback ${fallback}`, async (t) => {
    const path = await database(t);
    const { starts, sameCommand, events, asked } = await prepared(path, fallback, {
      look: () => ({ code: 128, stdout: '', said: 'ended by SIGKILL' }),
    });
    assert.deepEqual([starts, sameCommand], fallback === 'fail' ? [false, false] : [true, true]);
    assert.equal(asked.filter((name) => name === 'look').length, 3, 'it is tried again');
    assert.ok(events.includes(fallback === 'fail' ? 'fallback' : 'left-alone'));
    assert.deepEqual(await readdir(dirname(path)), ['state.db']);
  });
}

test('a look that fails once is tried again', async (t) => {
  const path = await database(t);
  let failed = false;
  const look = () => {
    if (failed) return said({ ...bareLook(path, 'clean', 'sound'), usable: true, records: 1 });
    failed = true;
    return { code: 137, stdout: '', said: '' };
  };
  const { starts, events } = await prepared(path, 'fail', { look });
  assert.equal(starts, true);
  assert.deepEqual(events, ['clean']);
});

testWith('flock', 'a file beyond repair is not set aside if another process holds it', async (t) => {
  const path = await database(t, HOPELESS);
  await hold(t, path);
  const look = () => said({ ...bareLook(path, 'damaged', 'damaged'), size: 1, use: null });
  const repair = () => answered({ action: 'refused', reason: 'no' });
  const { starts, sameCommand, events } = await prepared(path, 'empty', { look, repair });
  assert.deepEqual([starts, sameCommand], [true, true]);
  assert.ok(events.includes('left-alone'), events.join());
  assert.deepEqual(await readdir(dirname(path)), ['state.db']);
});

test('a file that changed since the look is not set aside', async (t) => {
  const path = await database(t, HOPELESS);
  const look = () => said({ ...bareLook(path, 'damaged', 'damaged'), size: 1, state: '1:2:3:4' });
  const repair = () => answered({ action: 'refused', reason: 'no' });
  const { events } = await prepared(path, 'empty', { look, repair });
  assert.ok(events.includes('left-alone'), events.join());
  assert.deepEqual(await readFile(path), HOPELESS);
});

for (const fallback of FALLBACKS) {
  testWith(
    'flock',
    `a damaged database that another process holds is left alone: --fallback ${fallback}`,
    async (t) => {
      const bytes = await readFile(fixture('amd64.db'));
      bytes.writeBigInt64LE(7n, 8);
      const path = await database(t, bytes);
      await hold(t, path);
      const messages: string[] = [];
      const mending: Mending = {
        ...playedMending(path, commandRunner([process.execPath, BIN]), []),
        log: ({ message }) => void messages.push(message),
      };
      const options = {
        command: ['true'],
        env: {},
        fallback,
        interval: 1000,
        lookOptions: [],
        patience: PATIENCE,
      };
      const prepared = await prepare(options, mending);
      assert.deepEqual(prepared, fallback === 'fail' ? undefined : { command: ['true'], env: {} });
      assert.match(messages.at(-1)!, /another process is still using it/);
      assert.deepEqual(await readFile(path), bytes);
      const names = (await readdir(dirname(path))).filter((name) => name !== '.state.db.snapshots');
      assert.deepEqual(names, ['state.db']);
    },
  );
}

const PREVENTED: Record<string, Record<string, () => CommandResult>> = {
  'the volume is full': {
    look: () => said({ ...bareLook('state.db', 'damaged', 'damaged'), size: 1, use: 'none' }),
    repair: () => answered({ error: { code: 'no-space', message: 'no room' } }),
  },
  'the folder may not be written': {
    look: () => said({ ...bareLook('state.db', 'damaged', 'damaged'), size: 1, use: 'none' }),
    repair: () => answered({ error: { code: 'no-permission', message: 'no permission' } }),
  },
  'the repair crashes': {
    look: () => said({ ...bareLook('state.db', 'damaged', 'damaged'), size: 1, use: 'none' }),
    repair: () => ({ code: 137, stdout: '', said: 'ended by SIGKILL' }),
  },
  'the file may not be read': { look: () => said(bareLook('state.db', 'unreadable', 'no permission')) },
};
for (const [why, answers] of Object.entries(PREVENTED)) {
  test(`a file is never set aside because ${why}`, async (t) => {
    const path = await database(t, HOPELESS);
    const empty = await prepared(path, 'empty', answers);
    // Flower starts with a temporary database.
    assert.deepEqual([empty.starts, empty.sameCommand], [true, false]);
    assert.equal((await prepared(path, 'fail', answers)).starts, false);
    assert.deepEqual(await readdir(dirname(path)), ['state.db']);
    assert.deepEqual(await readFile(path), HOPELESS);
  });
}

testWith(['root', 'mounts', 'flock'], 'on a full volume a damaged file keeps its name', async (t) => {
  const bytes = await readFile(fixture('amd64.db'));
  bytes.writeBigInt64LE(7n, 8);
  const source = await database(t, bytes);
  const place = join(dirname(source), 'volume');
  const script =
    `mkdir '${place}'; mount -t tmpfs -o size=64k none '${place}'; cp '${source}' '${place}/state.db'; ` +
    `cat /dev/zero > '${place}/fill' 2>/dev/null; ` +
    `'${process.execPath}' '${BIN}' guard '${place}/state.db' -- echo ran; ` +
    `ls '${place}'; cmp '${source}' '${place}/state.db'`;
  const { code, stdout, stderr } = await run('unshare', ['-m', 'sh', '-c', script]);
  assert.deepEqual([code, stdout], [0, 'ran\nfill\nstate.db\n'], stderr);
});

test('a sound database that stays locked is left alone, and with --fallback fail its program is not started', async (t) => {
  const path = await database(t);
  const look = () => said({ ...bareLook(path, 'clean', 'sound'), usable: true, records: 1, use: 'locked' });
  const [empty, fail] = await Promise.all([
    prepared(path, 'empty', { look }),
    prepared(path, 'fail', { look }),
  ]);
  assert.deepEqual([empty.starts, empty.sameCommand], [true, true]);
  assert.ok(empty.events.includes('left-alone'));
  assert.equal(fail.starts, false);
});

testWith('flock', 'a program starts once the lock of its sound database is free', async (t) => {
  const path = await database(t);
  const release = await hold(t, path);
  const guard = spawn(process.execPath, [
    BIN,
    ...['guard', '--fallback', 'fail', path, '--', 'flock', '-n', path, 'echo', 'got the lock'],
  ]);
  t.after(() => guard.kill('SIGKILL'));
  let stdout = '';
  guard.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  guard.stderr.on('data', (text: Buffer) => {
    if (text.includes('another process is using it')) release();
  });
  const code = await new Promise((resolve) => guard.once('close', resolve));
  assert.deepEqual([code, stdout], [0, 'got the lock\n']);
});

test('of a repeated option the last value counts', async (t) => {
  const path = await database(t);
  const twice = ['--profile', 'flower', '--profile', 'none', '--fallback', 'fail', '--fallback', 'empty'];
  const { code, stdout, stderr } = await cli([
    'guard',
    ...twice,
    path,
    '--',
    process.execPath,
    '-e',
    'console.log("ran")',
  ]);
  assert.deepEqual([code, stdout], [0, 'ran\n'], stderr);
  assert.ok(!(await readdir(dirname(path))).some((name) => name.endsWith('~')), stderr);
});
