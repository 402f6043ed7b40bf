import assert from 'node:assert/strict';
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { build, specFor } from '../build/build.js';
import { FORMATS } from '../format/formats.js';
import { cli, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

const remove = (...args: string[]) => cli(['delete', '--no-lock', ...args]);

test('delete removes the one record, and the file as it was stays', async (t) => {
  const folder = await temporaryFolder(t);
  for (const kind of ['amd64-numsync.db', 's390x.db']) {
    const path = join(folder, kind);
    const was = await readFile(fixture(kind));
    await writeFile(path, was);
    const { code, stdout } = await remove(path, 'schlüssel-1-é');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /: DELETED\n {2}key +"schlüssel-1-é", with a value of 9 bytes\n/);
    assert.deepEqual(await readFile(`${path}.~1~`), was);
    assert.equal((await cli(['check', '--for', 'any', path])).code, 0);
    const { stdout: differences } = await cli(['diff', `${path}.~1~`, path]);
    assert.equal(differences.trim().split('\n').length, 1, differences);
    assert.match(differences, /^- schlüssel-1-é/);
  }
});

test('delete ends with 1 and changes nothing if there is no such key', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'state.db');
  await copyFile(fixture('amd64.db'), path);
  const was = await readFile(path);
  const none = await remove('--key-encoding', 'hex', path, 'fffe');
  assert.deepEqual([none.code, none.stdout], [1, '']);
  assert.match(none.stderr, /there is no key "\\xff\\xfe"/);
  const { stdout } = await remove('--json', path, 'none');
  const [said] = (JSON.parse(stdout) as { files: Record<string, unknown>[] }).files;
  assert.deepEqual([said['action'], said['found'], said['valueSize']], ['none', false, null]);
  const dry = await remove('--dry-run', path, 'schlüssel-1-é');
  assert.equal(dry.code, 0, dry.stderr);
  assert.equal((await remove('--key-encoding', 'hex', path, 'zz')).code, 2);
  assert.deepEqual(await readdir(folder), ['state.db']);
  assert.deepEqual(await readFile(path), was);

  const out = join(folder, 'out.db');
  assert.equal((await remove('-o', out, path, 'schlüssel-1-é')).code, 0);
  assert.equal((await remove('-o', out, path, 'schlüssel-1-é')).code, 2, 'the name is taken');
  assert.deepEqual(await readFile(path), was);
  assert.equal((await remove('--no-backup', path, 'schlüssel-1-é')).code, 0);
  assert.deepEqual((await readdir(folder)).sort(), ['out.db', 'state.db']);
  assert.equal((await cli(['diff', out, path])).code, 0);
});

test('delete refuses a damaged database, and a file that is none', async (t) => {
  const folder = await temporaryFolder(t);
  const [damaged, text] = [join(folder, 'damaged.db'), join(folder, 'text')];
  await copyFile(fixture('killed-shelve.db'), damaged);
  await writeFile(text, 'words');
  for (const [path, next] of [
    [damaged, 'repair'],
    [text, 'check'],
  ]) {
    const was = await readFile(path);
    const { code, stderr } = await remove(path, 'events');
    assert.equal(code, 2);
    assert.ok(stderr.includes(`Run: gdbm-doctor ${next} ${path}`), stderr);
    assert.deepEqual(await readFile(path), was);
  }
});

test('delete distinguishes records at the same place', async (t) => {
  const path = join(await temporaryFolder(t), 'state.db');
  const none = new Uint8Array(0);
  const records = [
    { key: none, value: none },
    { key: Buffer.from('a'), value: Buffer.from('1') },
  ];
  await writeFile(path, (await build(records, specFor(FORMATS[0]))).bytes);
  const { code, stderr } = await remove(path, '');
  assert.equal(code, 0, stderr);
  assert.equal((await cli(['get', path, 'a'])).stdout, '1');
  assert.equal((await remove(path, 'a')).code, 0);
  assert.equal((await cli(['check', path])).code, 0);
});

testWith(['gdbmtool', 'flock'], 'delete leaves the same records as a delete by libgdbm', async (t) => {
  const folder = await temporaryFolder(t);
  const [ours, theirs] = [join(folder, 'ours.db'), join(folder, 'theirs.db')];
  for (const path of [ours, theirs]) await copyFile(fixture('amd64.db'), path);
  const { stdout } = await cli(['list', '--json', ours]);
  const { files } = JSON.parse(stdout) as { files: { keys: { key: string }[] }[] };
  const key = files[0].keys
    .map((one) => Buffer.from(one.key, 'base64').toString())
    .find((one) => /^[a-z]+$/.test(one))!;
  assert.equal((await cli(['delete', ours, key])).code, 0);
  assert.equal((await run('gdbmtool', [theirs, 'delete', key])).code, 0);
  assert.equal((await cli(['diff', ours, theirs])).code, 0);
  assert.equal((await run('gdbmtool', ['-r', ours, 'count'])).code, 0);
});
