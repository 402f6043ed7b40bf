import assert from 'node:assert/strict';
import {
  chmod,
  chown,
  copyFile,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { BetterCopy } from '../../src/copies.js';
import { soundFile, take } from '../store/snap.js';
import { build, specFor } from '../build/build.js';
import { FORMATS } from '../format/formats.js';
import { BIN, cli, joined, run } from '../tools/cli.js';
import { fixture, fixtureRecords } from '../tools/fixtures.js';
import { testWith } from '../tools/needs.js';

/* A better copy beside a damaged file is named first, by check, doctor and repair. */

const emptied = async (path: string) => {
  const { bytes } = await build([], specFor(FORMATS[0], 4096));
  await writeFile(path, bytes);
};

/** Zeroes the bucket that slot 0 leads to. */
const loseBucket = async (path: string) => {
  const bytes = await readFile(path);
  const bucket = Number(bytes.readBigInt64LE(Number(bytes.readBigInt64LE(8))));
  await writeFile(path, bytes.fill(0, bucket, bucket + 512));
};

/** The better copy that the three commands name; each must name the same one. */
async function betterCopyOf(path: string): Promise<Omit<BetterCopy, 'time'> | undefined> {
  const said: (BetterCopy | undefined)[] = [];
  for (const args of [['check'], ['doctor'], ['repair', '--no-lock', '--dry-run']]) {
    const { stdout } = await cli([...args, '--json', path]);
    said.push((JSON.parse(stdout) as { files: { betterCopy?: BetterCopy }[] }).files[0].betterCopy);
  }
  assert.deepEqual(said[1], said[0]);
  assert.deepEqual(said[2], said[0]);
  return said[0];
}

for (const { what, lose } of [
  { what: 'of no bytes', lose: (path: string) => writeFile(path, '') },
  { what: 'emptied', lose: emptied },
  { what: 'that lost a bucket', lose: loseBucket },
]) {
  test(`a file ${what} is told to be restored from its snapshot first`, async (t) => {
    const { path } = await soundFile(t);
    await take(path);
    await lose(path);
    const copy = await betterCopyOf(path);
    assert.deepEqual([copy?.kind, copy?.records], ['snapshot', 102]);
    assert.equal(copy?.command, `gdbm-doctor restore ${path}`);
    for (const command of ['check', 'doctor', 'repair']) {
      const options = command === 'repair' ? ['--no-lock', '--dry-run'] : [];
      const { stdout } = await cli([command, ...options, path]);
      assert.match(joined(stdout), /the snapshot of .* UTC, .*, has 102 records/);
      assert.ok(stdout.includes(`gdbm-doctor restore ${path}`), stdout);
    }
    assert.equal((await cli(['restore', '--no-lock', path])).code, 0);
    assert.deepEqual(await readFile(path), await readFile(fixture('amd64.db')));
  });
}

test('a file of which nothing is left is not made an empty database while a copy has more', async (t) => {
  const { path } = await soundFile(t);
  await take(path);
  await writeFile(path, '');
  const refused = await cli(['repair', '--no-lock', path]);
  assert.equal(refused.code, 2);
  assert.match(refused.stdout, /NOT REPAIRED\n {2}better copy /);
  assert.equal((await stat(path)).size, 0);
  const insisted = await cli(['repair', '--no-lock', '--empty', path]);
  assert.equal(insisted.code, 0, insisted.stdout);
  assert.doesNotMatch(insisted.stdout, /no record that is known of/);
});

test('of a file that is gone the snapshot is what doctor names', async (t) => {
  const { folder, path } = await soundFile(t);
  await take(path);
  await rename(path, join(folder, 'elsewhere'));
  const { stdout } = await cli(['doctor', path]);
  assert.match(stdout, new RegExp(`next +gdbm-doctor restore ${path} {2}# the snapshot of`));
});

test('a named folder of snapshots beside the database is found, as the deploy files have it', async (t) => {
  const { folder, path } = await soundFile(t);
  const dir = join(folder, 'my snapshots');
  await take(path, { dir });
  await copyFile(path, join(folder, 'other.db'));
  await take(join(folder, 'other.db'), { dir: join(folder, 'others') });
  await writeFile(path, '');
  for (const option of ['', ` --snapshots '${dir}'`]) {
    // With a default folder, also an empty one, the named one must be told.
    if (option !== '') await mkdir(join(folder, '.flower.db.snapshots'));
    const copy = await betterCopyOf(path);
    assert.deepEqual([copy?.kind, copy?.records], ['snapshot', 102]);
    assert.equal(copy?.command, `gdbm-doctor restore${option} ${path}`);
    const line = copy.command.replace('gdbm-doctor', `'${process.execPath}' '${BIN}'`);
    assert.equal((await run('sh', ['-c', `${line} --no-lock`])).code, 0);
    assert.deepEqual(await readFile(path), await readFile(fixture('amd64.db')));
    await writeFile(path, '');
  }
  // The snapshots of another database are not this one's.
  await rm(dir, { recursive: true });
  assert.equal(await betterCopyOf(path), undefined);
});

testWith('mkfifo', 'a backup that has more is named with a line that brings it back', async (t) => {
  const { path } = await soundFile(t);
  await copyFile(path, `${path}.~7~`);
  await copyFile(path, `${path}.~2~`);
  await loseBucket(path);
  const copy = await betterCopyOf(path);
  assert.deepEqual([copy?.kind, copy?.path, copy?.records], ['backup', `${path}.~7~`, 102]);
  const line = copy!.command.replace('gdbm-doctor repair', `${process.execPath} ${BIN} repair`);
  const done = await run('sh', ['-c', `${line} --no-lock`]);
  assert.equal(done.code, 0, done.stderr);
  const { stdout } = await cli(['check', '--json', path]);
  const [{ verdict, records }] = (
    JSON.parse(stdout) as { files: { verdict: string; records: { count: number } }[] }
  ).files;
  assert.deepEqual([verdict, records.count], ['healthy', (await fixtureRecords()).length]);
});

test('more records alone are no reason: a queue shrinks', async (t) => {
  const { path } = await soundFile(t);
  await take(path);
  await copyFile(path, `${path}.~1~`);
  const { bytes } = await build(
    [{ key: Buffer.from('a'), value: Buffer.from('b') }],
    specFor(FORMATS[0], 4096),
  );
  await writeFile(path, bytes);
  assert.equal(await betterCopyOf(path), undefined);
  // Damaged, but without a loss.
  await writeFile(path, Buffer.concat([bytes, Buffer.from('more')]));
  assert.equal(await betterCopyOf(path), undefined);
});

test('a backup with as many broken values as the file is no better copy', async (t) => {
  const { path } = await soundFile(t);
  const pickle = Buffer.from('80044b012e', 'hex');
  const records = Array.from({ length: 9 }, (_, n) => ({
    key: Buffer.from(`key-${n}`),
    value: n === 0 ? pickle.subarray(0, 3) : pickle,
  }));
  const { bytes } = await build(records, specFor(FORMATS[0], 4096));
  await writeFile(path, bytes);
  await writeFile(`${path}.~1~`, bytes);
  assert.equal(await betterCopyOf(path), undefined);
  const whole = records.map(({ key }) => ({ key, value: pickle }));
  await writeFile(`${path}.~1~`, (await build(whole, specFor(FORMATS[0], 4096))).bytes);
  const copy = await betterCopyOf(path);
  assert.equal(copy?.records, 9);
  assert.match(copy.command, /# newer changes are then only in \S*\.damaged$/);
});

test('a link under the name of a backup is not followed', async (t) => {
  const { path } = await lostBeside(t);
  await symlink(fixture('amd64.db'), `${path}.~1~`);
  assert.equal(await betterCopyOf(path), undefined);
});

testWith('root', 'a backup that others can have written is not named', async (t) => {
  const { path } = await lostBeside(t);
  await copyFile(fixture('amd64.db'), `${path}.~1~`);
  await chown(`${path}.~1~`, 12345, 12345);
  assert.equal(await betterCopyOf(path), undefined);
  await chown(`${path}.~1~`, 0, 0);
  await chmod(`${path}.~1~`, 0o666);
  assert.equal(await betterCopyOf(path), undefined);
  await chmod(`${path}.~1~`, 0o644);
  assert.equal((await betterCopyOf(path))?.kind, 'backup');
});

/** A file of no bytes. */
async function lostBeside(t: TestContext) {
  const file = await soundFile(t);
  await writeFile(file.path, '');
  return file;
}
