import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { abortable, passChunks } from '../source/source.js';
import { fileSource } from '../source/file.js';
import { refusal, requireRegularFile } from './errors.js';
import type { Owner } from './folder.js';
import { otherOwner, readFolder, snapshotFolder } from './folder.js';
import type { Snapshot } from './snapshot.js';
import { shortHash } from './snapshot.js';
import type { Untrusted, Writers } from './trust.js';
import { requireTrusted, writersOf } from './trust.js';

/**
 * The SHA-256 of what an open file holds now, in hexadecimal.
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
 * Opens a snapshot for reading, never through a link that was put under its name, and only if nobody but the database's
 * writers can have written it.
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

/** Whether a snapshot's bytes are those that its name was made of; false too where they cannot be read. */
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

/**
 * The newest of some snapshots whose bytes are those that were judged; and the damaged ones that are newer.
 *
 * @param snapshots the newest first
 */
export async function newestIntact(
  snapshots: readonly Snapshot[],
  writers: Writers,
): Promise<{ intact: Snapshot | undefined; damaged: readonly Snapshot[] }> {
  for (const [n, one] of snapshots.entries()) {
    if (await isIntact(one, writers)) return { intact: one, damaged: snapshots.slice(0, n) };
  }
  return { intact: undefined, damaged: snapshots };
}

/** A snapshot as it is listed. */
export interface ListedSnapshot extends Snapshot {
  /** Whether its bytes are those that were judged; only where that was asked for. */
  readonly intact?: boolean;
}

/** What is in a folder of snapshots. */
export interface Listed {
  readonly folder: string;
  /** The other database that they are of, where they are not of this one. */
  readonly other: Owner | undefined;
  readonly snapshots: readonly ListedSnapshot[];
  /** Files with a snapshot's name that are not used, because others can have written them. */
  readonly untrusted: readonly Untrusted[];
  /** Who can write the database, and so may have written a snapshot. */
  readonly writers: Writers;
}

export interface ListOptions {
  /** The folder of the snapshots; `.NAME.snapshots` beside the database by default. */
  readonly dir?: string | undefined;
  /** Whether to read each one and compare its hash. */
  readonly verify?: boolean;
}

/**
 * The snapshots of a database, the newest first; the database itself need not exist. Reads only.
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
    const { snapshots: found, untrusted } = await readFolder(folder, writers);
    const snapshots: ListedSnapshot[] = [...found];
    const other = dir === undefined ? undefined : await otherOwner(folder, dbPath);
    const listed = { folder, other, snapshots, untrusted, writers };
    if (!verify) return listed;
    for (const [i, one] of snapshots.entries())
      snapshots[i] = { ...one, intact: await isIntact(one, writers) };
    return listed;
  } catch (error) {
    throw refusal(error, folder, 'read the snapshots');
  }
}

/** The snapshot that would be brought back, and what else is in the folder. */
export interface NewestGood extends Listed {
  /** The newest good one that is intact and holds a record; undefined where there is none, or they are another database's. */
  readonly newest: Snapshot | undefined;
  /** Newer ones that are damaged. */
  readonly damaged: readonly Snapshot[];
}

/**
 * Finds the newest good snapshot of a database whose bytes are those that were judged.
 *
 * @param dir the folder of the snapshots; `.NAME.snapshots` beside the database by default
 * @throws RefusedError if the folder cannot be read, or others can have written to it
 */
export async function newestGood(dbPath: string, dir?: string): Promise<NewestGood> {
  const listed = await listSnapshots(dbPath, { dir });
  const { other, snapshots, writers } = listed;
  if (other !== undefined) return { ...listed, newest: undefined, damaged: [] };
  const good = snapshots.filter(({ poor, records }) => !poor && records > 0);
  const { intact, damaged } = await newestIntact(good, writers);
  return { ...listed, newest: intact, damaged };
}
