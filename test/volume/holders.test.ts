import assert from 'node:assert/strict';
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { findHolders, deviceName } from '../../src/service/procfs.js';
import { temporaryFolder } from '../tools/folder.js';

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
    [path, 'pos:\t0\n'],
  ]);
  await add(40, 'other\0', [['/dev/null', LOCK('WRITE')]]);
  assert.deepEqual(await findHolders(file, [], proc), {
    holders: [
      { pid: 10, command: undefined, lock: 'none' },
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
