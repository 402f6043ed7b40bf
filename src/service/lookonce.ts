import type { BigIntStats, Stats } from 'node:fs';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, unlink } from 'node:fs/promises';
import { groupFindings } from '../check/finding.js';
import type { WantedProfile } from '../contents.js';
import { checkContents, withProfile } from '../contents.js';
import { isDeclared } from '../database/identify.js';
import { MACHINES } from '../format/machines.js';
import { needsRepair } from '../profile/mendable.js';
import type { ProfileName } from '../profile/profiles.js';
import { shellPath } from '../report/escape.js';
import { foreignText } from '../report/text.js';
import { fileSource, isUnchanged, openFileSource } from '../source/file.js';
import { orSearched } from '../source/readaround.js';
import { SourceError } from '../source/source.js';
import { refusal, RefusedError } from '../store/errors.js';
import { fileState, MISSING } from '../store/held.js';
import { takeSnapshot } from '../store/take.js';
import type { Look } from './look.js';
import { bareLook } from './look.js';
import { thisMachine } from './machine.js';
import { findHolders } from './procfs.js';

export interface LookOptions {
  readonly path: string;
  readonly profile: WantedProfile;
  /** Whether to keep a copy of a clean file. */
  readonly snapshot: boolean;
  /** Whether to say of a clean file, too, if another process has it locked; of a damaged one it is always said. */
  readonly holders?: boolean;
  readonly snapshots: string | undefined;
  readonly keep: number;
}

/**
 * Looks once at a database that may be in use: opens it, reads it, and takes what it read for true only if the file did
 * not change meanwhile. Takes no lock, so that no save of its program fails.
 */
export async function lookOnce(options: LookOptions): Promise<Look> {
  const { path } = options;
  let handle: FileHandle;
  try {
    // Opening a pipe must not wait for its writer.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return { ...bareLook(path, 'missing', 'there is no such file'), state: MISSING };
    }
    return lookOfTrouble(error, path);
  }
  try {
    const before = await handle.stat({ bigint: true });
    const judged = await handle.stat();
    if (!before.isFile()) return bareLook(path, 'unreadable', 'it is no regular file');
    return await lookInto(handle, before, judged, options);
  } catch (error) {
    if (error instanceof SourceError) return bareLook(path, 'changing', 'it was written to meanwhile');
    return lookOfTrouble(error, path);
  } finally {
    await handle.close();
  }
}

async function lookInto(
  handle: FileHandle,
  before: BigIntStats,
  judged: Stats,
  options: LookOptions,
): Promise<Look> {
  const { path } = options;
  const machine = thisMachine();
  const judge = machine && MACHINES[machine];
  const contents = await orSearched(async (isSearched) =>
    checkContents(
      await fileSource(handle, { aroundErrors: true, isSearched }),
      options.profile,
      undefined,
      judge,
    ),
  );
  const checked = withProfile(contents);
  const { verdict, findings, other, records, libgdbm } = checked;
  const { profile } = contents;
  if (!(await isUnchanged(handle, before, path))) {
    return bareLook(path, 'changing', 'it was written to meanwhile');
  }
  const about = {
    path,
    records: records.count,
    size: Number(before.size),
    state: fileState(before),
    profile: profile?.name ?? (options.profile === 'auto' ? 'none' : options.profile),
    // Programs take an empty file for a new database, but Python's whichdb does not.
    usable: verdict === 'healthy' && profile?.usable !== false,
  };
  if (other !== undefined && isDeclared(other)) {
    return { ...bareLook(path, 'foreign', `this is ${other.what}`), ...about };
  }
  if (verdict === 'foreign') {
    const to = `gdbm-doctor repair --for ${machine} ${shellPath(path)}`;
    return { ...bareLook(path, 'other-machine', `${foreignText(checked, machine)}. To do: ${to}`), ...about };
  }
  if (about.usable) {
    const kept = options.snapshot ? await keep(handle, judged, about.records, options) : NO_SNAPSHOT;
    if (kept === 'changed') return bareLook(path, 'changing', 'it was written to meanwhile');
    const sound = bareLook(path, 'clean', `sound, with ${about.records} records`);
    return { ...sound, ...about, ...kept, held: options.holders === true ? await isLocked(before) : null };
  }
  const worst = groupFindings(checked).find(({ severity }) => severity === 'error');
  const { holders } = await findHolders({ dev: before.dev, ino: before.ino }, []);
  const said = libgdbm === null ? '' : `, libgdbm says "${libgdbm}"`;
  const loads = profile !== undefined && !needsRepair(checked, profile);
  const left = loads ? `; its structure is sound and it is left as it is${meantSo(profile.name)}` : '';
  const fault =
    worst === undefined ? `this is ${other?.what ?? 'no database'}` : `${worst.code}, ${worst.found}`;
  return {
    ...bareLook(path, 'damaged', `damaged: ${fault}${said}${left}`),
    ...about,
    loads,
    digest: [about.state, ...findings.map(({ code, offset }) => `${code}@${offset}`)].join(' '),
    held: holders === undefined ? null : holders.some(({ lock }) => lock !== undefined),
  };
}

/** Whether another process has a lock on the file, as far as that can be seen without taking one; null if it cannot. */
async function isLocked({ dev, ino }: BigIntStats): Promise<boolean | null> {
  const { holders } = await findHolders({ dev, ino }, []);
  return holders === undefined ? null : holders.some(({ lock }) => lock !== 'none');
}

/** How to say that values which are no pickles are none by intent, where the profile was only told by most of them. */
function meantSo(profile: ProfileName): string {
  return profile === 'shelve' ? '. If its values are meant to be so: --profile none' : '';
}

/** Errors that are the file's own, or its path's; others, such as too many open files, are the look's. */
const THE_FILES = ['EACCES', 'EPERM', 'EIO', 'EISDIR', 'ENXIO', 'ENODEV', 'ELOOP', 'ENOTDIR', 'ENAMETOOLONG'];

function lookOfTrouble(error: unknown, path: string): Look {
  const what = troubleOf(error, path, 'read it');
  const { code } = error as NodeJS.ErrnoException;
  return THE_FILES.includes(code ?? '')
    ? bareLook(path, 'unreadable', what)
    : bareLook(path, 'unknown', `the look failed: ${what}`);
}

/** What to tell a person of an error at the file system; a mistake in the program is thrown on. */
function troubleOf(error: unknown, path: string, doing: string): string {
  if (error instanceof RefusedError) return error.message;
  if (error instanceof Error && 'syscall' in error) return refusal(error, path, doing).message;
  throw error;
}

const NO_SNAPSHOT = { snapshot: null, snapshotTrouble: null };

/** Keeps a copy; `changed` where it shows that the look was at a file in between. */
async function keep(
  handle: FileHandle,
  stats: Stats,
  records: number,
  { path: file, profile, snapshots: dir, keep: count }: LookOptions,
): Promise<Pick<Look, 'snapshot' | 'snapshotTrouble'> | 'changed'> {
  try {
    const { taken, why } = await takeSnapshot(file, { handle, stats, records }, { dir, keep: count });
    if (taken === undefined) return NO_SNAPSHOT;
    // Writes through mmap need not show in the file's time: what counts is whether the copy itself is sound.
    const copy = await openFileSource(taken.path);
    try {
      const { verdict } = withProfile(await checkContents(copy, profile));
      if (verdict !== 'healthy') {
        await unlink(taken.path);
        return 'changed';
      }
    } finally {
      await copy.close();
    }
    return { snapshot: { id: taken.id, taken: true, poor: taken.poor ? why : null }, snapshotTrouble: null };
  } catch (error) {
    if (error instanceof RefusedError && error.code === 'changed') return 'changed';
    return { snapshot: null, snapshotTrouble: troubleOf(error, file, 'keep a copy of it') };
  }
}
