import assert from 'node:assert/strict';
import {
  chmod,
  chown,
  copyFile,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { BIN, cli, joined, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

const damaged = await readFile(fixture('killed-shelve.db'));
const NODE = process.execPath;

async function damagedFile(t: TestContext): Promise<{ folder: string; path: string }> {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'state.db');
  await copyFile(fixture('killed-shelve.db'), path);
  return { folder, path };
}

/** Requires that a repair is refused with a reason, and leaves the folder unchanged. */
async function requireRefused(args: string[], path: string, why: RegExp): Promise<void> {
  const folder = join(path, '..');
  const before = (await readdir(folder)).sort();
  const { code, stderr, stdout } = await cli(['repair', ...args]);
  assert.equal(code, 2, stdout);
  assert.match(stderr + stdout, why);
  assert.deepEqual((await readdir(folder)).sort(), before);
}

testWith('flock', 'the old file stays as NAME.~1~, the next one as NAME.~2~', async (t) => {
  const { folder, path } = await damagedFile(t);
  assert.equal((await cli(['repair', path])).code, 0);
  await copyFile(fixture('killed-shelve.db'), path);
  assert.equal((await cli(['repair', path])).code, 0);
  assert.deepEqual((await readdir(folder)).sort(), ['state.db', 'state.db.~1~', 'state.db.~2~']);
  assert.ok((await readFile(`${path}.~1~`)).equals(damaged));
  assert.ok((await readFile(`${path}.~2~`)).equals(damaged));
});

testWith('flock', '--no-backup keeps no backup', async (t) => {
  const { folder, path } = await damagedFile(t);
  assert.equal((await cli(['repair', '--no-backup', path])).code, 0);
  assert.deepEqual(await readdir(folder), ['state.db']);
});

testWith('flock', 'a repair does not touch a healthy file', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'healthy.db');
  await copyFile(fixture('arm64.db'), path);
  const before = await stat(path, { bigint: true });
  const { code, stdout } = await cli(['repair', '--for', 'any', path]);
  assert.equal(code, 0);
  assert.match(stdout, /nothing to do/);
  const after = await stat(path, { bigint: true });
  assert.equal(after.ino, before.ino);
  assert.equal(after.mtimeNs, before.mtimeNs);
  assert.ok((await readFile(path)).equals(await readFile(fixture('arm64.db'))));
  assert.deepEqual(await readdir(folder), ['healthy.db']);
});

testWith('flock', '-o OUT writes there and does not touch the source', async (t) => {
  const { folder, path } = await damagedFile(t);
  const before = await stat(path, { bigint: true });
  const { code } = await cli(['repair', path, '-o', join(folder, 'fixed.db')]);
  assert.equal(code, 0);
  const after = await stat(path, { bigint: true });
  assert.deepEqual([after.ino, after.mtimeNs, after.ctimeNs], [before.ino, before.mtimeNs, before.ctimeNs]);
  assert.ok((await readFile(path)).equals(damaged));
  assert.equal((await cli(['check', join(folder, 'fixed.db')])).code, 0);
});

testWith('flock', '-o never overwrites a file', async (t) => {
  const { folder, path } = await damagedFile(t);
  const other = join(folder, 'other');
  await writeFile(other, 'precious');
  await requireRefused([path, '-o', other], path, /expected no such file/);
  assert.equal(await readFile(other, 'utf8'), 'precious');
  await requireRefused([path, '-o', path], path, /expected no such file/);
  assert.ok((await readFile(path)).equals(damaged));
});

test('--dry-run reports the repair and writes nothing', async (t) => {
  const { folder, path } = await damagedFile(t);
  const { code, stdout } = await cli(['repair', '--dry-run', path]);
  assert.equal(code, 1);
  assert.match(stdout, /nothing was written/);
  assert.match(stdout, /396 records/);
  assert.ok((await readFile(path)).equals(damaged));
  assert.deepEqual(await readdir(folder), ['state.db']);
});

testWith(['flock', 'acl'], 'a repair keeps the mode', async (t) => {
  const { path } = await damagedFile(t);
  await chmod(path, 0o640);
  assert.equal((await cli(['repair', path])).code, 0);
  assert.equal((await stat(path)).mode & 0o7777, 0o640);
});

testWith(['flock', 'root'], 'a repair keeps the owner', async (t) => {
  const { path } = await damagedFile(t);
  await chown(path, 1234, 2345);
  assert.equal((await cli(['repair', path])).code, 0);
  const { uid, gid } = await stat(path);
  assert.deepEqual([uid, gid], [1234, 2345]);
});

testWith('flock', 'a repair keeps a symbolic link and repairs its target', async (t) => {
  const { folder, path } = await damagedFile(t);
  await mkdir(join(folder, 'links'));
  const name = join(folder, 'links', 'flower.db');
  await symlink(path, name);
  const { code, stdout } = await cli(['repair', name]);
  assert.equal(code, 0);
  assert.match(stdout, /symbolic link/);
  assert.ok((await lstat(name)).isSymbolicLink());
  assert.equal(await readlink(name), path);
  assert.equal((await cli(['check', path])).code, 0);
  assert.ok((await readFile(`${path}.~1~`)).equals(damaged));
});

testWith(
  'flock',
  'other names in the folder lead to the new file, and a note mentions names elsewhere',
  async (t) => {
    const { folder, path } = await damagedFile(t);
    await mkdir(join(folder, 'elsewhere'));
    const names = { second: join(folder, 'second'), copy: `${path}~`, far: join(folder, 'elsewhere', 'far') };
    for (const name of Object.values(names)) await link(path, name);
    const { code, stdout } = await cli(['repair', path]);
    assert.equal(code, 0);
    assert.match(joined(stdout), /second, another name of the file, leads to the new one/);
    assert.match(joined(stdout), /The old file has 2 other names/);
    assert.equal((await stat(names.second)).ino, (await stat(path)).ino);
    for (const name of [names.copy, names.far]) assert.ok((await readFile(name)).equals(damaged), name);
  },
);

testWith(['flock', 'python'], 'a repair keeps the ndbm pair of gdbm 1.8 together', async (t) => {
  const folder = await temporaryFolder(t);
  assert.equal(
    (await run('tar', ['-xf', fixture('../test/cases/gdbm-1.8.3-ndbm-pair.tar'), '-C', folder])).code,
    0,
  );
  const [pag, dir] = [join(folder, 'users.pag'), join(folder, 'users.dir')];
  const bytes = await readFile(pag);
  // A next_block as a killed writer leaves it.
  bytes.writeBigInt64LE(8192n, 32);
  await writeFile(pag, bytes);
  const { code, stdout } = await cli(['repair', pag]);
  assert.equal(code, 0, stdout);
  assert.equal((await stat(dir)).ino, (await stat(pag)).ino);
  assert.equal((await cli(['list', dir])).stdout.trimEnd().split('\n').length, 300);
});

test('a missing file and a folder are refused with a sentence', async (t) => {
  const folder = await temporaryFolder(t);
  await requireRefused([join(folder, 'none.db')], join(folder, 'x'), /expected a file, found none/);
  await requireRefused([folder], join(folder, 'x'), /expected a file, found a directory/);
});

testWith('mkfifo', 'a pipe and a device are refused without waiting', async (t) => {
  const folder = await temporaryFolder(t);
  await run('mkfifo', [join(folder, 'pipe')]);
  await requireRefused([join(folder, 'pipe')], join(folder, 'pipe'), /expected a regular file/);
  const checked = await cli(['check', join(folder, 'pipe'), '/dev/zero']);
  assert.equal(checked.code, 2);
});

testWith(['flock', 'root'], 'a repair without permission is refused and changes nothing', async (t) => {
  const { folder, path } = await damagedFile(t);
  const asNobody = (...args: string[]) =>
    run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', NODE, BIN, ...args]);
  await chmod(folder, 0o755);
  await chmod(path, 0o600);
  const unreadable = await asNobody('check', path);
  assert.equal(unreadable.code, 2);
  assert.match(unreadable.stderr, /no permission/);
  // The file is writable, its folder is not.
  await chmod(path, 0o666);
  const refused = await asNobody('repair', path);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /no permission to make a file in the folder/);
  assert.ok((await readFile(path)).equals(damaged));
});

testWith(
  ['flock', 'mounts'],
  'a full volume is refused with a sentence, and no file is left on it',
  async (t) => {
    const folder = await temporaryFolder(t);
    const script = `
    mount -t tmpfs -o size=200k none ${folder} && cp ${fixture('killed-shelve.db')} ${folder}/a.db
    ${NODE} ${BIN} repair ${folder}/a.db; echo "code $?"
    cmp ${folder}/a.db ${fixture('killed-shelve.db')} && echo same; ls -A ${folder}`;
    const { stdout, stderr } = await run('unshare', ['-m', 'sh', '-c', script]);
    assert.match(stderr, /no space left/);
    assert.equal(stdout, 'code 2\nsame\na.db\n');
  },
);

testWith(
  ['flock', 'mounts'],
  'a read-only volume is refused with a sentence, and -o writes elsewhere',
  async (t) => {
    const { folder, path } = await damagedFile(t);
    const elsewhere = await temporaryFolder(t);
    const script = `
    mount --bind ${folder} ${folder} && mount -o remount,ro,bind ${folder}
    ${NODE} ${BIN} repair ${path}; echo "code $?"
    ${NODE} ${BIN} repair ${path} -o ${elsewhere}/out.db > /dev/null; echo "code $?"`;
    const { stdout, stderr } = await run('unshare', ['-m', 'sh', '-c', script]);
    assert.match(stderr, /read-only/);
    assert.equal(stdout, 'code 2\ncode 0\n');
    assert.equal((await cli(['check', join(elsewhere, 'out.db')])).code, 0);
  },
);

testWith(
  ['flock', 'mounts'],
  'a file mounted by itself is overwritten after its backup is made',
  async (t) => {
    const { folder, path } = await damagedFile(t);
    await mkdir(join(folder, 'container'));
    const mounted = join(folder, 'container', 'flower.db');
    await writeFile(mounted, '');
    const script = `
    mount --bind ${path} ${mounted}
    ${NODE} ${BIN} repair --no-backup ${mounted}; echo "code $?"
    ${NODE} ${BIN} repair ${mounted}; echo "code $?"
    ${NODE} ${BIN} check ${mounted} > /dev/null; echo "code $?"`;
    const { stdout, stderr } = await run('unshare', ['-m', 'sh', '-c', script]);
    assert.match(stderr, /mounted by itself/);
    assert.match(stdout, /^code 2\n[^]*contents were replaced[^]*code 0\ncode 0\n$/);
    assert.equal((await cli(['check', path])).code, 0);
    assert.ok((await readFile(`${mounted}.~1~`)).equals(damaged));
  },
);
