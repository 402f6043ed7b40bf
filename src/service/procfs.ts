import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Holder } from './facts.js';

/** A line of /proc/self/mountinfo; see proc_pid_mountinfo(5). Paths are unescaped. */
export interface Mount {
  readonly id: number;
  /** The mount that this one is mounted on. */
  readonly parentId: number;
  /** `major:minor` of the file system's device, decimal. */
  readonly device: string;
  /** The path within its file system that the mount point shows. `//deleted` at its end: the path is gone. */
  readonly root: string;
  readonly mountPoint: string;
  /** Options of this mount, such as `ro`. */
  readonly options: readonly string[];
  readonly fsType: string;
  /** The device, the server's export or a word. */
  readonly source: string;
  /** Options of the whole file system. */
  readonly superOptions: readonly string[];
}

/** Parses the text of /proc/self/mountinfo. Leaves out lines that do not follow proc_pid_mountinfo(5). */
export function parseMountinfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    // A varying number of optional fields ends with a single hyphen.
    const dash = fields.indexOf('-', 6);
    if (dash < 0 || fields.length < dash + 4) return [];
    const [id, parentId, device, root, mountPoint, options] = fields;
    const [fsType, source, superOptions] = fields.slice(dash + 1);
    if (!/^\d+$/.test(id) || !/^\d+$/.test(parentId)) return [];
    return [
      {
        id: Number(id),
        parentId: Number(parentId),
        device,
        root: unescapeOctal(root),
        mountPoint: unescapeOctal(mountPoint),
        options: options.split(','),
        fsType: unescapeOctal(fsType),
        source: unescapeOctal(source),
        superOptions: superOptions.split(','),
      },
    ];
  });
}

/** Decodes the kernel's escapes: a backslash and three octal digits for a byte. */
export function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes = new TextEncoder().encode(text);
  const out: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const digits = /^\\([0-3][0-7]{2})/.exec(String.fromCharCode(...bytes.subarray(at, at + 4)));
    out.push(digits === null ? bytes[at] : parseInt(digits[1], 8));
    if (digits !== null) at += 3;
  }
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(out));
}

/**
 * Finds the mount of a path as the kernel does: from the root down, crossing each mount on the way, so that hidden mounts are
 * skipped.
 *
 * @param path absolute, without symbolic links
 */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  const above = mounts.filter(({ mountPoint }) => isWithin(path, mountPoint));
  const ids = new Set(mounts.map(({ id }) => id));
  let current = above.find(
    ({ id, parentId, mountPoint }) => mountPoint === '/' && (!ids.has(parentId) || parentId === id),
  );
  const passed = new Set<Mount>();
  while (current !== undefined && !passed.has(current)) {
    passed.add(current);
    const { id } = current;
    const next = above
      .filter((mount) => mount.parentId === id && !passed.has(mount))
      // A mount on a higher folder hides earlier mounts below that folder.
      .sort((a, b) => a.mountPoint.length - b.mountPoint.length)[0];
    if (next === undefined) return current;
    current = next;
  }
  return undefined;
}

/** Checks that a path is the folder or lies in it; both are absolute. */
function isWithin(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`);
}

/** A held lock of /proc/locks or of a `lock:` line of /proc/PID/fdinfo/N; see proc_locks(5). */
interface FileLock {
  readonly kind: 'flock' | 'posix' | 'ofd' | 'lease' | 'other';
  readonly mode: 'exclusive' | 'shared';
  /** The process that took it; undefined for an OFD lock, which belongs to no process. */
  readonly pid: number | undefined;
  /** `major:minor` of the file's device, decimal as in mountinfo. */
  readonly device: string;
  readonly inode: bigint;
}

const KINDS: Readonly<Record<string, FileLock['kind']>> = {
  FLOCK: 'flock',
  POSIX: 'posix',
  OFDLCK: 'ofd',
  LEASE: 'lease',
};

/**
 * Parses the text of /proc/locks, or the `lock:` lines of a fdinfo file. A process that only waits for a lock (`->`) holds
 * nothing and is left out, as is any other line.
 */
export function parseLocks(text: string): FileLock[] {
  const line =
    /^(?:lock:\s+)?\d+: (\w+)\s+\S+\s+(READ|WRITE|RW)\s+(-?\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) \d+ (?:\d+|EOF)$/gm;
  return [...text.matchAll(line)].map(([, kind, mode, pid, major, minor, inode]) => ({
    kind: KINDS[kind] ?? 'other',
    mode: mode === 'READ' ? 'shared' : 'exclusive',
    pid: Number(pid) > 0 ? Number(pid) : undefined,
    device: `${parseInt(major, 16)}:${parseInt(minor, 16)}`,
    inode: BigInt(inode),
  }));
}

/** `major:minor` of a device number of stat(2) on Linux. */
export function deviceName(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** The kernel's identity of a file. */
interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** The processes that were seen to hold a file. */
interface HoldersSeen {
  /** Undefined if there is no /proc. */
  readonly holders: Holder[] | undefined;
  /** Processes whose open files may not be looked at. */
  readonly hidden: number;
}

/** Bytes of a command line that are kept, at most. */
const COMMAND_BYTES = 300;

/**
 * Finds the other processes that have a file open or locked: by the descriptors of every process that may be inspected, and
 * by /proc/locks for the others. A process of another container has no /proc entry here and is not found. Takes no lock
 * itself.
 *
 * @param devices further `major:minor` names of the file's device: some file systems report another one in stat
 * @param proc path of procfs
 */
export async function findHolders(
  file: FileIdentity,
  devices: readonly string[],
  proc = '/proc',
): Promise<HoldersSeen> {
  const names = await readdir(proc).catch(() => undefined);
  const pids = (names ?? []).filter((name) => /^\d+$/.test(name)).map(Number);
  if (!pids.includes(process.pid)) return { holders: undefined, hidden: 0 };

  const found = new Map<number, Pick<Holder, 'lock' | 'writes'>>();
  let hidden = 0;
  for (const pid of pids.filter((one) => one !== process.pid)) {
    const hold = await holdOf(join(proc, String(pid)), file);
    if (hold === 'hidden') hidden++;
    else if (hold !== undefined) found.set(pid, hold);
  }
  // A flock that a program took for another process, such as `flock` for us, is listed with the number of that program even
  // after its end. So a process that is gone is no holder; the search above has found the real one.
  const all = parseLocks(await readFile(join(proc, 'locks'), 'utf8').catch(() => ''));
  const ownDevices = [deviceName(file.dev), ...devices];
  for (const { pid, mode, inode, device } of all) {
    if (pid === undefined || pid === process.pid || inode !== file.ino || !ownDevices.includes(device))
      continue;
    const known = found.get(pid);
    if (pids.includes(pid) && known?.lock !== 'exclusive') found.set(pid, { ...known, lock: mode });
  }
  const holders: Holder[] = [];
  for (const [pid, hold] of found)
    holders.push({ pid, command: await commandOf(join(proc, String(pid))), ...hold });
  return { holders: holders.sort((a, b) => a.pid - b.pid), hidden };
}

/** Access mode of a descriptor's flags, which are octal: 0 for reading only. */
const ACCESS_MODE = 3;

/** Finds out if a process has the file locked, only open, or not at all (undefined). */
async function holdOf(
  processFolder: string,
  file: FileIdentity,
): Promise<Pick<Holder, 'lock' | 'writes'> | 'hidden' | undefined> {
  let descriptors: string[];
  try {
    descriptors = await readdir(join(processFolder, 'fd'));
  } catch (error) {
    // A process that ended meanwhile is not hidden.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : 'hidden';
  }
  let lock: Holder['lock'] | undefined;
  let writes: true | undefined;
  for (const fd of descriptors) {
    const { dev, ino } = (await stat(join(processFolder, 'fd', fd), { bigint: true }).catch(() => {})) ?? {};
    if (dev !== file.dev || ino !== file.ino) continue;
    const info = await readFile(join(processFolder, 'fdinfo', fd), 'utf8').catch(() => '');
    const locks = parseLocks(info);
    const [, flags = '0'] = /^flags:\s+([0-7]+)$/m.exec(info) ?? [];
    if ((parseInt(flags, 8) & ACCESS_MODE) !== 0) writes = true;
    if (locks.some(({ mode }) => mode === 'exclusive')) lock = 'exclusive';
    else if (locks.length > 0 && lock !== 'exclusive') lock = 'shared';
    else lock ??= 'none';
  }
  return lock && { lock, ...(writes && { writes }) };
}

async function commandOf(processFolder: string): Promise<string | undefined> {
  const bytes = await readFile(join(processFolder, 'cmdline')).catch(() => undefined);
  if (bytes === undefined) return undefined;
  const words = bytes.subarray(0, COMMAND_BYTES).toString('utf8').split('\0').join(' ').trim();
  return words === '' ? undefined : words;
}
