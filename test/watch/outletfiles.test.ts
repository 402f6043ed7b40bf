import assert from 'node:assert/strict';
import { copyFile, link, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { cli } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';

/*
 * A log, metrics and health go to files of their own: never to the database, and no two to one.
 */

const PROGRAM = ['--', process.execPath, '-e', 'console.log("ran")'];

test('a log, metrics or health that lead to the database are refused', async (t) => {
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

test('two of them that are one file are refused, also where that is not there yet', async (t) => {
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

test('metrics and health take no device’s place', async (t) => {
  const path = join(await temporaryFolder(t), 'state.db');
  for (const option of ['--metrics-file', '--health-file']) {
    // Of a file that is nobody's: were it replaced, nothing would be lost.
    const { code, stderr } = await cli(['watch', '--once', `${option}=/proc/self/fd/1`, path]);
    assert.equal(code, 2);
    assert.match(stderr, /is no regular file/);
  }
  assert.equal((await cli(['guard', '--log-file=/dev/null', path, ...PROGRAM])).code, 0);
});
