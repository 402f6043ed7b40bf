import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { fileSource } from '../source/file.js';
import type { Source } from '../source/source.js';
import { changedMeanwhile, refusal, takingRefused } from './errors.js';
import {
  lockFolder,
  makeFolder,
  readFolder,
  requireOwnFolder,
  snapshotFolder,
  contentHash,
  isIntact,
} from './folder.js';
import type { FreshFile } from './fresh.js';
import { copyBeside } from './fresh.js';
import { placeFile } from './replace.js';
import type { Contents, Snapshot } from './snapshot.js';
import type { Keep, Limits } from './retention.js';
import { KEEP, prune, volumeOf } from './retention.js';
import { encodeName, isWorse, shortHash, snapshotId, wasWorse } from './snapshot.js';
import type { Writers } from './rights.js';
import { writersOf } from './rights.js';

/** A database that was checked and found sound. The caller's lock must keep other programs from writing to it. */
export interface JudgedFile extends Contents {
  /** The open file that was checked; it stays open. */
  readonly handle: FileHandle;
  /** The file's stats before the check. */
  readonly stats: Pick<Stats, 'size' | 'mtimeMs' | 'ino' | 'dev'>;
  /** Why it is worse than its previous contents, if the caller knows; a file without records is noticed here. */
  readonly poor?: string | undefined;
}

/** A database that a program may be writing to. Its copy is examined, and is kept if it is sound. */
export interface BusyFile {
  /** The open file; it stays open. */
  readonly handle: FileHandle;
  /** Examines the copy. Throws `changed` if it is not sound, because it was made amid a write. */
  readonly examine: (copy: Source) => Promise<Contents & Pick<JudgedFile, 'poor'>>;
}

export interface TakeOptions {
  /** The folder of the snapshots; `.NAME.snapshots` beside the database by default. */
  readonly dir?: string | undefined;
  /** Snapshots that stay: by age as {@link KEEP} by default; a number means that many of the newest ones, 1 or more. */
  readonly keep?: number | Keep | undefined;
  /** Bytes that snapshots and, if they are limited, backups may take together; 20 % of the volume by default. */
  readonly maxBytes?: number | undefined;
  /** Limits the backups `NAME.~N~`, too. */
  readonly limitBackups?: boolean;
  /** The current time in milliseconds; for tests. */
  readonly now?: () => number;
  /** Ends the work; nothing is left behind. */
  readonly signal?: AbortSignal | undefined;
}

/** Result of taking a snapshot. */
export interface Taken {
  /** The new snapshot; undefined if the newest of its kind holds the same bytes. */
  readonly taken: Snapshot | undefined;
  /** The newest of its kind, if it holds the same bytes. */
  readonly same?: Snapshot;
  /** Older ones that were removed. */
  readonly removed: readonly Snapshot[];
  /** Paths of backups that were removed. */
  readonly removedBackups: readonly string[];
  /** Why it is kept apart; undefined if it is not, or nothing was taken. */
  readonly worse?: string | undefined;
  /** A sentence for the log. */
  readonly why: string;
}

/**
 * Keeps a copy of a database that was found sound:
 *
 * 1. The bytes are copied into a fresh file, private and synced.
 * 2. The copy and the file are read and compared. If the file changed since the check, the copy is thrown away. The copy of a
 *    {@link BusyFile} is examined instead.
 * 3. The copy gets a snapshot's name in one step, and the folder is synced.
 * 4. Only then are old snapshots and backups removed that `keep` and `maxBytes` leave out.
 *
 * @throws RefusedError no snapshot was taken; the existing ones and the database are unchanged
 * @throws RangeError if `keep` is not possible
 */
export async function takeSnapshot(
  dbPath: string,
  file: JudgedFile | BusyFile,
  options: TakeOptions = {},
): Promise<Taken> {
  const { maxBytes, limitBackups: backups = false } = options;
  const limits = { keep: countsOf(options.keep), maxBytes, backups };
  let folder = options.dir ?? dbPath;
  try {
    folder = await snapshotFolder(dbPath, options.dir);
    const writers = await writersOf(dbPath);
    await makeFolder(folder);
    const lock = await lockFolder(folder, writers, options.signal);
    try {
      if (options.dir !== undefined) await requireOwnFolder(folder, dbPath);
      return await takeInto(folder, dbPath, file, { ...options, limits, writers });
    } finally {
      await lock.close();
    }
  } catch (error) {
    throw takingRefused(error, dbPath, folder);
  }
}

/** @throws RangeError */
function countsOf(keep: number | Keep = KEEP): Keep {
  const counts = typeof keep === 'number' ? { last: keep, hourly: 0, daily: 0, weekly: 0 } : keep;
  const all = Object.values(counts) as number[];
  if (counts.last < 1 || !all.every((one) => Number.isSafeInteger(one) && one >= 0))
    throw new RangeError(`expected to keep 1 snapshot or more, found ${all.join(', ')}`);
  return counts;
}

async function takeInto(
  folder: string,
  dbPath: string,
  file: JudgedFile | BusyFile,
  { limits, writers, signal, now }: TakeOptions & { limits: Limits; writers: Writers },
): Promise<Taken> {
  const { snapshots: before } = await readFolder(folder, writers);
  const newestOf = (poor: boolean) => before.find((one) => one.poor === poor);
  if (before.length > 0) await requireRoom(folder, dbPath, (await file.handle.stat()).size);
  const fresh = await copyBeside(join(folder, 'snapshot'), file.handle, signal);
  try {
    const judged = 'examine' in file ? await file.examine(await fileSource(fresh.handle)) : file;
    const sha256 = await fresh.whileSyncing(() =>
      'examine' in file ? contentHash(fresh.handle, signal) : requireJudged(fresh, file, dbPath, signal),
    );
    const hash = shortHash(sha256);
    const time = nextTime(before, now);
    const worse =
      judged.poor ?? isWorse(newestOf(false), { ...judged, time }) ?? wasWorse(before, hash, time);
    const { records, tasks, contentBytes } = judged;
    const name = {
      time,
      hash,
      records,
      ...(tasks !== undefined && { tasks }),
      ...(contentBytes !== undefined && { contentBytes }),
      poor: worse !== undefined,
    };
    const newest = newestOf(name.poor);
    // A damaged snapshot of the same contents does not count.
    if (
      newest?.hash === hash &&
      newest.records === name.records &&
      (await isIntact(newest, writers, signal))
    ) {
      const pruned = await prune(folder, dbPath, before, limits);
      return { taken: undefined, same: newest, ...pruned, why: `Nothing new since ${newest.id}.` };
    }
    const path = join(folder, encodeName(name));
    await placeFile(fresh, path);
    const taken = { ...name, id: snapshotId(name), bytes: fresh.size, path };
    const pruned = await prune(folder, dbPath, [taken, ...before], limits);
    const why = worse === undefined ? `Kept as ${taken.id}.` : `Kept apart as ${taken.id}: ${worse}.`;
    return { taken, ...pruned, worse, why };
  } finally {
    await fresh.close();
  }
}

/**
 * The current time, but later than every existing snapshot: a clock that was set back, or starts in the past as on a machine
 * without a battery, must not make the new one the oldest.
 */
function nextTime(snapshots: readonly Snapshot[], clock = Date.now): Date {
  const now = Math.floor(clock() / 1000) * 1000;
  return new Date(Math.max(now, ...snapshots.map(({ time }) => time.getTime() + 1000)));
}

/**
 * Compares a copy with the file, and the file with its stats before the check.
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
  // A program that maps the file into memory can write without changing its time.
  if (!same || copied !== original) throw changedMeanwhile(dbPath);
  return copied;
}

/**
 * Refuses a copy that would leave less room than the program needs to save its database. The older snapshots stay.
 *
 * @throws RefusedError `no-space`
 */
async function requireRoom(folder: string, dbPath: string, size: number): Promise<void> {
  if ((await volumeOf(folder)).free < 2 * size)
    throw refusal({ code: 'ENOSPC' }, dbPath, 'keep a copy of it');
}
