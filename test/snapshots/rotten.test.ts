import assert from 'node:assert/strict';
import { rm, writeFile, readFile } from 'node:fs/promises';
import test from 'node:test';
import { restoreSnapshot } from '../../src/store/restore.js';
import { cli } from '../tools/cli.js';
import { change, refusedWith, soundFile, take } from './snap.js';

/*
 * A damaged snapshot does not hide an older intact one.
 */

test('the newest intact snapshot is restored; a named one must be intact itself', async (t) => {
  const { path } = await soundFile(t);
  const older = (await take(path)).taken!;
  await change(path, 1);
  const newer = (await take(path)).taken!;
  await change(newer.path, 2);
  await refusedWith('not-intact', restoreSnapshot(path, newer.id, { lock: false }));
  const { snapshot, notes } = await restoreSnapshot(path, undefined, { lock: false });
  assert.equal(snapshot.id, older.id);
  assert.ok(notes.includes(`Of the newer snapshots none is intact: ${newer.id}.`), notes.join());
});

test('guard restores the newest intact snapshot and names the damaged one', async (t) => {
  const { path } = await soundFile(t);
  await take(path);
  const good = await readFile(path);
  await change(path, 1);
  const newer = (await take(path)).taken!;
  await writeFile(newer.path, 'rotten');
  await rm(path);
  const { code, stderr } = await cli(['guard', path, '--', process.execPath, '-e', '']);
  assert.equal(code, 0);
  assert.ok(stderr.includes(`${newer.path}: this snapshot is damaged`), stderr);
  assert.deepEqual(await readFile(path), good);
});
