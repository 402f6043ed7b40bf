import assert from 'node:assert/strict';
import { chmod, chown, copyFile, readFile, truncate } from 'node:fs/promises';
import type { TestContext } from 'node:test';
import type { Snapshot } from '../../src/store/snapshot.js';
import { restoreSnapshot } from '../../src/store/restore.js';
import { BIN, cli, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { testWith } from '../tools/needs.js';
import { change, refusedWith, soundFile, take } from './snap.js';

/*
 * A program loads what is in its database, so no snapshot is brought back that anybody can have written who cannot write
 * the database itself.
 */

/** Users that nobody is on this machine, each with a group of the same number. */
const OWNER = 4201;
const STRANGER = 4203;
const GROUP = 4300;
const NO_LOCK = { lock: false };

/** A database, emptied, and the good snapshot that was taken of it before. */
async function emptied(t: TestContext): Promise<{ path: string; store: string; good: Snapshot }> {
  const { folder, path, store } = await soundFile(t);
  const good = (await take(path)).taken!;
  await chmod(folder, 0o755);
  await truncate(path, 0);
  return { path, store, good };
}

async function giveTo(uid: number, gid: number, ...paths: string[]): Promise<void> {
  for (const path of paths) await chown(path, uid, gid);
}

testWith('root', 'a folder of snapshots of another user is not used, by no command', async (t) => {
  const { path, store, good } = await emptied(t);
  await giveTo(STRANGER, STRANGER, store, good.path);
  for (const command of ['restore', 'snapshots']) {
    const { code, stderr } = await cli([command, path]);
    assert.equal(code, 2);
    assert.match(stderr, /the snapshots in this folder are not used: it belongs to user 4203/);
  }
  assert.equal((await readFile(path)).length, 0);
  // One of a sound database is not put there either: its owner could replace it.
  await copyFile(fixture('amd64.db'), path);
  await refusedWith('not-trusted', take(path));
});

testWith(['root', 'flock'], 'guard brings nothing back that another user planted, and says so', async (t) => {
  const { path, store, good } = await emptied(t);
  await giveTo(STRANGER, STRANGER, store, good.path);
  const { code, stderr } = await cli(['guard', path, '--', 'true']);
  assert.equal(code, 0);
  assert.match(stderr, /warning: .*the snapshots in this folder are not used: it belongs to user 4203/);
  assert.doesNotMatch(stderr, /is back/);
});

testWith('root', 'a planted snapshot among good ones is not used, and they are', async (t) => {
  const { path, good } = await emptied(t);
  await copyFile(fixture('amd64.db'), path);
  await change(path, 1);
  const planted = (await take(path)).taken!;
  await truncate(path, 0);
  await giveTo(STRANGER, STRANGER, planted.path);
  const listed = await cli(['snapshots', path]);
  assert.match(listed.stdout, /1 snapshot in /);
  assert.match(listed.stdout, new RegExp(`NOT USED: .*${planted.id}.*belongs to user 4203`));
  await refusedWith('not-trusted', restoreSnapshot(path, planted.id, NO_LOCK));
  const { snapshot, notes } = await restoreSnapshot(path, undefined, NO_LOCK);
  assert.equal(snapshot.id, good.id);
  assert.match(notes.join('\n'), new RegExp(`${planted.id}.* is not used: it belongs to user 4203`));
});

testWith(
  'root',
  'what all users, or a group that cannot write the database, can write is not used',
  async (t) => {
    const { path, store, good } = await emptied(t);
    for (const [one, mode] of [
      [store, 0o777],
      [store, 0o1777],
      [store, 0o770],
      [good.path, 0o666],
      [good.path, 0o660],
    ] as const) {
      await chmod(store, 0o700);
      await chmod(good.path, 0o600);
      await chmod(one, mode);
      await refusedWith('not-trusted', restoreSnapshot(path, undefined, NO_LOCK));
    }
  },
);

testWith('root', 'root uses the snapshots of the database’s owner', async (t) => {
  const { path, store, good } = await emptied(t);
  await giveTo(OWNER, OWNER, path, store, good.path);
  assert.equal((await restoreSnapshot(path, undefined, NO_LOCK)).snapshot.id, good.id);
});

testWith(['root', 'chown'], 'a database that is gone has its folder’s owner, and no other', async (t) => {
  const { path, store, good } = await emptied(t);
  await run('rm', [path]);
  await giveTo(OWNER, OWNER, store, good.path);
  await refusedWith('not-trusted', restoreSnapshot(path, undefined, NO_LOCK));
  await chown(`${store}/..`, OWNER, OWNER);
  assert.equal((await restoreSnapshot(path, undefined, NO_LOCK)).snapshot.id, good.id);
});

testWith(
  ['root', 'flock'],
  'a volume whose group Kubernetes set (fsGroup) keeps its snapshots',
  async (t) => {
    const { path, store, good } = await emptied(t);
    // As the kubelet leaves it: all is the group's to write, the folders with set-group-ID; new files are the user's.
    const volume = `${store}/..`;
    await giveTo(0, GROUP, volume);
    await chmod(volume, 0o2775);
    await giveTo(OWNER, GROUP, path, store, good.path);
    await chmod(store, 0o2770);
    await chmod(good.path, 0o660);
    await chmod(path, 0o644);
    const asOwner = ['--reuid', String(OWNER), '--regid', String(OWNER), '--groups', String(GROUP)];
    const { code, stdout, stderr } = await run('setpriv', [
      ...asOwner,
      process.execPath,
      BIN,
      'restore',
      path,
    ]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /RESTORED/);
  },
);

testWith(['root', 'acl'], 'a folder that an ACL lets another user write is not used', async (t) => {
  const { path, store } = await emptied(t);
  await chmod(path, 0o660);
  await run('setfacl', ['-m', `u:${STRANGER}:rwx`, store]);
  await refusedWith('not-trusted', restoreSnapshot(path, undefined, NO_LOCK));
});
