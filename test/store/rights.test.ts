import assert from 'node:assert/strict';
import { chmod, chown, copyFile, mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BIN, cli, joined, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

/*
 * Nobody gains rights by a repair, a backup or a restore: a user who could not read, write or execute a file before cannot
 * do so afterwards.
 */

const NODE = process.execPath;
/** Unused users of this machine, each with a group of the same number. */
const OWNER = 4201;
const HELPER = 4202;
const STRANGER = 4203;

async function damagedFile(t: TestContext, folderMode = 0o777): Promise<string> {
  const folder = await temporaryFolder(t);
  await chmod(folder, folderMode);
  const path = join(folder, 'state.db');
  await copyFile(fixture('killed-shelve.db'), path);
  return path;
}

function runAs(uid: number, groups: readonly number[], command: readonly string[]) {
  const more = groups.length === 0 ? '--clear-groups' : `--groups=${groups.join()}`;
  return run('setpriv', [`--reuid=${uid}`, `--regid=${uid}`, more, ...command]);
}

/** The rights of a user to a file: `r`, `w`, `rw` or nothing. */
async function rightsOf(uid: number, path: string): Promise<string> {
  const asked = ['sh', '-c', '[ -r "$0" ] && printf r; [ -w "$0" ] && printf w', path];
  return (await runAs(uid, [], asked)).stdout;
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o7777).toString(8);
}

async function setfacl(entries: string, path: string): Promise<void> {
  const { code, stderr } = await run('setfacl', ['-m', entries, path]);
  assert.equal(code, 0, stderr);
}

async function aclOf(path: string): Promise<string> {
  return (await run('getfacl', ['-nEcp', path])).stdout;
}

/** A PATH with nothing but these programs. */
async function pathWith(t: TestContext, ...programs: string[]): Promise<Record<string, string>> {
  const folder = await temporaryFolder(t);
  for (const program of programs) {
    await symlink((await run('sh', ['-c', `command -v ${program}`])).stdout.trim(), join(folder, program));
  }
  return { PATH: folder };
}

testWith(['flock', 'root'], 'bytes of one user never get the set-user-ID bit of another', async (t) => {
  const path = await damagedFile(t);
  await chown(path, OWNER, OWNER);
  await chmod(path, 0o6777);
  // Linux allows no hard link to another user's file with these bits, so its backup is a copy.
  const { code, stdout } = await runAs(HELPER, [], [NODE, BIN, 'repair', path]);
  assert.equal(code, 0, stdout);
  for (const one of [path, `${path}.~1~`]) {
    const { uid, mode } = await stat(one);
    assert.equal(uid === OWNER ? 0 : mode & 0o7000, 0, one);
  }
  assert.equal((await stat(path)).uid, HELPER);
});

testWith(['flock', 'root'], 'a fresh file has no set-ID or sticky bit, for any user', async (t) => {
  const path = await damagedFile(t);
  await chown(path, OWNER, OWNER);
  await chmod(path, 0o7755);
  assert.equal((await cli(['repair', path])).code, 0);
  const { uid, gid } = await stat(path);
  assert.deepEqual([uid, gid, await modeOf(path)], [OWNER, OWNER, '755']);
});

testWith(['flock', 'mounts', 'root'], 'a backup that is a copy has no set-ID bit', async (t) => {
  const path = await damagedFile(t);
  await chown(path, OWNER, OWNER);
  await chmod(path, 0o6755);
  const mounted = join(path, '..', 'container');
  await mkdir(mounted);
  await writeFile(join(mounted, 'flower.db'), '');
  const script = `mount --bind ${path} ${mounted}/flower.db && ${NODE} ${BIN} repair ${mounted}/flower.db`;
  assert.equal((await run('unshare', ['-m', 'sh', '-c', script])).code, 0);
  assert.equal(await modeOf(join(mounted, 'flower.db.~1~')), '755');
});

testWith(
  ['flock', 'root', 'acl'],
  'if the group cannot be given, no other group gets its rights',
  async (t) => {
    const path = await damagedFile(t);
    await chown(path, OWNER, OWNER);
    await chmod(path, 0o666);
    const { code } = await runAs(HELPER, [], [NODE, BIN, 'repair', path]);
    assert.equal(code, 0);
    assert.equal(await modeOf(path), '666');
    // The helper has only the rights of others, which the group does not have.
    const closed = await damagedFile(t);
    await chown(closed, OWNER, OWNER);
    await chmod(closed, 0o646);
    const { stdout } = await runAs(HELPER, [], [NODE, BIN, 'repair', closed]);
    assert.match(joined(stdout), /could not be given the group 4201\. So that .* its mode is 0644, not 0646/);
    assert.equal(await modeOf(closed), '644');
  },
);

testWith(
  ['flock', 'root', 'acl'],
  'one of the user’s own groups is given even if the owner cannot be',
  async (t) => {
    const path = await damagedFile(t);
    await chown(path, OWNER, OWNER);
    await chmod(path, 0o660);
    assert.equal((await runAs(HELPER, [OWNER], [NODE, BIN, 'repair', path])).code, 0);
    const { uid, gid } = await stat(path);
    assert.deepEqual([uid, gid, await modeOf(path)], [HELPER, OWNER, '660']);
  },
);

testWith(['flock', 'root', 'acl'], 'an ACL is kept and grants nobody more than before', async (t) => {
  const path = await damagedFile(t);
  await chmod(path, 0o600);
  await chown(path, 0, OWNER);
  await setfacl(`u:${HELPER}:rw,u:${STRANGER}:-,g::-,o::r`, path);
  const before = await aclOf(path);
  assert.equal((await cli(['repair', path])).code, 0);
  assert.equal(await aclOf(path), before);
  assert.deepEqual(
    [await rightsOf(HELPER, path), await rightsOf(STRANGER, path), await rightsOf(OWNER, path)],
    ['rw', '', ''],
  );
});

testWith(['flock', 'mounts', 'root', 'acl'], 'a backup that is a copy keeps the ACL', async (t) => {
  const path = await damagedFile(t);
  await chmod(path, 0o600);
  await setfacl(`u:${HELPER}:r,g::-`, path);
  const mounted = join(path, '..', 'container');
  await mkdir(mounted);
  await setfacl(`d:u:${STRANGER}:rwx`, mounted);
  await writeFile(join(mounted, 'flower.db'), '');
  const script = `mount --bind ${path} ${mounted}/flower.db && ${NODE} ${BIN} repair ${mounted}/flower.db`;
  assert.equal((await run('unshare', ['-m', 'sh', '-c', script])).code, 0);
  assert.equal(await aclOf(join(mounted, 'flower.db.~1~')), await aclOf(path));
});

testWith(['flock', 'root', 'acl'], 'without setfacl only the owner keeps rights of an ACL', async (t) => {
  const path = await damagedFile(t);
  await chmod(path, 0o604);
  await chown(path, 0, OWNER);
  await setfacl(`u:${HELPER}:rw,u:${STRANGER}:-,g::-`, path);
  const { code, stdout } = await cli(['repair', path], await pathWith(t, 'flock', 'ls'));
  assert.equal(code, 0);
  assert.match(
    joined(stdout),
    /Note: The new file could not be given the access control list .* mode is 0600, not 0664/,
  );
  for (const uid of [OWNER, HELPER, STRANGER]) assert.equal(await rightsOf(uid, path), '', String(uid));
});

testWith(
  ['flock', 'root', 'acl'],
  'if no program can see an ACL, the group gets the rights of others',
  async (t) => {
    const path = await damagedFile(t);
    await chmod(path, 0o604);
    await chown(path, 0, OWNER);
    await setfacl(`u:${HELPER}:rw,g::r`, path);
    const { code, stdout } = await cli(['repair', path], await pathWith(t, 'flock'));
    assert.equal(code, 0);
    assert.match(joined(stdout), /Note: .* cannot be seen without getfacl .* mode is 0644, not 0664/);
    assert.deepEqual([await rightsOf(OWNER, path), await rightsOf(HELPER, path)], ['r', 'r']);
  },
);

for (const programs of [undefined, ['flock', 'ls'], ['flock']]) {
  const having = programs === undefined ? 'with setfacl' : `with nothing but ${programs.join(' and ')}`;
  testWith(
    ['flock', 'root', 'acl'],
    `a folder’s default ACL gives nobody rights to the fresh file, ${having}`,
    async (t) => {
      const path = await damagedFile(t);
      await chmod(path, 0o640);
      await chown(path, 0, OWNER);
      await setfacl(`d:u:${HELPER}:rw,d:g:${STRANGER}:rw`, join(path, '..'));
      const env = programs === undefined ? {} : await pathWith(t, ...programs);
      assert.equal((await cli(['repair', path], env)).code, 0);
      assert.deepEqual([await rightsOf(HELPER, path), await rightsOf(STRANGER, path)], ['', '']);
      // If the folder's entries can be removed, or are known to be absent, the group keeps its rights.
      assert.equal(await rightsOf(OWNER, path), programs === undefined ? 'r' : '');
    },
  );
}

testWith(['flock', 'root', 'acl'], 'an ACL is not given to a file with another group', async (t) => {
  const path = await damagedFile(t);
  await chown(path, OWNER, OWNER);
  await setfacl(`u:${HELPER}:rw,u:${STRANGER}:rw,g::rw`, path);
  const { code, stdout } = await runAs(HELPER, [], [NODE, BIN, 'repair', path]);
  assert.equal(code, 0, stdout);
  const { uid } = await stat(path);
  assert.deepEqual([uid, await modeOf(path), await rightsOf(STRANGER, path)], [HELPER, '600', '']);
});

testWith(['root', 'acl'], 'a new file gets no rights from its folder’s ACL', async (t) => {
  const folder = await temporaryFolder(t);
  await chmod(folder, 0o755);
  await setfacl(`u:${HELPER}:rwx,d:u:${HELPER}:rw`, folder);
  const dump = join(folder, 'dump');
  const out = join(folder, 'new.db');
  assert.equal((await cli(['dump', fixture('amd64.db'), dump])).code, 0);
  assert.equal((await cli(['load', dump, out, '--mode', '640'])).code, 0);
  assert.deepEqual([await modeOf(out), await rightsOf(HELPER, out)], ['640', '']);
});
