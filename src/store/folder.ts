import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { lstat, mkdir, open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { RefusedError } from './errors.js';
import { isAbandoned, removeLeftovers } from './fresh.js';
import { leadsTo } from './held.js';
import { takeLock } from './lock.js';
import type { Snapshot } from './snapshot.js';
import { byAge, decodeName, snapshotId } from './snapshot.js';
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

/** Says in a folder that was named by hand whose snapshots are in it. */
const OWNER = '.database';

/** A folder that is beside a database for its snapshots has the name of the database in its own. */
const BESIDE = /^\.(.+)\.snapshots$/s;

/** Whose snapshots are in a folder. */
export interface Owner {
  readonly name: string;
  /** Where the database was when the last snapshot was taken; undefined where only its name was written down. */
  readonly path: string | undefined;
}

/**
 * Sees to it that a named folder is used for one database only: with two of them, one would push out the snapshots of
 * the other, and be restored as the other. Writes down whose it is, and where that is now.
 *
 * @throws RefusedError where it is another one's, or NodeJS.ErrnoException
 */
export async function requireOwnFolder(folder: string, dbPath: string): Promise<void> {
  const owner = await ownerOf(folder);
  const path = await leadsTo(dbPath);
  const name = basename(path);
  if (owner !== undefined && !(await isOwn(owner, path))) {
    throw new RefusedError(
      'exists',
      `${folder}: expected a folder for the snapshots of ${path}, found those of ${nameOf(owner)} in it. ` +
        'Name another folder with --snapshots DIR; or, if the database was renamed, ' +
        `remove ${join(folder, OWNER)}.`,
    );
  }
  if (owner?.path === path && owner.name === name) return;
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(join(folder, OWNER), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    await file.writeFile(`${JSON.stringify({ name, path })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * The other database whose snapshots a named folder holds; undefined where they are this one's, or nobody's.
 *
 * @throws NodeJS.ErrnoException
 */
export async function otherOwner(folder: string, dbPath: string): Promise<Owner | undefined> {
  const owner = await ownerOf(folder);
  if (owner === undefined || (await isOwn(owner, await leadsTo(dbPath)))) return undefined;
  return owner;
}

/** What to call a database by in a message. */
export function nameOf({ name, path }: Owner): string {
  return path ?? name;
}

/**
 * Whether an owner is the database at a path. One that was moved, or is seen by another path from another container,
 * has its old name and is not where it was; of two databases of one name the other one is still there.
 *
 * @param path where the database is, all links followed
 */
async function isOwn({ name, path: recorded }: Owner, path: string): Promise<boolean> {
  if (name !== basename(path)) return false;
  if (recorded === undefined || recorded === path) return true;
  const there = await identity(recorded);
  return there === undefined || there === (await identity(path));
}

/** Device and inode, undefined where no file is; a file that may not be looked at is one all the same. */
async function identity(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : `${path}: ${code}`;
  }
}

/** Undefined where nobody's name is there yet, or a crash kept it from getting there. */
async function ownerOf(folder: string): Promise<Owner | undefined> {
  let text = '';
  try {
    const flag = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    text = (await readFile(join(folder, OWNER), { encoding: 'utf8', flag })).replace(/\n$/, '');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
  }
  if (text !== '') return parseOwner(text);
  const name = BESIDE.exec(basename(folder))?.[1];
  return name === undefined ? undefined : { name, path: join(dirname(folder), name) };
}

/** Once only the name was written down, as it is. */
function parseOwner(text: string): Owner {
  try {
    const { name, path } = JSON.parse(text) as Partial<Owner>;
    if (typeof name === 'string' && typeof path === 'string') return { name, path };
  } catch {
    // A name.
  }
  return { name: text, path: undefined };
}
