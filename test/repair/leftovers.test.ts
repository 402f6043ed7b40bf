import assert from 'node:assert/strict';
import { chown, copyFile, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { repair } from '../../src/repair.js';
import { restoreSnapshot } from '../../src/store/restore.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';
import { take } from '../store/snap.js';

/*
 * The next repair removes the files that a killed one left beside a database, and no others.
 */

const LEFT = '.gdbm-doctor-0123456789ab.tmp';
const YOUNG = '.gdbm-doctor-ba9876543210.tmp';
const OTHERS = [YOUNG, '.gdbm-doctor-0123.tmp', 'gdbm-doctor-0123456789ab.tmp', `${LEFT}.bak`];

async function make(path: string, hours: number): Promise<void> {
  await writeFile(path, 'half of it');
  await utimes(path, new Date(), new Date(Date.now() - hours * 3_600_000));
}

async function withLeftovers(t: TestContext): Promise<{ folder: string; path: string }> {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'state.db');
  await copyFile(fixture('killed-shelve.db'), path);
  await make(join(folder, LEFT), 2);
  for (const name of OTHERS) await make(join(folder, name), name === YOUNG ? 0.5 : 2);
  await symlink(path, join(folder, '.gdbm-doctor-00000000000a.tmp'));
  await mkdir(join(folder, '.gdbm-doctor-00000000000b.tmp'));
  return { folder, path };
}

test('a repair in place removes what an earlier one left, and says so', async (t) => {
  const { folder, path } = await withLeftovers(t);
  const before = await readdir(folder);
  await repair(path, { dryRun: true });
  await repair(path, { output: join(folder, 'out.db'), lock: false });
  for (const name of before) assert.ok((await readdir(folder)).includes(name), name);
  const { notes } = await repair(path, { lock: false });
  assert.match(notes.join('\n'), /^One file that was left half-made/);
  const after = await readdir(folder);
  assert.deepEqual(
    before.filter((name) => !after.includes(name)),
    [LEFT],
  );
});

test('so does a restore', async (t) => {
  const { folder, path } = await withLeftovers(t);
  await copyFile(fixture('amd64.db'), path);
  await take(path);
  await writeFile(path, 'damage');
  const { notes } = await restoreSnapshot(path, undefined, { lock: false });
  assert.match(notes.join('\n'), /One file that was left half-made/);
  assert.ok(!(await readdir(folder)).includes(LEFT));
});

testWith('root', 'what belongs to another user stays', async (t) => {
  const { folder, path } = await withLeftovers(t);
  await chown(join(folder, LEFT), 1234, 1234);
  await repair(path, { lock: false });
  assert.ok((await readdir(folder)).includes(LEFT));
});
