import { lstat, readdir, statfs, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { realPathOf } from './held.js';
import type { Snapshot, SnapshotName } from './snapshot.js';
import { byAge } from './snapshot.js';

/**
 * Counts of the snapshots that stay: the newest, and the newest of each of the last hours, days and weeks of which there is
 * one. Times are UTC.
 */
export interface Keep {
  readonly last: number;
  readonly hourly: number;
  readonly daily: number;
  readonly weekly: number;
}

/** Default counts: the last five, then hourly for a day, daily for a week, weekly for a month. */
export const KEEP: Keep = { last: 5, hourly: 24, daily: 7, weekly: 4 };

/** Share of the volume that snapshots and backups of a database may take by default. */
const VOLUME_SHARE = 0.2;

const HOUR = 3_600_000;
/** Milliseconds of the period of each count. */
const PERIODS = { hourly: HOUR, daily: 24 * HOUR, weekly: 7 * 24 * HOUR } as const;

/** A file that takes space: a snapshot, or a backup. */
interface Sized {
  readonly bytes: number;
}

/**
 * The snapshots and backups to remove. They stay in this order of priority, as long as they are wanted and fit into
 * `maxBytes` together:
 *
 * 1. the newest good snapshot and the newest backup, which stay in any case;
 * 2. the newest poor snapshot;
 * 3. the newest good one of the second hour, day and week, and the second of the last ones; then the third of each;
 * 4. poor snapshots and backups, the newest first, as many of each as the last good ones.
 *
 * A poor snapshot or a backup thus never pushes out a good snapshot that fits.
 *
 * @param backups the newest first
 */
export function excess<T extends SnapshotName & Sized, B extends Sized>(
  snapshots: readonly T[],
  backups: readonly B[],
  keep: Keep,
  maxBytes: number,
): (T | B)[] {
  const [good, poor] = [false, true].map((kind) => snapshots.filter((one) => one.poor === kind).sort(byAge));
  const count = Math.max(1, keep.last);
  const always = new Set<T | B>([...good.slice(0, 1), ...backups.slice(0, 1)]);
  const wanted = new Set<T | B>([
    ...always,
    ...poor.slice(0, 1),
    ...byRank(good, { ...keep, last: count }),
    ...poor.slice(0, count),
    ...backups.slice(0, count),
  ]);
  const kept = new Set<T | B>();
  let left = maxBytes;
  for (const one of wanted) {
    if (one.bytes > left && !always.has(one)) continue;
    kept.add(one);
    left -= one.bytes;
  }
  return [...snapshots, ...backups].filter((one) => !kept.has(one));
}

/** The good snapshots that each count keeps, by their rank in it. */
function byRank<T extends SnapshotName>(good: readonly T[], keep: Keep): T[] {
  const lists = [
    newestOfPeriods(good, PERIODS.hourly).slice(0, keep.hourly),
    newestOfPeriods(good, PERIODS.daily).slice(0, keep.daily),
    newestOfPeriods(good, PERIODS.weekly).slice(0, keep.weekly),
    good.slice(0, keep.last),
  ];
  const ranks = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: ranks }, (_, rank) =>
    lists.flatMap((list) => list.slice(rank, rank + 1)),
  ).flat();
}

function newestOfPeriods<T extends SnapshotName>(good: readonly T[], period: number): T[] {
  const periodOf = ({ time }: T) => Math.floor(time.getTime() / period);
  return good.filter((one, i) => i === 0 || periodOf(one) !== periodOf(good[i - 1]));
}

/** A file `NAME.~N~`: a database as it was before a repair or a restore. */
interface BackupFile extends Sized {
  readonly path: string;
  /** Time of its last change of name, in milliseconds. */
  readonly time: number;
  /** The N of its name. Free numbers are used again, so it tells the order only within one tick of the clock. */
  readonly number: number;
}

/** Lists the backups of a database, the newest first. */
async function backupsOf(dbPath: string): Promise<BackupFile[]> {
  const path = await realPathOf(dbPath);
  const [folder, name] = [dirname(path), basename(path)];
  const found: BackupFile[] = [];
  for (const text of await readdir(folder).catch(() => [])) {
    if (!text.startsWith(`${name}.~`) || !/^\d+~$/.test(text.slice(name.length + 2))) continue;
    const stats = await lstat(join(folder, text)).catch(() => undefined);
    if (stats?.isFile() !== true) continue;
    const number = Number(text.slice(name.length + 2, -1));
    found.push({ path: join(folder, text), bytes: stats.size, time: stats.ctimeMs, number });
  }
  return found.sort((a, b) => b.time - a.time || b.number - a.number);
}

/** The limits of what is kept of a database. */
export interface Limits {
  readonly keep: Keep;
  /** Bytes of snapshots and backups together; undefined for 20 % of the snapshots' volume. */
  readonly maxBytes: number | undefined;
  /** Limits the database's backups, too. */
  readonly backups: boolean;
}

/**
 * Removes what is kept in excess. A file that cannot be removed is left to the next run.
 *
 * @param folder the snapshots' folder
 * @returns the removed snapshots and the paths of the removed backups
 */
export async function prune(
  folder: string,
  dbPath: string,
  snapshots: readonly Snapshot[],
  { keep, maxBytes, backups }: Limits,
): Promise<{ removed: Snapshot[]; removedBackups: string[] }> {
  const limit = maxBytes ?? (await volumeOf(folder)).total * VOLUME_SHARE;
  const removed: Snapshot[] = [];
  const removedBackups: string[] = [];
  for (const one of excess(snapshots, backups ? await backupsOf(dbPath) : [], keep, limit)) {
    await unlink(one.path).then(
      () => void ('id' in one ? removed.push(one) : removedBackups.push(one.path)),
      () => {},
    );
  }
  return { removed, removedBackups };
}

/** Bytes of a volume, all and free for this user; infinite where that is not known. */
export async function volumeOf(folder: string): Promise<{ total: number; free: number }> {
  const { blocks, bavail, bsize } = await statfs(folder);
  return blocks === 0 ? { total: Infinity, free: Infinity } : { total: blocks * bsize, free: bavail * bsize };
}
