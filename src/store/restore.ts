import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { lstat, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setJournalsAside } from './backup.js';
import { RefusedError, restoringRefused } from './errors.js';
import { nameOf, otherOwner, readFolder, folderToRead, contentHash, openSnapshot } from './folder.js';
import type { FreshFile } from './fresh.js';
import { clearBeside, copyBeside } from './fresh.js';
import type { HeldFile } from './held.js';
import { holdFile, realPathOf, MISSING, requireState } from './held.js';
import { placeFile, replaceFile } from './replace.js';
import type { Rights, Untrusted, Writers } from './rights.js';
import { giveRights, groupsOwnBits, untrustedError, writersOf } from './rights.js';
import type { Snapshot } from './snapshot.js';
import { selectSnapshots, shortHash } from './snapshot.js';

export interface RestoreOptions {
  /** The folder of the snapshots; `.NAME.snapshots` beside the database by default. */
  readonly dir?: string | undefined;
  /** Allows a folder that holds the snapshots of another database. */
  readonly otherDatabase?: boolean | undefined;
  /** Seconds to wait for another process that holds the database; 0 by default. */
  readonly wait?: number;
  /** Locks the database as libgdbm does; done by default. */
  readonly lock?: boolean;
  /** Verifies the snapshot and writes nothing. */
  readonly dryRun?: boolean;
  /** State (`fileState`) that the database must still have once it is locked. */
  readonly ifState?: string | undefined;
  /** Ends the work; the database is unchanged, unless it is already replaced. */
  readonly signal?: AbortSignal | undefined;
}

/** Result of a restore. */
export interface Restored {
  readonly path: string;
  /** `none`: nothing was written, because it was a dry run or the database already equals the snapshot. */
  readonly action: 'restored' | 'none';
  /** Why nothing was written. */
  readonly reason: string | undefined;
  readonly snapshot: Snapshot;
  /** Path of the restored database. */
  readonly output: string | undefined;
  /** Path of the previous database; undefined if there was none. */
  readonly backup: string | undefined;
  /** Notes for the operator. */
  readonly notes: readonly string[];
}

/** Permissions that a new file takes from its folder: no execution, and no writing by others than its owner. */
const FILE_MODE = 0o644;

/**
 * Restores a snapshot as safely as a repair writes: a fresh file is made beside the database, synced, read back and compared
 * with the snapshot's hash, and only then takes the name. The previous database stays as `NAME.~1~`.
 *
 * @param id the beginning of the snapshot's time or hash; by default the newest good one that is intact
 * @throws RefusedError nothing was changed
 */
export async function restoreSnapshot(
  dbPath: string,
  id?: string,
  options: RestoreOptions = {},
): Promise<Restored> {
  try {
    const folder = await folderToRead(dbPath, options.dir);
    const writers = await writersOf(dbPath);
    const { snapshots: found, untrusted } = await readFolder(folder, writers);
    const notes = await requireOwn(folder, dbPath, options);
    notes.push(...untrusted.map(({ path, why }) => `${path} is not used: ${why}.`));
    const snapshots = selectTrusted(found, untrusted, id, folder);
    const { snapshot, handle, hash } = await openIntact(snapshots, writers, options.signal);
    try {
      const newer = snapshots.slice(0, snapshots.indexOf(snapshot)).map((one) => one.id);
      if (newer.length > 0) notes.push(`Of the newer snapshots none is intact: ${newer.join(', ')}.`);
      const restored = await restoreFrom(handle, hash, snapshot, dbPath, options);
      return { ...restored, notes: [...notes, ...restored.notes] };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw restoringRefused(error, dbPath);
  }
}

/**
 * Refuses snapshots of another database, unless they are wanted.
 *
 * @returns notes
 */
async function requireOwn(
  folder: string,
  dbPath: string,
  { dir, otherDatabase }: RestoreOptions,
): Promise<string[]> {
  const other = dir === undefined ? undefined : await otherOwner(folder, dbPath);
  if (other === undefined) return [];
  if (otherDatabase === true) return [`The snapshot is one of ${nameOf(other)}.`];
  throw new RefusedError(
    'another-database',
    `${folder}: expected snapshots of ${dbPath}, found those of ${nameOf(other)}. Nothing was changed. Name the ` +
      'right folder with --snapshots DIR; or add --other-database, if it is the same one that was renamed, or what ' +
      'is in there is wanted all the same.',
  );
}

/** Selects among the trusted snapshots. If none matches, the error says why an untrusted one is not used. */
function selectTrusted(
  found: readonly Snapshot[],
  untrusted: readonly Untrusted[],
  id: string | undefined,
  folder: string,
): readonly Snapshot[] {
  try {
    return selectSnapshots(found, id, folder);
  } catch (error) {
    const none = error instanceof RefusedError && error.code === 'no-snapshot';
    throw none && untrusted.length > 0 ? untrustedError(untrusted[0], false) : error;
  }
}

/**
 * Opens the first intact snapshot.
 *
 * @throws RefusedError for the first one, if none is intact
 */
async function openIntact(
  snapshots: readonly Snapshot[],
  writers: Writers,
  signal: AbortSignal | undefined,
): Promise<{ snapshot: Snapshot; handle: FileHandle; hash: string }> {
  let first: unknown;
  for (const snapshot of snapshots) {
    let handle: FileHandle | undefined;
    try {
      handle = await openSnapshot(snapshot, writers);
      const hash = await contentHash(handle, signal);
      requireIntact(snapshot, hash);
      return { snapshot, handle, hash };
    } catch (error) {
      await handle?.close();
      signal?.throwIfAborted();
      first ??= error;
    }
  }
  throw first;
}

async function restoreFrom(
  handle: FileHandle,
  hash: string,
  snapshot: Snapshot,
  dbPath: string,
  options: RestoreOptions,
): Promise<Restored> {
  const { signal, dryRun = false, wait, lock, ifState } = options;
  const nothing = { path: dbPath, action: 'none', snapshot, output: undefined, backup: undefined } as const;
  if (dryRun) {
    return { ...nothing, reason: 'Dry run: nothing was written. The snapshot is intact.', notes: [] };
  }
  const realPath = await realPathOf(dbPath);
  // A new file never replaces another one: a database that its program makes meanwhile stays.
  if ((ifState === undefined || ifState === MISSING) && !(await exists(realPath))) {
    const notes = await placeNew(handle, hash, snapshot, realPath, signal);
    return { ...nothing, action: 'restored', reason: undefined, output: realPath, notes };
  }
  const held = await holdFile(dbPath, { lock, wait, signal });
  try {
    await requireState(held, ifState);
    if (held.stats.size === snapshot.bytes && (await contentHash(held.handle, signal)) === hash) {
      return { ...nothing, reason: 'It is byte for byte what the snapshot is.', notes: [] };
    }
    return {
      ...nothing,
      action: 'restored',
      reason: undefined,
      output: held.realPath,
      ...(await replaceHeld(held, handle, hash, snapshot, signal)),
    };
  } finally {
    await held.release();
  }
}

async function replaceHeld(
  held: HeldFile,
  handle: FileHandle,
  hash: string,
  snapshot: Snapshot,
  signal?: AbortSignal,
): Promise<{ backup: string | undefined; notes: string[] }> {
  const cleared = await clearBeside(held);
  const fresh = await copyBeside(held.realPath, handle, signal);
  try {
    await requireCopied(fresh, hash, snapshot, signal);
    const journals = await setJournalsAside(held.realPath);
    const { backup, notes } = await replaceFile(held, fresh, 'the restore');
    return { backup, notes: [...cleared, ...journals, ...notes] };
  } finally {
    await fresh.close();
  }
}

/** Restores a database that does not exist; it gets the owner of its folder. */
async function placeNew(
  handle: FileHandle,
  hash: string,
  snapshot: Snapshot,
  realPath: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const rights = await rightsInFolder(dirname(realPath));
  const fresh = await copyBeside(realPath, handle, signal);
  try {
    await requireCopied(fresh, hash, snapshot, signal);
    const notes = await giveRights(fresh.handle, rights, 'The new file');
    await fresh.sync();
    notes.push(...(await setJournalsAside(realPath)));
    await placeFile(fresh, realPath);
    if (notes.length > 0) return ['There was no database.', ...notes];
    return ['There was no database; the new one has the owner of its folder.'];
  } finally {
    await fresh.close();
  }
}

/** Rights for a new file: those that owner, group and others have in its folder. */
async function rightsInFolder(path: string): Promise<Rights> {
  const { uid, gid, mode } = await stat(path);
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY).catch(() => undefined);
  try {
    // Without opening the folder nobody knows whether its group's bits are the group's own, or the limit of an ACL.
    const bits = folder === undefined ? mode & 0o700 : await groupsOwnBits(folder, mode);
    return { uid, gid, mode: bits & FILE_MODE };
  } finally {
    await folder?.close();
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function requireIntact(snapshot: Snapshot, hash: string): void {
  if (shortHash(hash) === snapshot.hash) return;
  throw new RefusedError(
    'not-intact',
    `${snapshot.path}: expected bytes with the hash ${snapshot.hash}, found ${shortHash(hash)}: the snapshot is ` +
      'damaged. Nothing was changed; take another one with --at, and look at all with: snapshots --verify',
  );
}

async function requireCopied(
  fresh: FreshFile,
  hash: string,
  { path }: Snapshot,
  signal?: AbortSignal,
): Promise<void> {
  if ((await contentHash(fresh.handle, signal)) === hash) return;
  throw new RefusedError(
    'io',
    `${path}: expected a copy with the same bytes, found others. Nothing was changed; check the disk.`,
  );
}
