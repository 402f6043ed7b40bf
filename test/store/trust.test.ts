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
 * A program loads the contents of its database, so a snapshot is not restored if anybody can have written it who cannot
 * write the database itself.
 */

/** Unused users of this machine, each with a group of the same number. */
const OWNER = 4201;
const STRANGER = 4203;
const GROUP = 4300;
const NO_LOCK = { lock: false };

/** An emptied database, and the good snapshot that was taken before. */
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

testWith('root', 'no command uses another user’s folder of snapshots', async (t) => {
  const { path, store, good } = await emptied(t);
  await giveTo(STRANGER, STRANGER, store, good.path);
  for (const command of ['restore', 'snapshots']) {
    const { code, stderr } = await cli([command, path]);
    assert.equal(code, 2);
    assert.match(stderr, /the snapshots in this folder are not used: it belongs to user 4203/);
  }
  assert.equal((await readFile(path)).length, 0);
  // No snapshot is put there, either: the folder's owner could replace it.
  await copyFile(fixture('amd64.db'), path);
  await refusedWith('not-trusted', take(path));
});

testWith(
  ['root', 'flock'],
  'guard restores no snapshot that another user planted, and says so',
  async (t) => {
    const { path, store, good } = await emptied(t);
    await giveTo(STRANGER, STRANGER, store, good.path);
    const { code, stderr } = await cli(['guard', path, '--', 'true']);
    assert.equal(code, 0);
    assert.match(stderr, /warning: .*the snapshots in this folder are not used: it belongs to user 4203/);
    assert.doesNotMatch(stderr, /is back/);
  },
);

testWith('root', 'a planted snapshot among good ones is ignored', async (t) => {
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

testWith('root', 'snapshots that all users, or a foreign group, can write are not used', async (t) => {
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
});

testWith('root', 'root uses the snapshots of the database’s owner', async (t) => {
  const { path, store, good } = await emptied(t);
  await giveTo(OWNER, OWNER, path, store, good.path);
  assert.equal((await restoreSnapshot(path, undefined, NO_LOCK)).snapshot.id, good.id);
});

testWith(
  ['root', 'chown'],
  'a missing database belongs to its folder’s owner, and nobody else',
  async (t) => {
    const { path, store, good } = await emptied(t);
    await run('rm', [path]);
    await giveTo(OWNER, OWNER, store, good.path);
    await refusedWith('not-trusted', restoreSnapshot(path, undefined, NO_LOCK));
    await chown(`${store}/..`, OWNER, OWNER);
    assert.equal((await restoreSnapshot(path, undefined, NO_LOCK)).snapshot.id, good.id);
  },
);

testWith(['root', 'flock'], 'snapshots on a volume with Kubernetes’ fsGroup are used', async (t) => {
  const { path, store, good } = await emptied(t);
  // The kubelet makes everything writable for the group and sets the folders' set-group-ID bit; new files belong to the user.
  const volume = `${store}/..`;
  await giveTo(0, GROUP, volume);
  await chmod(volume, 0o2775);
  await giveTo(OWNER, GROUP, path, store, good.path);
  await chmod(store, 0o2770);
  await chmod(good.path, 0o660);
  await chmod(path, 0o644);
  const asOwner = ['--reuid', String(OWNER), '--regid', String(OWNER), '--groups', String(GROUP)];
  const { code, stdout, stderr } = await run('setpriv', [...asOwner, process.execPath, BIN, 'restore', path]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /RESTORED/);
});

testWith(['root', 'acl'], 'a folder that another user can write by an ACL is not used', async (t) => {
  const { path, store } = await emptied(t);
  await chmod(path, 0o660);
  await run('setfacl', ['-m', `u:${STRANGER}:rwx`, store]);
  await refusedWith('not-trusted', restoreSnapshot(path, undefined, NO_LOCK));
});
