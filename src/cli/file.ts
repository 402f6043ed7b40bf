import { openRegularFile } from '../api/checkedfile.js';
import type { Database } from '../database/database.js';
import { identifySource } from '../database/identify.js';
import { readableDbm } from '../dbm/records.js';
import { shadowed, twoDatabases } from '../dbm/which.js';
import type { Opened } from '../examine.js';
import { open } from '../examine.js';
import type { RecordLoss } from '../read/records.js';
import { named } from '../report/advice.js';
import { number, shellPath } from '../report/escape.js';
import type { FileSource } from '../source/file.js';
import { reportReading } from '../source/source.js';
import { RefusedError } from '../store/errors.js';
import { progressLine } from './progress.js';
import { tell } from './terminal.js';

/** A file that should be a database. */
export interface DatabaseFile extends FileSource {
  readonly path: string;
  /** @throws RefusedError that says what it is instead */
  refuse(): Promise<never>;
}

/** A file is read to be examined, and again for its records. */
const PASSES = 2;

/**
 * Opens a file that should be a database.
 *
 * @throws RefusedError if it is empty
 */
export async function openDatabaseFile(path: string): Promise<DatabaseFile> {
  // A command that prints as it reads cannot start again, so its file is searched for unreadable pages first. The second
  // reading is from the page cache.
  await refuseOther(path);
  const source = await openRegularFile(path, true);
  if (source.size === 0) {
    await source.close();
    throw new RefusedError(
      'io',
      `${path}: expected a database, found an empty file. Run: gdbm-doctor repair ${shellPath(path)}`,
    );
  }
  await tellShadowed(path);
  const progress = progressLine('passing');
  return {
    ...reportReading(source, progress.report, PASSES),
    path,
    async close() {
      progress.end();
      await source.close();
    },
    async refuse() {
      const { what, advice } = await identifySource(source, path);
      throw new RefusedError(
        'io',
        `${path}: expected a GDBM database, found ${named(what, path)}. ${named(advice, path)}`,
      );
    },
  };
}

/**
 * Refuses the name of a database of another kind whose records can be read, with the commands that read it.
 *
 * @throws RefusedError
 */
export async function refuseOther(path: string): Promise<void> {
  const two = await shadowed(path).catch(() => undefined);
  const found = two === undefined ? await readableDbm(path).catch(() => undefined) : undefined;
  if (found === undefined) return;
  throw new RefusedError(
    'io',
    `${path}: this is a ${found.kind} database (${found.files.join(' and ')}), not GDBM. To read it: ` +
      `gdbm-doctor dump ${shellPath(path)}; to make a GDBM database of it: ` +
      `gdbm-doctor convert ${shellPath(path)} ${shellPath(`${path}.gdbm`)}`,
  );
}

/** Tells of a name that leads Python to another database than the file. */
export async function tellShadowed(path: string): Promise<void> {
  const two = await shadowed(path).catch(() => undefined);
  if (two !== undefined) tell(`${path}: ${twoDatabases(path, two)} This is about the second.`);
}

/**
 * Opens a file and reads it as a database while `use` runs.
 *
 * @throws RefusedError if it is none
 */
export async function withDatabase<T>(
  path: string,
  use: (opened: Opened, file: FileSource) => Promise<T>,
): Promise<T> {
  const file = await openDatabaseFile(path);
  try {
    const result = await use(await openFileForReading(file), file);
    await tellIfChanged(path, file);
    return result;
  } finally {
    await file.close();
  }
}

/**
 * Opens a file as a database whose records are to be read, and tells of changes of all its bytes that were undone.
 *
 * @throws RefusedError if it is none
 */
export async function openFileForReading(source: DatabaseFile): Promise<Opened> {
  const opened = (await open(source)) ?? (await source.refuse());
  tellUndone(source.path, opened.db);
  return opened;
}

/** Tells of changes of all bytes of a file that were undone to read it. */
export function tellUndone(path: string, { undone }: Pick<Database, 'undone'>): void {
  for (const { what } of undone?.transforms ?? []) {
    tell(`${path}: ${what}; it was read with that undone, and offsets are those of the file before`);
  }
}

/** The records of a damaged database that could not be given, in words; undefined if all could. */
export function lossText({ records, incomplete }: RecordLoss): string | undefined {
  const parts = [
    ...(records > 0 ? [`${number(records)} ${records === 1 ? 'record' : 'records'} cannot be proved`] : []),
    ...(incomplete ? ['some buckets are gone'] : []),
  ];
  return parts.length === 0 ? undefined : parts.join(' and ');
}

/**
 * Warns of a program that wrote to a file while it was read: parts of it are of different moments, and may look damaged
 * although they are not.
 *
 * @returns true if one wrote to it
 */
export async function tellIfChanged(path: string, source: FileSource): Promise<boolean> {
  const changed = await source.changed();
  if (changed) {
    tell(
      `${path}: a program wrote to it while it was read, or put another in its place, so that what was found is of no one moment and may only look ` +
        `damaged. Run this again when it is at rest, or on a snapshot: gdbm-doctor snapshots ${shellPath(path)}`,
    );
  }
  return changed;
}
