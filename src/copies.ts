import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { CheckResult } from './check/check.js';
import { lostRecords } from './check/losses.js';
import { checkContents } from './contents.js';
import type { ProfileResult } from './profile/inspect.js';
import { profileOf } from './profile/profiles.js';
import { isLoss } from './report/sentences.js';
import { namedFoldersBeside, newestGood } from './store/folder.js';
import { realPathOf } from './store/held.js';
import { requireTrusted, writersOf } from './store/rights.js';
import { fileSource } from './source/file.js';
import { shellPath } from './report/escape.js';

/** A snapshot or backup of a database that holds more than the database. */
export interface BetterCopy {
  readonly kind: 'snapshot' | 'backup';
  readonly path: string;
  /** When it was taken, or last written. */
  readonly time: Date;
  readonly records: number;
  /** Number of tasks, if it is known to be a Flower's. */
  readonly tasks?: number;
  /** Bytes of its records, keys and values. */
  readonly bytes: number;
  /** The shell command that brings it back. */
  readonly command: string;
}

/** The contents of a database, or of the one that a repair would write. */
export type Contents = Pick<BetterCopy, 'records' | 'bytes'>;

/** The newest backups are read, at most so many: each costs as much as a check of the database. */
const MAX_BACKUPS = 2;

/**
 * Finds a copy beside a database that has more than is left of it: the newest good snapshot, or a backup (`NAME.~1~`).
 * More records alone are no reason, because a queue shrinks: the database must have lost some, or have nothing that its
 * program can use.
 *
 * @param contents the records that a repair would keep; by default those that the check counts
 */
export async function findBetterCopy(
  path: string,
  checked: CheckResult,
  profile: ProfileResult | undefined,
  contents: Contents = contentsOf(checked),
): Promise<BetterCopy | undefined> {
  // The few records of such a program are one state: more bytes mean more contents.
  const isOneState = profile !== undefined && profileOf(profile.name).startsEmpty;
  if (contents.records === 0 || (isOneState && !profile.usable)) return bestCopy(path, NOTHING, isOneState);
  if (damagedValues(profile) === 0 && !isLoss(lostRecords(checked))) return undefined;
  const records = Math.min(contents.records, contentsOf(checked, profile).records);
  return bestCopy(path, { ...contents, records }, isOneState);
}

/** Finds a copy of a database that is gone. */
export function findCopyOfMissing(path: string): Promise<BetterCopy | undefined> {
  return bestCopy(path, NOTHING, false);
}

const NOTHING: Contents = { records: 0, bytes: 0 };

/** The records that a program can use. */
function contentsOf({ records, doubtful }: CheckResult, profile?: ProfileResult): Contents {
  const unusable = (doubtful?.size ?? 0) + damagedValues(profile);
  return { records: records.count - unusable, bytes: records.bytes };
}

function damagedValues(profile: ProfileResult | undefined): number {
  return profile === undefined ? 0 : profile.values.damaged + profile.values.notPickle;
}

async function bestCopy(path: string, held: Contents, isOneState: boolean): Promise<BetterCopy | undefined> {
  const amount = ({ records, bytes }: Contents) => (isOneState ? bytes : records);
  let best: BetterCopy | undefined;
  for await (const copy of copiesOf(path)) {
    if (copy.records > 0 && amount(copy) > amount(best ?? held)) best = copy;
  }
  return best;
}

/** The copies beside a database that may be read, the snapshots first; unreadable ones are skipped. */
async function* copiesOf(path: string): AsyncGenerator<BetterCopy> {
  const realPath = await realPathOf(path).catch(() => undefined);
  if (realPath === undefined) return;
  for (const dir of [undefined, ...(await namedFoldersBeside(path))]) {
    const found = await newestGood(path, dir).catch(() => undefined);
    if (found?.newest === undefined) continue;
    const { path: from, time, tasks } = found.newest;
    const option = dir === undefined ? '' : ` --snapshots ${shellPath(dir)}`;
    const command = `gdbm-doctor restore${option} ${shellPath(path)}`;
    const contents = await readContents(from, path);
    if (contents !== undefined)
      yield {
        kind: 'snapshot',
        path: from,
        ...contents,
        ...(tasks !== undefined && { tasks }),
        time,
        command,
      };
  }
  const folder = dirname(realPath);
  const name = basename(realPath);
  const names: string[] = await readdir(folder).catch(() => []);
  const backups = names.flatMap((one) => {
    const number = one.startsWith(name) ? /^\.~(\d{1,6})~$/.exec(one.slice(name.length)) : null;
    return number === null ? [] : [{ from: join(folder, one), number: Number(number[1]) }];
  });
  backups.sort((a, b) => b.number - a.number);
  for (const { from } of backups.slice(0, MAX_BACKUPS)) {
    const contents = await readContents(from, path);
    if (contents === undefined) continue;
    const aside = names.includes(name) ? `mv ${shellPath(path)} ${shellPath(`${path}.damaged`)} && ` : '';
    const newer = aside === '' ? '' : `  # newer changes are then only in ${shellPath(`${path}.damaged`)}`;
    const command = `${aside}gdbm-doctor repair ${shellPath(from)} -o ${shellPath(path)}${newer}`;
    yield { kind: 'backup', path: from, ...contents, command };
  }
}

/** The contents of a copy; undefined where it cannot be read, or others than the database's writers can have written it. */
async function readContents(
  from: string,
  dbPath: string,
): Promise<(Contents & { readonly time: Date }) | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(from, flags).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const stats = await handle.stat();
    if (!stats.isFile() || stats.size === 0) return undefined;
    await requireTrusted(handle, from, await writersOf(dbPath));
    const { checked, profile } = await checkContents(await fileSource(handle), 'auto');
    return { ...contentsOf(checked, profile), time: stats.mtime };
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
}
