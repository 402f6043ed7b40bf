import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { abortable, passChunks } from '../source/source.js';
import { fileSource } from '../source/file.js';
import { refusal, requireRegularFile } from './errors.js';
import type { FolderContents, Owner } from './folder.js';
import { otherOwner, readFolder, snapshotFolder } from './folder.js';
import type { Snapshot } from './snapshot.js';
import { shortHash } from './snapshot.js';
import type { Writers } from './trust.js';
import { requireTrusted, writersOf } from './trust.js';

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
    folder = await snapshotFolder(dbPath, dir);
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
