import { stat } from 'node:fs/promises';
import type { Database } from '../database/database.js';
import type { Searched } from '../examine.js';
import type { Report } from '../source/sweep.js';
import { openProved, openSearched, search, searchedProved } from '../examine.js';
import type { Walkable } from '../exchange/walk.js';
import { openForWalk } from '../exchange/walk.js';
import { identifySource } from '../database/identify.js';
import { RefusedError, requireRegularFile } from '../store/errors.js';
import type { FileSource } from '../source/file.js';
import { openFileSource } from '../source/file.js';
import { shellPath } from '../report/shellword.js';
import { tellIfChanged } from './atrest.js';
import { collectGarbage, sparing } from './heap.js';

/**
 * Opens a file for reading, never a pipe or a device, which could wait for ever.
 *
 * @param isSearched whether it is searched for pages that the disk cannot read first; see `orSearched`
 * @throws RefusedError or NodeJS.ErrnoException
 */
export async function openRegularFile(path: string, isSearched = false): Promise<FileSource> {
  requireRegularFile(path, await stat(path));
  return openFileSource(path, isSearched);
}

/** A file that should be a database. */
export interface DatabaseFile extends FileSource {
  /** @throws RefusedError that says what it is instead */
  refuse(): Promise<never>;
}

/**
 * Opens a file that should be a database.
 *
 * @throws RefusedError if it is empty
 */
export async function openDatabaseFile(path: string): Promise<DatabaseFile> {
  // A command that prints as it reads cannot start again: its file is searched first. The second reading is from the page cache.
  const source = await openRegularFile(path, true);
  if (source.size === 0) {
    await source.close();
    throw new RefusedError(
      'io',
      `${path}: expected a database, found an empty file. Run: gdbm-doctor repair ${shellPath(path)}`,
    );
  }
  return {
    ...source,
    async refuse() {
      const { what, advice } = await identifySource(source, path);
      throw new RefusedError('io', `${path}: expected a GDBM database, found ${what}. ${advice}`);
    },
  };
}

/** A database that is open. One that is proved to be in order is not searched before somebody asks for that. */
export interface OpenDatabase {
  readonly db: Database;
  /** Whether every bucket and every record is in order: what a lookup does not find is not there. */
  readonly isProved: boolean;
  readonly file: FileSource;
  /** Its buckets. */
  readonly searched: () => Promise<Searched>;
  /** The same with every element examined. */
  readonly examined: () => Promise<Searched>;
}

/**
 * Opens a file and reads it as a database while `use` runs.
 *
 * @throws RefusedError if it is none
 */
export async function withDatabase<T>(path: string, use: (open: OpenDatabase) => Promise<T>): Promise<T> {
  const file = await openDatabaseFile(path);
  try {
    const result = await use((await openDatabase(file)) ?? (await file.refuse()));
    await tellIfChanged(path, file);
    return result;
  } finally {
    await file.close();
  }
}

/**
 * Reads a file as a database, and frees after each step what it needed.
 *
 * @returns undefined where nothing speaks for one
 */
export async function openDatabase(file: FileSource, report?: Report): Promise<OpenDatabase | undefined> {
  const spare = sparing();
  const both: Report = (step, done, all) => {
    report?.(step, done, all);
    spare(step);
  };
  const proved = await openProved(file, both);
  collectGarbage();
  if (proved !== undefined) {
    const { db } = proved;
    const examined = () => searchedProved(proved);
    return { db, isProved: true, file, searched: () => search(db), examined };
  }
  const found = await openSearched(file, both);
  collectGarbage();
  if (found === undefined) return undefined;
  const again = () => Promise.resolve(found);
  return { db: found.db, isProved: false, file, searched: again, examined: again };
}

/**
 * Reads a file as a database to be walked.
 *
 * @throws RefusedError if it is none
 */
export async function openFileForWalk(source: DatabaseFile): Promise<Walkable> {
  const database = (await openForWalk(source, sparing())) ?? (await source.refuse());
  collectGarbage();
  return database;
}
