import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { check } from '../../src/examine.js';
import { openFileSource } from '../../src/source/file.js';
import { listSnapshots } from '../../src/store/folder.js';
import { restoreSnapshot } from '../../src/store/restore.js';
import { cli } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { testWith } from '../tools/needs.js';
import { Random } from '../tools/random.js';
import { outcome, randomSteps } from '../tools/records.js';
import { change, leftovers, refusedWith, soundFile, take } from './snap.js';

/** Tests of the results of a restore need no flock program. */
const NO_LOCK = { lock: false };

test('the newest good snapshot is restored, and the previous file stays as a backup', async (t) => {
  const { folder, path } = await soundFile(t);
  // Group and others have the same rights, so that the mode is kept even if no program can see an ACL.
  await chmod(path, 0o644);
  await take(path);
  await change(path, 1);
  const newest = await readFile(path);
  const { taken } = await take(path);
  await truncate(path, 0);
  await take(path, { records: 0 });
  const restored = await restoreSnapshot(path, undefined, NO_LOCK);
  assert.deepEqual(
    [restored.action, restored.snapshot.id, restored.output, restored.backup],
    ['restored', taken!.id, path, `${path}.~1~`],
  );
  assert.ok((await readFile(path)).equals(newest));
  assert.equal((await stat(`${path}.~1~`)).size, 0);
  assert.equal((await stat(path)).mode & 0o777, 0o644);
  assert.deepEqual(await leftovers(folder), []);
  // The snapshot stays a separate file.
  assert.equal((await stat(taken!.path)).nlink, 1);
  const again = await restoreSnapshot(path, undefined, NO_LOCK);
  assert.deepEqual([again.action, again.backup], ['none', undefined]);
  assert.match(again.reason ?? '', /byte for byte/);
});

test('a snapshot is named by the beginning of its time or hash', async (t) => {
  const { path } = await soundFile(t);
  for (let mark = 1; mark <= 3; mark++) {
    await change(path, mark);
    await take(path);
  }
  const { snapshots } = await listSnapshots(path);
  for (const { id, hash } of snapshots) {
    for (const at of [id, id.toLowerCase(), id.slice(0, 17), hash, hash.slice(0, 8)]) {
      assert.equal((await restoreSnapshot(path, at, { dryRun: true })).snapshot.id, id, at);
    }
  }
  const year = snapshots[0].id.slice(0, 4);
  const { message } = await refusedWith('ambiguous', restoreSnapshot(path, year, NO_LOCK));
  for (const { id } of snapshots) assert.ok(message.includes(id));
  for (const at of ['1970', '', 'zz', '.'])
    await refusedWith('no-snapshot', restoreSnapshot(path, at, NO_LOCK));
});

test('without a good snapshot, only a named one is restored', async (t) => {
  const { path } = await soundFile(t);
  await refusedWith('no-snapshot', restoreSnapshot(path, undefined, NO_LOCK));
  const { taken } = await take(path, { poor: 'nothing in it' });
  const { message } = await refusedWith('no-snapshot', restoreSnapshot(path, undefined, NO_LOCK));
  assert.ok(message.includes(`--at ${taken!.id}`));
  await change(path, 1);
  assert.equal((await restoreSnapshot(path, taken!.id, NO_LOCK)).action, 'restored');
});

test('a snapshot with a flipped bit, cut or grown is refused, and nothing changes', async (t) => {
  const { folder, path } = await soundFile(t);
  const { taken } = await take(path);
  await change(path, 1);
  const before = await readFile(path);
  const good = await readFile(taken!.path);
  const flipped = Buffer.from(good);
  flipped[good.length >> 1] ^= 1;
  for (const bytes of [
    flipped,
    good.subarray(0, -1),
    Buffer.concat([good, Buffer.alloc(1)]),
    Buffer.alloc(0),
  ]) {
    await writeFile(taken!.path, bytes);
    for (const options of [NO_LOCK, { dryRun: true }]) {
      const { message } = await refusedWith('not-intact', restoreSnapshot(path, undefined, options));
      assert.match(message, /--at, .*snapshots --verify/);
    }
    assert.deepEqual(
      (await listSnapshots(path, { verify: true })).snapshots.map(({ intact }) => intact),
      [false],
    );
    assert.ok((await readFile(path)).equals(before));
    assert.deepEqual((await readdir(folder)).sort(), ['.flower.db.snapshots', 'flower.db']);
  }
});

test('a dry run writes nothing', async (t) => {
  const { folder, path } = await soundFile(t);
  await take(path);
  await change(path, 1);
  const before = await readFile(path);
  const { action, reason } = await restoreSnapshot(path, undefined, { dryRun: true });
  assert.equal(action, 'none');
  assert.match(reason ?? '', /nothing was written/);
  assert.ok((await readFile(path)).equals(before));
  assert.deepEqual((await readdir(folder)).sort(), ['.flower.db.snapshots', 'flower.db']);
});

test('a missing database is restored, also behind a symbolic link', async (t) => {
  const { folder, path } = await soundFile(t);
  await chmod(folder, 0o755);
  await take(path);
  const link = join(await temporaryFolder(t), 'state.db');
  await symlink(path, link);
  for (const name of [path, link]) {
    await rm(path);
    const { output, backup, notes } = await restoreSnapshot(name, undefined, NO_LOCK);
    assert.deepEqual([output, backup], [path, undefined]);
    assert.match(notes.join(), /There was no database/);
    assert.ok((await readFile(path)).equals(await readFile(fixture('amd64.db'))));
    assert.equal((await stat(path)).mode & 0o777, 0o644);
  }
  assert.deepEqual(await leftovers(folder), []);
});

testWith('root', 'a restored file has the owner of the present file, or of the folder', async (t) => {
  const { folder, path } = await soundFile(t);
  await chown(folder, 1234, 2345);
  await chown(path, 3456, 4567);
  await take(path);
  await change(path, 1);
  await restoreSnapshot(path, undefined, NO_LOCK);
  const held = await stat(path);
  assert.deepEqual([held.uid, held.gid], [3456, 4567]);
  await rm(path);
  await restoreSnapshot(path, undefined, NO_LOCK);
  const { uid, gid, mode } = await stat(path);
  assert.deepEqual([uid, gid, mode & 0o777], [1234, 2345, 0o600]);
});

test('obstacles to a restore are refused with a sentence', async (t) => {
  const { path } = await soundFile(t);
  await take(path);
  await rm(path);
  await mkdir(path);
  await refusedWith('is-directory', restoreSnapshot(path, undefined, NO_LOCK));
  await refusedWith('no-such-file', restoreSnapshot(join(path, 'none', 'x.db'), undefined, NO_LOCK));
});

testWith('flock', 'a database that another program holds is refused, or waited for', async (t) => {
  const { path } = await soundFile(t);
  await take(path);
  await change(path, 1);
  const before = await readFile(path);
  const child = spawn('flock', ['-s', path, 'sh', '-c', 'echo held; exec sleep 2'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => child.kill());
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await refusedWith('locked', restoreSnapshot(path));
  assert.ok((await readFile(path)).equals(before));
  assert.equal((await restoreSnapshot(path, undefined, { wait: 30 })).action, 'restored');
});

testWith(
  ['libgdbm', 'flock'],
  'records of the real libgdbm are restored after the database was emptied',
  async (t) => {
    const folder = await temporaryFolder(t);
    const path = join(folder, 'flower.db');
    const lib = new LibGdbm();
    t.after(() => lib.close());
    const random = new Random(4711);
    for (let round = 0; round < 5; round++) {
      const steps = randomSteps(random, 50 + 100 * round);
      await lib.create(path, steps);
      const source = await openFileSource(path);
      const { verdict, records } = await check(source);
      await source.close();
      assert.equal(verdict, 'healthy');
      assert.equal((await take(path, { records: records.count })).taken?.records, outcome(steps).length);
      // Flower makes a new file before it saves its state.
      await lib.create(path, []);
      await take(path, { records: 0 });
      assert.equal(await lib.count(path), 0);
      assert.equal((await restoreSnapshot(path)).action, 'restored');
      assert.deepEqual(await lib.walk(path), outcome(steps));
      assert.equal(await lib.count(`${path}.~${round + 1}~`), 0);
      await lib.change(path, [['store', Buffer.from('after'), Buffer.from('the restore')]]);
    }
  },
);

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
