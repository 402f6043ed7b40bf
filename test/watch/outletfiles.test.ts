import assert from 'node:assert/strict';
import { copyFile, link, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { cli } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';

/*
 * Log, metrics and health go to separate files, and never to the database.
 */

const PROGRAM = ['--', process.execPath, '-e', 'console.log("ran")'];

test('a log, metrics or health file that is the database is refused', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'state.db');
  await copyFile(fixture('amd64.db'), path);
  await mkdir(join(folder, 'sub'));
  await symlink(path, join(folder, 'link'));
  await link(path, join(folder, 'name'));
  const before = await readFile(path);
  const names = (await readdir(folder)).sort();
  const others = [path, join(folder, 'sub', '..', 'state.db'), join(folder, 'link'), join(folder, 'name')];
  for (const option of ['--log-file', '--metrics-file', '--health-file']) {
    for (const other of others) {
      const { code, stdout, stderr } = await cli(['guard', `${option}=${other}`, path, ...PROGRAM]);
      assert.deepEqual([code, stdout], [2, ''], other);
      assert.match(stderr, new RegExp(`expected ${option} to name a file of its own, found .* the database`));
    }
  }
  assert.equal((await cli(['watch', '--once', `--health-file=${path}`, path])).code, 2);
  const flower = [process.execPath, 'celery', 'flower', '--persistent=1', `--db=${path}`];
  assert.equal((await cli(['guard', `--log-file=${path}`, '--', ...flower])).code, 2);
  assert.deepEqual(await readFile(path), before);
  assert.deepEqual((await readdir(folder)).sort(), names);
});

test('one file for two of them is refused, even if it does not exist yet', async (t) => {
  const path = join(await temporaryFolder(t), 'state.db');
  const file = `${path}.out`;
  const { code, stderr } = await cli([
    'guard',
    `--log-file=${file}`,
    `--metrics-file=${file}`,
    path,
    ...PROGRAM,
  ]);
  assert.equal(code, 2);
  assert.match(stderr, /expected --metrics-file to name a file of its own, found .* is --log-file/);
  assert.deepEqual(await readdir(dirname(path)), []);
});

test('metrics and health never replace a device', async (t) => {
  const path = join(await temporaryFolder(t), 'state.db');
  for (const option of ['--metrics-file', '--health-file']) {
    // A file of nobody: nothing would be lost if it were replaced.
    const { code, stderr } = await cli(['watch', '--once', `${option}=/proc/self/fd/1`, path]);
    assert.equal(code, 2);
    assert.match(stderr, /is no regular file/);
  }
  assert.equal((await cli(['guard', '--log-file=/dev/null', path, ...PROGRAM])).code, 0);
});

test('a log line names the path once', async (t) => {
  const path = join(await temporaryFolder(t), 'loop');
  await symlink(path, path);
  const { stderr } = await cli(['watch', '--once', path]);
  assert.match(stderr, /: the symbolic links lead in a circle/);
  assert.equal(stderr.split(path).length, 2, stderr);
});
