import assert from 'node:assert/strict';
import { appendFile, copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { listSnapshots } from '../../src/store/folder.js';
import { restoreSnapshot } from '../../src/store/restore.js';
import { cli } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { refusedWith, take } from './snap.js';

/*
 * A folder of snapshots that the user named belongs to one database, wherever the database is.
 */

const NO_LOCK = { lock: false };

/** Two databases with one name in two folders, and a folder for snapshots. */
async function twoOfOneName(t: TestContext): Promise<{ c: string; d: string; dir: string; folder: string }> {
  const folder = await temporaryFolder(t);
  for (const name of ['c', 'd']) await mkdir(join(folder, name));
  const [c, d] = ['c', 'd'].map((name) => join(folder, name, 'x.db'));
  await copyFile(fixture('amd64.db'), c);
  await copyFile(fixture('arm64.db'), d);
  return { c, d, dir: join(folder, 'kept'), folder };
}

test('snapshots of another database of the same name are neither added to nor restored', async (t) => {
  const { c, d, dir } = await twoOfOneName(t);
  await take(c, { dir });
  const { message } = await refusedWith('exists', take(d, { dir }));
  assert.ok(message.includes(`snapshots of ${d}, found those of ${c} in it`), message);
  const before = await readFile(d);
  const refused = await refusedWith('another-database', restoreSnapshot(d, undefined, { dir, ...NO_LOCK }));
  assert.match(refused.message, /found those of .*c\/x\.db\. Nothing was changed.*--other-database/);
  await rm(d);
  await refusedWith('another-database', restoreSnapshot(d, undefined, { dir, ...NO_LOCK }));
  await writeFile(d, before);
  assert.equal((await listSnapshots(d, { dir })).other?.path, c);
  assert.equal((await listSnapshots(c, { dir })).other, undefined);
  const wanted = await restoreSnapshot(d, undefined, { dir, otherDatabase: true, ...NO_LOCK });
  assert.deepEqual([wanted.action, wanted.notes[0]], ['restored', `The snapshot is one of ${c}.`]);
});

test('a database that was moved, or is seen by another path, keeps its snapshots', async (t) => {
  const { c, dir, folder } = await twoOfOneName(t);
  await take(c, { dir });
  await rename(join(folder, 'c'), join(folder, 'e'));
  const e = join(folder, 'e', 'x.db');
  assert.equal((await listSnapshots(e, { dir })).other, undefined);
  assert.equal((await take(e, { dir })).taken, undefined, 'nothing new');
  await appendFile(e, 'damage');
  assert.equal((await restoreSnapshot(e, undefined, { dir, ...NO_LOCK })).action, 'restored');
  // Another database may be at the old path by now.
  await mkdir(join(folder, 'c'));
  await copyFile(fixture('arm64.db'), c);
  await refusedWith('exists', take(c, { dir }));
});

test('a folder that records only a name belongs to the database with that name', async (t) => {
  const { c, dir } = await twoOfOneName(t);
  await take(c, { dir });
  await writeFile(join(dir, '.database'), 'x.db\n');
  await appendFile(c, 'damage');
  assert.equal((await restoreSnapshot(c, undefined, { dir, ...NO_LOCK })).action, 'restored');
  await take(c, { dir });
  assert.deepEqual(JSON.parse(await readFile(join(dir, '.database'), 'utf8')), { name: 'x.db', path: c });
  await writeFile(join(dir, '.database'), 'y.db\n');
  await refusedWith('another-database', restoreSnapshot(c, undefined, { dir, ...NO_LOCK }));
});

test('the default folder of a database belongs to it, even if another database names it', async (t) => {
  const { c, d } = await twoOfOneName(t);
  await take(c);
  const dir = join(c, '..', '.x.db.snapshots');
  await refusedWith('another-database', restoreSnapshot(d, undefined, { dir, ...NO_LOCK }));
  await refusedWith('exists', take(d, { dir }));
  assert.equal((await take(c, { dir })).taken, undefined);
});

test('snapshots of another database: snapshots names it, restore refuses them, guard starts without', async (t) => {
  const { c, d, dir } = await twoOfOneName(t);
  await take(c, { dir });
  await rm(d);
  const listed = await cli(['snapshots', '--snapshots', dir, d]);
  assert.ok(listed.stdout.includes(`ANOTHER DATABASE'S: ${c}`), listed.stdout);
  const json = await cli(['snapshots', '--json', '--snapshots', dir, d]);
  const { files } = JSON.parse(json.stdout) as { files: { otherDatabase: string }[] };
  assert.equal(files[0].otherDatabase, c);
  assert.equal((await cli(['restore', '--snapshots', dir, d])).code, 2);
  const guarded = await cli(['guard', '--snapshots', dir, d, '--', process.execPath, '-e', '']);
  assert.equal(guarded.code, 0);
  assert.match(guarded.stderr, /found those of .*none is brought back/);
  assert.deepEqual(await readdir(join(d, '..')), []);
  assert.equal((await cli(['restore', '--no-lock', '--other-database', '--snapshots', dir, d])).code, 0);
  assert.deepEqual(await readFile(d), await readFile(c));
});

test('watch refuses one folder of snapshots for several databases', async (t) => {
  const { c, d, dir } = await twoOfOneName(t);
  const { code, stderr } = await cli(['watch', '--once', '--snapshots', dir, c, d]);
  assert.equal(code, 2);
  assert.match(stderr, /expected one file with --snapshots DIR, found 2/);
  assert.equal((await cli(['watch', '--once', '--snapshots', dir, c])).code, 0);
});
