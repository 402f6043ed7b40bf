import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';
import { assertAccepted } from './accepted.js';
import { deployed } from './files.js';

const SCRIPT = deployed('flower_entrypoint');
/** Answers with its name and arguments, one a line. */
const ECHO = '#!/bin/sh\nprintf "%s\\n" "${0##*/}" "$@"\n';

const shell = (process.env['PATH'] ?? '')
  .split(':')
  .map((folder) => join(folder, 'sh'))
  .find((path) => existsSync(path)) as string;

/** Runs the script on a path of programs that tell how they were called. */
async function called(t: TestContext, programs: string[], args: string[], env: Record<string, string> = {}) {
  const folder = await temporaryFolder(t);
  for (const name of programs) await writeFile(join(folder, name), ECHO, { mode: 0o755 });
  await symlink(process.execPath, join(folder, 'node'));
  const { stdout, stderr, status } = spawnSync(shell, [SCRIPT, ...args], { env: { PATH: folder, ...env } });
  assert.equal(status, 0, stderr.toString());
  return { words: stdout.toString().trimEnd().split('\n'), said: stderr.toString() };
}

test('the script is one', () => {
  const { status, stderr } = spawnSync(shell, ['-n', SCRIPT]);
  assert.equal(status, 0, stderr.toString());
});

testWith('shellcheck', 'shellcheck has nothing to say of it', () => {
  const { status, stdout } = spawnSync('shellcheck', [SCRIPT]);
  assert.equal(status, 0, stdout.toString());
});

test('it runs the command that it is given under guard, word for word', async (t) => {
  const command = ['celery', '-A', 'proj', '--broker=a b', 'flower', '--basic_auth=a:*'];
  const { words } = await called(t, ['gdbm-doctor', 'celery'], command);
  assert.deepEqual(words, ['gdbm-doctor', 'guard', '--profile', 'flower', '--', ...command]);
  await assertAccepted(words.slice(1), 'flower_entrypoint');
});

test('without a command it starts Flower, and options for the guard stand before the command', async (t) => {
  const options = { GDBM_DOCTOR_OPTIONS: '--snapshots=/data/snapshots --keep 5' };
  const { words } = await called(t, ['gdbm-doctor', 'celery'], [], options);
  assert.deepEqual(words.slice(4), ['--snapshots=/data/snapshots', '--keep', '5', '--', 'celery', 'flower']);
  await assertAccepted(words.slice(1), 'flower_entrypoint');
});

test('without gdbm-doctor the command starts as it did', async (t) => {
  const { words, said } = await called(t, ['celery'], ['celery', 'flower', '--port=1']);
  assert.deepEqual(words, ['celery', 'flower', '--port=1']);
  assert.match(said, /without a guard/);
});

test('where gdbm-doctor cannot run, as with a Node that is too old, the command starts as it did', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'celery'), ECHO, { mode: 0o755 });
  await writeFile(join(folder, 'gdbm-doctor'), '#!/bin/sh\necho too old >&2\nexit 2\n', { mode: 0o755 });
  const { stdout, stderr } = spawnSync(shell, [SCRIPT, 'celery', 'flower'], { env: { PATH: folder } });
  assert.equal(stdout.toString(), 'celery\nflower\n');
  assert.match(stderr.toString(), /too old\n.*without a guard/);
});
