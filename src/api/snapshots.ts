import type { WantedProfile } from '../contents.js';
import { amountOf, checkContents, withProfile } from '../contents.js';
import { fileSource } from '../source/file.js';
import { abortable } from '../source/source.js';
import { holdFile } from '../store/held.js';
import type { ListedSnapshot, Owner } from '../store/folder.js';
import { listSnapshots } from '../store/folder.js';
import type { Restored } from '../store/restore.js';
import { restoreSnapshot } from '../store/restore.js';
import type { Taken } from '../store/take.js';
import { takeSnapshot } from '../store/take.js';
import type { Untrusted } from '../store/rights.js';
import { GdbmError, translated } from './error.js';
import { translateAt } from './files.js';

/** Options of all work on the snapshots of one database. */
export interface SnapshotsOptions {
  /** The folder of the snapshots; `.NAME.snapshots` beside the database by default. One folder for each database. */
  readonly dir?: string | undefined;
}

/** Options of work that locks a database. */
export interface LockOptions {
  /** Seconds to wait for another process that holds the database; 0 by default. */
  readonly wait?: number | undefined;
  /** Locks the database as libgdbm does; the default. */
  readonly lock?: boolean | undefined;
  /** Ends the work: it throws the signal's reason, and nothing was changed. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link Snapshots.take}. */
export interface TakeOptions extends LockOptions {
  /**
   * Number of good snapshots that stay, and of poor ones; 1 or more. By default the last 5 stay, then hourly ones for a day,
   * daily ones for a week and weekly ones for a month.
   */
  readonly keep?: number | undefined;
  /** The program that must be able to load the database, or `auto`; `none` by default. */
  readonly profile?: WantedProfile | undefined;
}

/** Options of {@link Snapshots.list}. */
export interface ListOptions {
  /** Reads each snapshot and compares its hash. */
  readonly verify?: boolean | undefined;
}

/** Options of {@link Snapshots.restore}. */
export interface RestoreOptions extends LockOptions {
  /** The beginning of a snapshot's time or hash; by default the newest good one that is intact. */
  readonly id?: string | undefined;
  /** Verifies the snapshot and writes nothing. */
  readonly dryRun?: boolean | undefined;
  /** Allows a folder that holds the snapshots of another database. */
  readonly otherDatabase?: boolean | undefined;
}

/** The snapshots of a database. */
export interface SnapshotList {
  readonly folder: string;
  /** The newest first. */
  readonly snapshots: readonly ListedSnapshot[];
  /** Files with a snapshot's name that are not used, because others than the database's writers can have written them. */
  readonly untrusted: readonly Untrusted[];
  /** The database that the snapshots belong to, if it is another one. */
  readonly other: Owner | undefined;
}

/** The copies of a database that were taken while it was sound. */
export interface Snapshots {
  /**
   * Checks the database under libgdbm's lock and, if it is sound, keeps a copy of it: a reflink where the file system can.
   *
   * @throws GdbmError `DAMAGED` if it is not sound, `LOCKED`, `CHANGED`, `NO_SPACE`, `NO_PERMISSION`, `NOT_TRUSTED`, `IO`
   */
  take(options?: TakeOptions): Promise<Taken>;
  /**
   * Lists the snapshots; the database itself need not exist. Reads only.
   *
   * @throws GdbmError `NO_PERMISSION`, `NOT_TRUSTED`, `IO`
   */
  list(options?: ListOptions): Promise<SnapshotList>;
  /**
   * Brings a snapshot back as safely as a repair writes; the database as it was stays as `NAME.~1~`.
   *
   * @throws GdbmError `NO_SNAPSHOT`, `AMBIGUOUS`, `NOT_INTACT`, `NOT_TRUSTED`, `ANOTHER_DATABASE`, `LOCKED`, `IO`
   */
  restore(options?: RestoreOptions): Promise<Restored>;
}

/**
 * The snapshots of a database: copies that are kept beside it while it is sound, as `guard` and `watch` take them.
 *
 * @example
 * ```ts
 * import { snapshots } from 'gdbm-doctor';
 *
 * const copies = snapshots('tasks.db');
 * await copies.take();
 * const { snapshots: all } = await copies.list({ verify: true });
 * console.log(all.length, all[0].records, all[0].intact); // 1 3 true
 * const { action, reason } = await copies.restore({ id: all[0].id });
 * console.log(action, reason); // none It is byte for byte what the snapshot is.
 * ```
 */
export function snapshots(path: string, { dir }: SnapshotsOptions = {}): Snapshots {
  return {
    take: (options = {}) =>
      translated(() => take(path, dir, options), translateAt(path, 'keep a copy of it')),
    list: ({ verify = false } = {}) =>
      translated(
        async () => {
          const { folder, snapshots, untrusted, other } = await listSnapshots(path, { dir, verify });
          return { folder, snapshots, untrusted, other };
        },
        translateAt(path, 'list its snapshots'),
      ),
    restore: ({ id, wait = 0, lock = true, dryRun = false, otherDatabase, signal } = {}) =>
      translated(
        () => restoreSnapshot(path, id, { dir, wait, lock, dryRun, otherDatabase, signal }),
        translateAt(path, 'restore it'),
      ),
  };
}

async function take(
  path: string,
  dir: string | undefined,
  { wait = 0, lock = true, keep, profile = 'none', signal }: TakeOptions,
): Promise<Taken> {
  const held = await holdFile(path, { readOnly: true, lock, wait, signal });
  try {
    const { handle, stats } = held;
    const source = abortable(await fileSource(handle), signal);
    const contents = await checkContents(source, profile);
    const { verdict } = withProfile(contents);
    if (verdict !== 'healthy') {
      const what = verdict === 'not-gdbm' ? 'it is no GDBM database' : 'it is damaged';
      throw new GdbmError(
        verdict === 'not-gdbm' ? 'NOT_GDBM' : 'DAMAGED',
        `${path}: no snapshot was taken: ${what}`,
      );
    }
    const judged = { handle, stats, ...amountOf(contents) };
    return await takeSnapshot(path, judged, { dir, keep, signal });
  } finally {
    await held.release();
  }
}
