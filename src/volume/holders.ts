import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { deviceName, parseLocks } from './locks.js';
import type { Holder } from './volumefacts.js';

/** A file as the kernel knows it. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** What was seen of the processes that hold a file. */
export interface HoldersSeen {
  /** Undefined where there is no /proc. */
  readonly holders: Holder[] | undefined;
  /** Processes whose open files may not be looked at. */
  readonly hidden: number;
}

/** Most of a command line that is kept, in bytes. */
const COMMAND_BYTES = 300;

/**
 * Finds the other processes that have a file open or locked: by the descriptors of every process that may be looked
 * at, and by /proc/locks for those that may not. A process of another container has no /proc entry here and is not
 * found. Takes no lock itself.
 *
 * @param devices further `major:minor` names of the file's device: some file systems give stat another one
 * @param proc where procfs is
 */
export async function findHolders(
  file: FileIdentity,
  devices: readonly string[],
  proc = '/proc',
): Promise<HoldersSeen> {
  const names = await readdir(proc).catch(() => undefined);
  const pids = (names ?? []).filter((name) => /^\d+$/.test(name)).map(Number);
  if (!pids.includes(process.pid)) return { holders: undefined, hidden: 0 };

  const found = new Map<number, Holder['lock']>();
  let hidden = 0;
  for (const pid of pids.filter((one) => one !== process.pid)) {
    const lock = await holdOf(join(proc, String(pid)), file);
    if (lock === 'hidden') hidden++;
    else if (lock !== undefined) found.set(pid, lock);
  }
  // A flock taken for another process by a program that ended is shown with that program's number, so that a process
  // which is gone is no holder; the search above has found who has it now.
  const all = parseLocks(await readFile(join(proc, 'locks'), 'utf8').catch(() => ''));
  const known = [deviceName(file.dev), ...devices];
  for (const { pid, mode, inode, device } of all) {
    if (pid === undefined || pid === process.pid || inode !== file.ino || !known.includes(device)) continue;
    if (pids.includes(pid) && found.get(pid) !== 'exclusive') found.set(pid, mode);
  }
  const holders: Holder[] = [];
  for (const [pid, lock] of found)
    holders.push({ pid, command: await commandOf(join(proc, String(pid))), lock });
  return { holders: holders.sort((a, b) => a.pid - b.pid), hidden };
}

/** How a process has the file: by a lock, only open, not at all (undefined). */
async function holdOf(
  processFolder: string,
  file: FileIdentity,
): Promise<Holder['lock'] | 'hidden' | undefined> {
  let descriptors: string[];
  try {
    descriptors = await readdir(join(processFolder, 'fd'));
  } catch (error) {
    // A process that ended meanwhile is not hidden.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : 'hidden';
  }
  let hold: Holder['lock'] | undefined;
  for (const fd of descriptors) {
    const { dev, ino } = (await stat(join(processFolder, 'fd', fd), { bigint: true }).catch(() => {})) ?? {};
    if (dev !== file.dev || ino !== file.ino) continue;
    const locks = parseLocks(await readFile(join(processFolder, 'fdinfo', fd), 'utf8').catch(() => ''));
    if (locks.some(({ mode }) => mode === 'exclusive')) return 'exclusive';
    if (locks.length > 0) hold = 'shared';
    else hold ??= 'none';
  }
  return hold;
}

async function commandOf(processFolder: string): Promise<string | undefined> {
  const bytes = await readFile(join(processFolder, 'cmdline')).catch(() => undefined);
  if (bytes === undefined) return undefined;
  const words = bytes.subarray(0, COMMAND_BYTES).toString('utf8').split('\0').join(' ').trim();
  return words === '' ? undefined : words;
}
