import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { BIN, INSTALLED } from '../tools/cli.js';
import { sample } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';

const fixtures = sample(
  (await readdir(fixture(''))).filter((name) => name.endsWith('.db')),
  2,
);

/** A folder with nothing but the bundle, far from any package. */
async function alone(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  await copyFile(BIN, join(folder, 'gdbm-doctor.cjs'));
  return folder;
}

/** All that a program answers: with no environment but what is given, so that nothing but its own files is found. */
function answer(script: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { cwd, env });
  // A document says when it was made.
  const timeless = stdout.toString('latin1').replace(/"time": "\d{4}-[^"]*"/, '"time": "now"');
  return { status, stdout: timeless, stderr: stderr.toString('latin1') };
}

/** Asserts that the bundle answers as the command that is installed does, and gives what it is. */
function sameAnswer(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const expected = answer(INSTALLED, args, folder, env);
  assert.deepEqual(answer('gdbm-doctor.cjs', args, folder, env), expected, args.join(' '));
  return expected;
}

test('alone in a folder, the bundle tells its version, its help and what is wrong with a command line', async (t) => {
  const folder = await alone(t);
  assert.match(sameAnswer(folder, ['--version']).stdout, /^\d+\.\d+\.\d+\n$/);
  assert.match(sameAnswer(folder, ['--help']).stdout, /^gdbm-doctor <command>/);
  const commands = ['check', 'doctor', 'repair', 'salvage', 'report', 'inspect', 'list', 'get', 'dump'];
  for (const command of sample(commands, 3)) {
    assert.equal(sameAnswer(folder, [command, '--help']).status, 0);
  }
  for (const line of [
    [],
    ['mend'],
    ['check', '--nonsense', '--more', 'x'],
    ['repair', '-o'],
    ['list', 'none'],
  ])
    assert.equal(sameAnswer(folder, line).status, 2);
});

test('it reads every fixture as the installed command does', async (t) => {
  const folder = await alone(t);
  for (const name of fixtures) await copyFile(fixture(name), join(folder, name));
  sameAnswer(folder, ['check', '--all', ...fixtures]);
  sameAnswer(folder, ['check', '--json', ...fixtures]);
  for (const name of fixtures) {
    for (const command of ['salvage', 'dump']) sameAnswer(folder, [command, name]);
  }
  assert.equal(sameAnswer(folder, ['get', fixtures[0], 'no such key']).status, 1);
});

test('it repairs every fixture to the same bytes, with the same words', async (t) => {
  const folder = await alone(t);
  const target = join(folder, 'case.db');
  for (const name of fixtures) {
    // Cut short, so that there is something to do for every one.
    const bytes = await readFile(fixture(name));
    const damaged = bytes.subarray(0, Math.floor(bytes.length * 0.8));
    const results: object[] = [];
    for (const script of [INSTALLED, 'gdbm-doctor.cjs']) {
      await writeFile(target, damaged);
      const said = answer(script, ['repair', '--no-lock', '--no-backup', 'case.db'], folder);
      results.push({ ...said, bytes: (await readFile(target)).toString('latin1') });
    }
    assert.deepEqual(results[1], results[0], name);
    assert.match(JSON.stringify(results[0]), /REPAIRED/, name);
  }
});

test('what lies near it and what language the machine speaks change nothing', async (t) => {
  const folder = await alone(t);
  const plain = answer('gdbm-doctor.cjs', ['check', '--no-all', '--nonsense', 'x'], folder);
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ type: 'module', version: '9.9.9', yargs: { 'boolean-negation': false } }),
  );
  const german = { LC_ALL: 'de_DE.UTF-8', LANG: 'de_DE.UTF-8', LANGUAGE: 'de' };
  assert.deepEqual(sameAnswer(folder, ['check', '--no-all', '--nonsense', 'x'], german), plain);
  assert.notEqual(sameAnswer(folder, ['--version'], german).stdout, '9.9.9\n');
});

test('it starts by itself, has no source map, and the licence of every package in it', async () => {
  const text = await readFile(BIN, 'utf8');
  assert.ok(text.startsWith('#!/usr/bin/env node\n'));
  assert.doesNotMatch(text, /sourceMappingURL/);
  const end = text.slice(text.lastIndexOf('\n/*\n'));
  for (const name of ['gdbm-doctor', 'yargs', 'binary-parser', 'chalk', 'y18n', 'cliui']) {
    assert.match(end, new RegExp(`^${name}\\b`, 'm'), name);
  }
  assert.ok(end.split('Permission').length > 10);
});
