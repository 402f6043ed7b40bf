import type { Stats } from 'node:fs';
import { lstat, readdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isFreshName } from './fresh.js';
import type { HeldFile } from './target.js';

/** A file that is being made looks like one that a crash left, but not for so many milliseconds. */
const ABANDONED = 60 * 60 * 1000;

/** Whether nobody has written to a file for so long that whoever was making it must be gone. */
export function isAbandoned({ mtimeMs }: Stats): boolean {
  return Date.now() - mtimeMs > ABANDONED;
}

/**
 * Removes files in a folder that were being made and never got a name. Links, and what is no regular file, are none.
 *
 * @returns how many
 * @throws NodeJS.ErrnoException where the folder cannot be read
 */
export async function removeLeftovers(folder: string, mayGo: (stats: Stats) => boolean): Promise<number> {
  let removed = 0;
  for (const name of (await readdir(folder)).filter(isFreshName)) {
    const path = join(folder, name);
    const stats = await lstat(path).catch(() => undefined);
    if (!stats?.isFile() || !mayGo(stats)) continue;
    await unlink(path).then(
      () => removed++,
      () => {},
    );
  }
  return removed;
}

/**
 * Before a fresh file is made beside a held one: removes what earlier ones that were killed left there. Each is as large
 * as the database, and a container that starts over and over would fill its volume with them. They belong to this user,
 * or to the database's, whom a finished one is given to.
 *
 * @returns what the operator should know
 */
export async function clearBeside({ realPath, stats }: HeldFile): Promise<string[]> {
  const owners = [stats.uid, process.getuid?.()];
  const removed = await removeLeftovers(
    dirname(realPath),
    (left) => owners.includes(left.uid) && isAbandoned(left),
  ).catch(() => 0);
  if (removed === 0) return [];
  const what = removed === 1 ? 'One file that was' : `${removed} files that were`;
  return [`${what} left half-made beside it more than an hour ago by a repair that was killed: removed.`];
}
