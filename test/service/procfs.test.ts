import fc from 'fast-check';
import assert from 'node:assert/strict';
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';
import {
  mountOf,
  parseMountinfo,
  unescapeOctal,
  deviceName,
  parseLocks,
  findHolders,
} from '../../src/service/procfs.js';
import { temporaryFolder } from '../tools/folder.js';

/** Lines of the kernel: with and without optional fields, a bind mount of a file, escapes, a mount over another. */
const TEXT = `27 1 0:30 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/l,upperdir=/u
40 27 8:1 / /data rw,relatime shared:5 master:2 - ext4 /dev/sda1 rw,errors=remount-ro
41 40 0:50 / /data/my\\040files ro - nfs4 nas:/my\\040export rw,nolock
42 27 8:1 /srv/flower.db /app/flower.db rw - ext4 /dev/sda1 rw
43 27 0:60 / /hidden/deep rw - tmpfs tmpfs rw
44 27 8:2 / /hidden rw - xfs /dev/sdb rw
45 40 0:61 / /data rw - tmpfs tmpfs rw
46 27 8:3 /gone//deleted /bound rw - ext4 /dev/sda3 rw
a line that is none
47 27 8:4 / /torn
`;
const mounts = parseMountinfo(TEXT);
const at = (path: string) => mountOf(mounts, path)?.id;

test('the fields are parsed as in proc(5), with any optional ones', () => {
  assert.equal(mounts.length, 8);
  assert.deepEqual(mounts[2], {
    id: 41,
    parentId: 40,
    device: '0:50',
    root: '/',
    mountPoint: '/data/my files',
    options: ['ro'],
    fsType: 'nfs4',
    source: 'nas:/my export',
    superOptions: ['rw', 'nolock'],
  });
  assert.equal(mounts[3].root, '/srv/flower.db');
});

test('the mount of a path is the one that the kernel finds', () => {
  assert.equal(at('/etc/passwd'), 27);
  assert.equal(at('/app/flower.db'), 42);
  assert.equal(at('/app/flower.db.~1~'), 27);
  assert.equal(at('/database'), 27);
  assert.equal(at('/bound/x'), 46);
  // A later mount on a higher folder hides an earlier one below.
  assert.equal(at('/hidden/deep/x'), 44);
  // The later one of two at the same point hides the mounts within the first.
  assert.equal(at('/data/flower.db'), 45);
  assert.equal(at('/data/my files/x'), 45);
});

test('a cycle of mounts ends the search', () => {
  assert.equal(mountOf([], '/x'), undefined);
  const [root, data] = mounts;
  assert.equal(mountOf([data], '/data/x'), undefined);
  assert.equal(mountOf([{ ...root, parentId: root.id }], '/x')?.id, 27);
  const circle = [root, { ...data, parentId: 27, id: 50 }, { ...data, parentId: 50, id: 50 }];
  assert.ok(mountOf(circle, '/data/x') !== undefined);
});

test('any escaped bytes are decoded', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.infiniteStream(fc.boolean()), (text, choices) => {
      const escaped = Array.from(Buffer.from(text), (byte) => {
        // The kernel escapes space, tab, line end, # and backslash; any other byte may be escaped, too.
        const must = [0x20, 0x09, 0x0a, 0x23, 0x5c].includes(byte) || byte >= 0x80;
        const may = choices.next().value as boolean;
        return must || may ? `\\${byte.toString(8).padStart(3, '0')}` : String.fromCharCode(byte);
      }).join('');
      assert.equal(unescapeOctal(escaped), Buffer.from(text).toString());
    }),
  );
});

test('text without escapes is unchanged', () => {
  for (const text of ['', '\\', '\\04', '\\999', '\\777', 'a\\', 'ü\\x', '\\ü40']) {
    assert.equal(unescapeOctal(text), text);
  }
});

test('the parser ends for any text', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      mountOf(parseMountinfo(text), '/x');
    }),
  );
});

test('held locks are parsed, and waiting ones are not', () => {
  const text = `1: FLOCK  ADVISORY  WRITE 12739 fe:00:9977916 0 EOF
1: -> FLOCK  ADVISORY  WRITE 12740 fe:00:9977916 0 EOF
2: POSIX  ADVISORY  READ  3568 08:02:18446744073709551615 128 191
3: OFDLCK ADVISORY  WRITE -1 00:15:8713 0 EOF
4: LEASE  ACTIVE    READ 5 103:01:77 0 EOF
5: POSIX  *NOINODE* WRITE 7 <none>:0 0 EOF
nonsense
`;
  assert.deepEqual(parseLocks(text), [
    { kind: 'flock', mode: 'exclusive', pid: 12739, device: '254:0', inode: 9977916n },
    { kind: 'posix', mode: 'shared', pid: 3568, device: '8:2', inode: 18446744073709551615n },
    { kind: 'ofd', mode: 'exclusive', pid: undefined, device: '0:21', inode: 8713n },
    { kind: 'lease', mode: 'shared', pid: 5, device: '259:1', inode: 77n },
  ]);
});

test('the lock lines of fdinfo are parsed, and the others are not', () => {
  const text =
    'pos:\t0\nflags:\t02100002\nmnt_id:\t29\nlock:\t1: FLOCK  ADVISORY  WRITE 359 00:13:11691 0 EOF\n';
  assert.deepEqual(parseLocks(text), [
    { kind: 'flock', mode: 'exclusive', pid: 359, device: '0:19', inode: 11691n },
  ]);
});

test('device numbers are split like those of the C library', () => {
  assert.equal(deviceName(0xfe00n), '254:0');
  assert.equal(deviceName(0x801n), '8:1');
  const number = fc.integer({ min: 0, max: 0xffffffff }).map(BigInt);
  fc.assert(
    fc.property(number, number, (major, minor) => {
      const dev =
        ((major & 0xfffff000n) << 32n) |
        ((major & 0xfffn) << 8n) |
        ((minor & 0xffffff00n) << 12n) |
        (minor & 0xffn);
      assert.equal(deviceName(dev), `${major}:${minor}`);
    }),
  );
});

/** A simulated procfs with this process in it, and a file for its processes. */
async function procfs(t: TestContext) {
  const proc = await temporaryFolder(t);
  const path = join(proc, 'flower.db');
  await writeFile(path, '');
  await mkdir(join(proc, String(process.pid)));
  return {
    proc,
    path,
    file: await stat(path, { bigint: true }),
    /** A process with these files open as 0, 1 and so on, each with its line of fdinfo. */
    add: async (pid: number, command: string, open: readonly (readonly [path: string, info: string])[]) => {
      const folder = join(proc, String(pid));
      await mkdir(join(folder, 'fd'), { recursive: true });
      await mkdir(join(folder, 'fdinfo'));
      await writeFile(join(folder, 'cmdline'), command);
      for (const [fd, [target, info]] of open.entries()) {
        await symlink(target, join(folder, 'fd', String(fd)));
        await writeFile(join(folder, 'fdinfo', String(fd)), info);
      }
    },
  };
}

const LOCK = (mode: 'READ' | 'WRITE') => `pos:\t0\nlock:\t1: FLOCK  ADVISORY  ${mode} 1 00:00:1 0 EOF\n`;

test('each process that has the file is found with its strongest lock', async (t) => {
  const { proc, path, file, add } = await procfs(t);
  await add(30, 'python\0-m\0celery\0', [
    [path, 'pos:\t0\n'],
    [path, LOCK('WRITE')],
  ]);
  await add(20, 'reader\0', [[path, LOCK('READ')]]);
  await add(10, '', [
    ['/dev/null', LOCK('WRITE')],
    [path, 'pos:\t0\nflags:\t0100000\n'],
  ]);
  await add(15, 'unlocked\0', [[path, 'pos:\t0\nflags:\t02100002\n']]);
  await add(40, 'other\0', [['/dev/null', LOCK('WRITE')]]);
  assert.deepEqual(await findHolders(file, [], proc), {
    holders: [
      { pid: 10, command: undefined, lock: 'none' },
      { pid: 15, command: 'unlocked', lock: 'none', writes: true },
      { pid: 20, command: 'reader', lock: 'shared' },
      { pid: 30, command: 'python -m celery', lock: 'exclusive' },
    ],
    hidden: 0,
  });
});

test('a hidden process is found by /proc/locks, also under another device number', async (t) => {
  const { proc, file } = await procfs(t);
  // A missing folder `fd` means that the process ended; a file in its place fails like EACCES.
  for (const pid of [50, 51]) {
    await mkdir(join(proc, String(pid)));
    await writeFile(join(proc, String(pid), 'fd'), '');
    await writeFile(join(proc, String(pid), 'cmdline'), 'flower\0');
  }
  const hex = (device: string) =>
    device
      .split(':')
      .map((n) => Number(n).toString(16).padStart(2, '0'))
      .join(':');
  const line = (pid: number, device: string, inode = file.ino) =>
    `1: FLOCK  ADVISORY  WRITE ${pid} ${device}:${inode} 0 EOF\n`;
  const own = hex(deviceName(file.dev));
  const holders = async (locks: string, devices: string[] = []) => {
    await writeFile(join(proc, 'locks'), locks);
    return findHolders(file, devices, proc);
  };
  const flower = { pid: 50, command: 'flower', lock: 'exclusive' };
  assert.deepEqual(await holders(line(50, own)), { holders: [flower], hidden: 2 });
  assert.deepEqual((await holders(line(50, 'fff:01'))).holders, []);
  assert.deepEqual((await holders(line(50, 'fff:01'), ['4095:1'])).holders, [flower]);
  // Another file, an ended process, this process.
  assert.deepEqual(
    (await holders(line(50, own, file.ino + 1n) + line(999, own) + line(process.pid, own))).holders,
    [],
  );
});

test('without procfs the holders are unknown', async (t) => {
  const folder = await temporaryFolder(t);
  const file = await stat(folder, { bigint: true });
  assert.equal((await findHolders(file, [], folder)).holders, undefined);
  assert.equal((await findHolders(file, [], join(folder, 'none'))).holders, undefined);
});
