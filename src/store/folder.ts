import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { lstat, mkdir, open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileSource } from '../source/file.js';
import { abortable, passChunks } from '../source/source.js';
import { refusal, RefusedError, requireRegularFile } from './errors.js';
import { removeLeftovers } from './fresh.js';
import { realPathOf, takeLock } from './held.js';
import type { Untrusted, Writers } from './rights.js';
import { requireTrusted, untrustedError, whyUntrusted, writersOf } from './rights.js';
import type { Snapshot } from './snapshot.js';
import { byAge, decodeName, shortHash, snapshotId } from './snapshot.js';

/** Seconds to wait for another process that takes a snapshot of the same database. */
const WAIT = 30;

/**
 * The path of the folder of a database's snapshots, which need not exist.
 *
 * @param dir a folder that the user named; by default it is `.NAME.snapshots` beside the database
 */
export async function snapshotFolder(dbPath: string, dir?: string): Promise<string> {
  if (dir !== undefined) return resolve(dir);
  const path = await realPathOf(dbPath);
  return join(dirname(path), `.${basename(path)}.snapshots`);
}

/**
 * Makes the folder, private to this user, if it does not exist.
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
 * Opens a folder of snapshots. Refuses one that others can have written to, and a link, which could lead the copies of a
 * private file to a place where others read them.
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
  // A user who may not open the folder gets this reason, too.
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

/** Contents of a folder of snapshots. */
interface FolderContents {
  /** The newest first. */
  readonly snapshots: readonly Snapshot[];
  /** Files with a snapshot's name that others can have written. */
  readonly untrusted: readonly Untrusted[];
}

/**
 * Lists the snapshots in a folder; none if the folder does not exist. Links, and files with other names, are ignored.
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
 * Locks a folder against other processes that take snapshots, until the handle is closed, and removes the files that a crash
 * left half-made.
 *
 * @throws RefusedError `locked` if another process does not end
 */
export async function lockFolder(
  folder: string,
  writers: Writers,
  signal?: AbortSignal,
): Promise<FileHandle> {
  const handle = await openFolder(folder, writers);
  try {
    const locked = await takeLock(handle.fd, folder, 'exclusive', WAIT, signal).then(
      () => true,
      (error: unknown) => {
        // Two processes without a lock cost at most a duplicate snapshot; no snapshot would cost more.
        if (error instanceof RefusedError && error.code !== 'locked') return false;
        throw error;
      },
    );
    // With the lock nobody else is making a file here.
    await removeLeftovers(folder, locked ? () => true : undefined);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** File in a folder that the user named. It says whose snapshots are in the folder. */
const OWNER = '.database';

/** The name of a default folder contains the name of its database. */
const DEFAULT_FOLDER = /^\.(.+)\.snapshots$/s;

/** The database whose snapshots are in a folder. */
export interface Owner {
  readonly name: string;
  /** Its path when the last snapshot was taken; undefined if only its name was recorded. */
  readonly path: string | undefined;
}

/**
 * Reserves a named folder for one database: of two, one would push out the other's snapshots and be restored as the other.
 * Records the database and its current path.
 *
 * @throws RefusedError if the folder is another database's; NodeJS.ErrnoException
 */
export async function requireOwnFolder(folder: string, dbPath: string): Promise<void> {
  const owner = await ownerOf(folder);
  const path = await realPathOf(dbPath);
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
 * The other database whose snapshots a named folder holds; undefined if they are this one's, or nobody's.
 *
 * @throws NodeJS.ErrnoException
 */
export async function otherOwner(folder: string, dbPath: string): Promise<Owner | undefined> {
  const owner = await ownerOf(folder);
  if (owner === undefined || (await isOwn(owner, await realPathOf(dbPath)))) return undefined;
  return owner;
}

/** Folders beside a database that are asked whose snapshots they hold, at most. */
const ASKED = 64;

/**
 * Finds the named folders beside a database that say that they hold its snapshots; the default one is not among them. A
 * folder that cannot be read is none.
 */
export async function namedFoldersBeside(dbPath: string): Promise<string[]> {
  const path = await realPathOf(dbPath);
  const entries = await readdir(dirname(path), { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((one) => one.isDirectory() && !DEFAULT_FOLDER.test(one.name));
  const names = folders.map(({ name }) => name).sort();
  const own: string[] = [];
  for (const name of names.slice(0, ASKED)) {
    const folder = join(dirname(path), name);
    const owner = await ownerOf(folder).catch(() => undefined);
    if (owner !== undefined && (await isOwn(owner, path))) own.push(folder);
  }
  return own;
}

/**
 * The folder in which a database's snapshots are looked for: the default one, or where there is none, a named one beside the
 * database that is its own.
 *
 * @param dir a folder that the user named
 */
export async function folderToRead(dbPath: string, dir?: string): Promise<string> {
  const folder = await snapshotFolder(dbPath, dir);
  if (dir !== undefined || (await identity(folder)) !== undefined) return folder;
  return (await namedFoldersBeside(dbPath))[0] ?? folder;
}

/** The name of a database in a message. */
export function nameOf({ name, path }: Owner): string {
  return path ?? name;
}

/**
 * Checks that an owner is the database at a path. A database that was moved, or is seen by another path from another
 * container, has its old name and is not at its old path. Of two databases with one name the other one is still there.
 *
 * @param path of the database, all links followed
 */
async function isOwn({ name, path: recorded }: Owner, path: string): Promise<boolean> {
  if (name !== basename(path)) return false;
  if (recorded === undefined || recorded === path) return true;
  const there = await identity(recorded);
  return there === undefined || there === (await identity(path));
}

/** Device and inode; undefined if there is no file. A file that may not be looked at counts as one. */
async function identity(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : `${path}: ${code}`;
  }
}

/** Reads the owner of a folder; undefined if none was recorded yet, or a crash prevented it. */
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
  const name = DEFAULT_FOLDER.exec(basename(folder))?.[1];
  return name === undefined ? undefined : { name, path: join(dirname(folder), name) };
}

function parseOwner(text: string): Owner {
  try {
    const { name, path } = JSON.parse(text) as Partial<Owner>;
    if (typeof name === 'string' && typeof path === 'string') return { name, path };
  } catch {
    // Earlier versions recorded only the name, as plain text.
  }
  return { name: text, path: undefined };
}

/**
 * The SHA-256 of an open file's current contents, in hexadecimal.
 *
 * @throws SourceError if it shrinks meanwhile
 */
export async function contentHash(handle: FileHandle, signal?: AbortSignal): Promise<string> {
  const source = abortable(await fileSource(handle), signal);
  const hash = createHash('sha256');
  for await (const piece of passChunks(source, 0, source.size)) hash.update(piece);
  return hash.digest('hex');
}

/**
 * Opens a snapshot for reading. Refuses a link that was put under its name, and a file that others than the database's
 * writers can have written.
 *
 * @throws RefusedError or NodeJS.ErrnoException
 */
export async function openSnapshot({ path }: Snapshot, writers: Writers): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    requireRegularFile(path, await handle.stat());
    await requireTrusted(handle, path, writers);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Checks that a snapshot's bytes have the hash in its name; false also if they cannot be read. */
export async function isIntact(snapshot: Snapshot, writers: Writers, signal?: AbortSignal): Promise<boolean> {
  try {
    const handle = await openSnapshot(snapshot, writers);
    try {
      return shortHash(await contentHash(handle, signal)) === snapshot.hash;
    } finally {
      await handle.close();
    }
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

/** A snapshot in a list. */
export interface ListedSnapshot extends Snapshot {
  /** True if its bytes are unchanged since it was taken; left out unless that was asked for. */
  readonly intact?: boolean;
}

/** The snapshots of a database. */
export interface Listed extends FolderContents {
  readonly folder: string;
  /** The database that they belong to, if it is another one. */
  readonly other: Owner | undefined;
  readonly snapshots: readonly ListedSnapshot[];
  /** The users who can write the database, and so may have written a snapshot. */
  readonly writers: Writers;
}

export interface ListOptions {
  /** The folder of the snapshots; `.NAME.snapshots` beside the database by default. */
  readonly dir?: string | undefined;
  /** Reads each one and compares its hash. */
  readonly verify?: boolean;
}

/**
 * Lists the snapshots of a database, the newest first; the database itself need not exist. Reads only.
 *
 * @throws RefusedError if the folder cannot be read, or others can have written to it
 */
export async function listSnapshots(
  dbPath: string,
  { dir, verify = false }: ListOptions = {},
): Promise<Listed> {
  let folder = dir ?? dbPath;
  try {
    folder = await folderToRead(dbPath, dir);
    const writers = await writersOf(dbPath);
    const contents = await readFolder(folder, writers);
    const snapshots: ListedSnapshot[] = [...contents.snapshots];
    const other = dir === undefined ? undefined : await otherOwner(folder, dbPath);
    if (verify) {
      for (const [i, one] of snapshots.entries())
        snapshots[i] = { ...one, intact: await isIntact(one, writers) };
    }
    return { folder, other, snapshots, untrusted: contents.untrusted, writers };
  } catch (error) {
    throw refusal(error, folder, 'read the snapshots');
  }
}

/** The snapshot to restore, and the other contents of the folder. */
interface NewestGood extends Listed {
  /** The newest good one that is intact and holds a record; undefined if there is none, or they are another database's. */
  readonly newest: Snapshot | undefined;
  /** Newer ones that are damaged. */
  readonly damaged: readonly Snapshot[];
}

/**
 * Finds the newest good snapshot of a database whose bytes are unchanged since it was taken.
 *
 * @param dir the folder of the snapshots; `.NAME.snapshots` beside the database by default
 * @throws RefusedError if the folder cannot be read, or others can have written to it
 */
export async function newestGood(dbPath: string, dir?: string): Promise<NewestGood> {
  const listed = await listSnapshots(dbPath, { dir });
  const { other, snapshots, writers } = listed;
  if (other !== undefined) return { ...listed, newest: undefined, damaged: [] };
  const good = snapshots.filter(({ poor, records }) => !poor && records > 0);
  for (const [n, newest] of good.entries()) {
    if (await isIntact(newest, writers)) return { ...listed, newest, damaged: good.slice(0, n) };
  }
  return { ...listed, newest: undefined, damaged: good };
}
