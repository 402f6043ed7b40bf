import { refusal } from '../replace/errors.js';
import { readFolder, snapshotFolder } from './folder.js';
import { isIntact } from './open.js';
import type { Owner } from './owner.js';
import { otherOwner } from './owner.js';
import type { Snapshot } from './snapshot.js';
import type { Untrusted, Writers } from './trust.js';
import { writersOf } from './trust.js';

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
