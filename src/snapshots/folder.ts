import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { lstat, mkdir, open, readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { RefusedError } from '../replace/errors.js';
import { isAbandoned, removeLeftovers } from '../replace/leftovers.js';
import { takeLock } from '../replace/lock.js';
import { decodeName, snapshotId } from './name.js';
import { leadsTo } from './realpath.js';
import type { Snapshot } from './snapshot.js';
import { byAge } from './snapshot.js';
import type { Untrusted, Writers } from './trust.js';
import { requireTrusted, untrustedError, whyUntrusted } from './trust.js';

/** Seconds to wait for another process that takes a snapshot of the same database. */
const WAIT = 30;

/**
 * The folder of a database's snapshots, which need not exist.
 *
 * @param dir the one that was named; else it is `.NAME.snapshots` beside the database
 */
export async function snapshotFolder(dbPath: string, dir?: string): Promise<string> {
  if (dir !== undefined) return resolve(dir);
  const path = await leadsTo(dbPath);
  return join(dirname(path), `.${basename(path)}.snapshots`);
}

/**
 * Makes the folder if it is not there, private to this user.
 *
 * @throws NodeJS.ErrnoException
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/**
 * Opens a folder of snapshots, and refuses one that others can have written to. A link could lead the copies of a private
 * file to where others read them.
 *
 * @throws RefusedError or NodeJS.ErrnoException
 */
async function openFolder(path: string, writers: Writers): Promise<FileHandle> {
  const stats = await lstat(path);
  if (!stats.isDirectory()) {
    const found = stats.isSymbolicLink() ? 'a symbolic link' : 'something else';
    throw new RefusedError(
      'not-a-file',
      `${path}: expected a folder of snapshots, found ${found}. Name the folder itself with --snapshots DIR.`,
    );
  }
  // It is told by its owner alone, also to a user who may not open it.
  const why = whyUntrusted(stats, writers);
  if (why !== undefined) throw untrustedError({ path, why }, true);
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    await requireTrusted(handle, path, writers);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** What is in a folder of snapshots. */
export interface FolderContents {
  /** The newest first. */
  readonly snapshots: readonly Snapshot[];
  /** Files with a snapshot's name that others can have written. */
  readonly untrusted: readonly Untrusted[];
}

/**
 * The snapshots in a folder; none where there is no folder. What does not have a snapshot's name, and links, are none.
 *
 * @throws RefusedError or NodeJS.ErrnoException
 */
export async function readFolder(folder: string, writers: Writers): Promise<FolderContents> {
  const snapshots: Snapshot[] = [];
  const untrusted: Untrusted[] = [];
  try {
    await (await openFolder(folder, writers)).close();
    for (const text of await readdir(folder)) {
      const name = decodeName(text);
      if (name === undefined) continue;
      const path = join(folder, text);
      const stats = await lstat(path).catch(() => undefined);
      if (!stats?.isFile()) continue;
      const why = whyUntrusted(stats, writers);
      if (why !== undefined) untrusted.push({ path, why });
      else snapshots.push({ ...name, id: snapshotId(name), bytes: stats.size, path });
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return { snapshots: snapshots.sort(byAge), untrusted };
}

/**
 * Keeps other processes from taking snapshots here until the handle is closed, where there are locks.
 *
 * @throws RefusedError `locked` where another one does not end
 */
export async function lockFolder(
  folder: string,
  writers: Writers,
  signal?: AbortSignal,
): Promise<{ handle: FileHandle; locked: boolean }> {
  const handle = await openFolder(folder, writers);
  try {
    await takeLock(handle.fd, folder, 'exclusive', WAIT, signal);
    return { handle, locked: true };
  } catch (error) {
    // Two at once without a lock cost at most a snapshot twice; none at all would cost more.
    if (error instanceof RefusedError && error.code !== 'locked') return { handle, locked: false };
    await handle.close();
    throw error;
  }
}

/** Removes files that a crash left half-made: with the lock all of them, for nobody else is making one. */
export async function clearFolder(folder: string, locked: boolean): Promise<void> {
  await removeLeftovers(folder, (stats) => locked || isAbandoned(stats));
}
