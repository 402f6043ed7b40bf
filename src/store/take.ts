import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { changedMeanwhile, takingRefused } from './errors.js';
import {
  clearFolder,
  lockFolder,
  makeFolder,
  readFolder,
  requireOwnFolder,
  snapshotFolder,
} from './folder.js';
import type { FreshFile } from './fresh.js';
import { copyBeside } from './fresh.js';
import { contentHash, isIntact } from './list.js';
import { placeFile } from './replace.js';
import type { Snapshot, SnapshotName } from './snapshot.js';
import { encodeName, isWorse, KEEP, shortHash, snapshotId, tooMany } from './snapshot.js';
import type { Writers } from './trust.js';
import { writersOf } from './trust.js';

/** A database that was looked at and found sound. Another program that writes to it must be kept out by its lock. */
export interface JudgedFile {
  /** The open file that was looked at; it stays open. */
  readonly handle: FileHandle;
  /** What the file was before the look. */
  readonly stats: Pick<Stats, 'size' | 'mtimeMs' | 'ino' | 'dev'>;
  /** Records in it. */
  readonly records: number;
  /** Why it is worse than what was there before, if the caller knows; an emptied one is found out here. */
  readonly poor?: string | undefined;
}

export interface TakeOptions {
  /** The folder of the snapshots; `.NAME.snapshots` beside the database by default. */
  readonly dir?: string | undefined;
  /** Snapshots that stay of each kind, good and poor, 1 or more; 5 by default. */
  readonly keep?: number | undefined;
  /** Ends it; nothing is left behind. */
  readonly signal?: AbortSignal | undefined;
}

/** What became of a snapshot. */
export interface Taken {
  /** The new snapshot; undefined where the newest of its kind holds the same bytes. */
  readonly taken: Snapshot | undefined;
  /** Older ones that were removed. */
  readonly removed: readonly Snapshot[];
  /** A sentence for the log. */
  readonly why: string;
}

/**
 * Keeps a copy of a database that was found sound:
 *
 * 1. The bytes that were judged are copied into a file without a snapshot's name, private and synced.
 * 2. The copy and the file are read and compared; if the file changed since the look, the copy is thrown away.
 * 3. The copy gets its name in one step, and the folder is synced.
 * 4. Only then the oldest ones too many are removed.
 *
 * @throws RefusedError no snapshot was taken; those that are there, and the database, are as they were
 * @throws RangeError if `keep` is not possible
 */
export async function takeSnapshot(
  dbPath: string,
  judged: JudgedFile,
  options: TakeOptions = {},
): Promise<Taken> {
  const { keep = KEEP, signal } = options;
  if (!Number.isSafeInteger(keep) || keep < 1) {
    throw new RangeError(`expected to keep 1 snapshot or more, found ${keep}`);
  }
  let folder = options.dir ?? dbPath;
  try {
    folder = await snapshotFolder(dbPath, options.dir);
    const writers = await writersOf(dbPath);
    await makeFolder(folder);
    const { handle, locked } = await lockFolder(folder, writers, signal);
    try {
      await clearFolder(folder, locked);
      if (options.dir !== undefined) await requireOwnFolder(folder, dbPath);
      return await takeInto(folder, dbPath, judged, { keep, writers, signal });
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw takingRefused(error, dbPath, folder);
  }
}

async function takeInto(
  folder: string,
  dbPath: string,
  judged: JudgedFile,
  { keep, writers, signal }: { keep: number; writers: Writers; signal: AbortSignal | undefined },
): Promise<Taken> {
  const { snapshots: before } = await readFolder(folder, writers);
  const worse = judged.poor ?? isWorse(newestOf(before, false), judged);
  const fresh = await copyBeside(join(folder, 'snapshot'), judged.handle, signal);
  try {
    const hash = shortHash(await requireJudged(fresh, judged, dbPath, signal));
    const name = { time: nextTime(before), hash, records: judged.records, poor: worse !== undefined };
    const newest = newestOf(before, name.poor);
    // One that has rotted is no reason to leave out a sound one.
    if (
      newest?.hash === hash &&
      newest.records === name.records &&
      (await isIntact(newest, writers, signal))
    ) {
      return { taken: undefined, removed: await prune(before, keep), why: `Nothing new since ${newest.id}.` };
    }
    const taken = await place(fresh, folder, name, judged.stats.size);
    const removed = await prune([taken, ...before], keep);
    const why = worse === undefined ? `Kept as ${taken.id}.` : `Kept apart as ${taken.id}: ${worse}.`;
    return { taken, removed, why };
  } finally {
    await fresh.close();
  }
}

function newestOf(snapshots: readonly Snapshot[], poor: boolean): Snapshot | undefined {
  return snapshots.find((one) => one.poor === poor);
}

/**
 * Now, but later than every snapshot that is there: a clock that was set back, or starts in the past as on a
 * machine without a battery, must not make the new one the oldest.
 */
function nextTime(snapshots: readonly Snapshot[]): Date {
  const now = Math.floor(Date.now() / 1000) * 1000;
  return new Date(Math.max(now, ...snapshots.map(({ time }) => time.getTime() + 1000)));
}

/**
 * Compares a copy with the file, and the file with what it was before the look.
 *
 * @returns the SHA-256 of both
 */
async function requireJudged(
  fresh: FreshFile,
  { handle, stats }: JudgedFile,
  dbPath: string,
  signal?: AbortSignal,
): Promise<string> {
  const copied = await contentHash(fresh.handle, signal);
  const original = await contentHash(handle, signal);
  const now = await handle.stat();
  const same =
    now.size === stats.size &&
    now.mtimeMs === stats.mtimeMs &&
    now.ino === stats.ino &&
    now.dev === stats.dev;
  // A program that has the file mapped into memory can write without its time changing.
  if (!same || copied !== original) throw changedMeanwhile(dbPath);
  return copied;
}

async function place(fresh: FreshFile, folder: string, name: SnapshotName, bytes: number): Promise<Snapshot> {
  const path = join(folder, encodeName(name));
  await placeFile(fresh, path);
  return { ...name, id: snapshotId(name), bytes, path };
}

/** Removes what is too many. That one cannot be removed is no failure of the new one: the next run tries again. */
async function prune(snapshots: readonly Snapshot[], keep: number): Promise<Snapshot[]> {
  const removed: Snapshot[] = [];
  for (const one of tooMany(snapshots, keep)) {
    const gone = await unlink(one.path).then(
      () => true,
      () => false,
    );
    if (gone) removed.push(one);
  }
  return removed;
}
