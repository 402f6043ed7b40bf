import { createHash } from 'node:crypto';
import { mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ContentsDigest } from '../exchange/fingerprint.js';
import { DumpError, Input } from '../exchange/input.js';
import { cached } from '../source/cached.js';
import { openFileSource } from '../source/file.js';
import { passChunks, readChunks } from '../source/source.js';
import { shellPath } from '../report/escape.js';
import { moveAside, setJournalsAside } from '../store/backup.js';
import { RefusedError } from '../store/errors.js';
import { FreshFile } from '../store/fresh.js';
import type { HeldFile } from '../store/held.js';
import { holdFile, requireUnchanged } from '../store/held.js';
import type { PutOptions, WantedRights } from '../store/replace.js';
import { placeFile, putFile, readBack, requireFree } from '../store/replace.js';
import { giveRights, whyUntrusted } from '../store/rights.js';
import { VerifyError } from '../write/write.js';
import { keyName } from './check.js';
import type { Batches, SqliteDatabase } from './dict.js';
import { AGAIN, openSqlite, readDict, recordsOf, writeDict } from './dict.js';
import { DumbWriter, readDumb } from './dumb.js';
import type { Stored } from './records.js';
import { storedOf } from './records.js';
import { whichDbm } from './which.js';

/** Kinds of database that can be made. */
export const MADE_KINDS = ['gdbm', 'dbm.sqlite3', 'dbm.dumb'] as const;
export type MadeKind = (typeof MADE_KINDS)[number];

/** Options of {@link makeDbm}. */
export interface MakeOptions extends PutOptions {
  /** Treatment of a key that comes again: refused, or the first one kept. */
  readonly duplicates: 'refuse' | 'first';
  /** File of which the records come, if it is a database. */
  readonly source?: string;
  /** Gets the number of records before the database takes its name; throws if it must not. */
  readonly confirm?: (records: number) => Promise<void>;
}

/** A database that was made. */
export interface Made {
  readonly records: number;
  /** Path of a file that was replaced; undefined where none was. */
  readonly backup: string | undefined;
  /** Notes for the operator. */
  readonly notes: readonly string[];
}

/**
 * Makes a dbm.sqlite3 or a dbm.dumb, as safely as a GDBM database: under another name, synced, read back and compared, and
 * only then named.
 *
 * @param path the name that a program opens: a dbm.dumb has the files PATH.dat and PATH.dir
 * @param rights owner and mode of new files
 * @throws RefusedError, DumpError or VerifyError; nothing was changed
 */
export async function makeDbm(
  kind: Exclude<MadeKind, 'gdbm'>,
  path: string,
  batches: Batches,
  rights: WantedRights,
  options: MakeOptions,
): Promise<Made> {
  const made = await (kind === 'dbm.dumb' ? makeDumb : makeSqlite)(path, batches, rights, options);
  const { kind: opened, files } = await whichDbm(path);
  if (opened === kind) return made;
  const note = `A program that opens ${path} gets ${files.join(' and ')} instead (${opened}). Move them away.`;
  return { ...made, notes: [...made.notes, note] };
}

async function makeSqlite(
  path: string,
  batches: Batches,
  rights: WantedRights,
  options: MakeOptions,
): Promise<Made> {
  for (const journal of [`${path}-wal`, `${path}-journal`]) {
    if (((await stat(journal).catch(() => undefined))?.size ?? 0) === 0) continue;
    throw new RefusedError(
      'exists',
      `${path}: expected no journal beside it, found ${journal}, which SQLite would apply to the new database. ` +
        'Let its program close the old one, or move it away.',
    );
  }
  let records = 0;
  const replaced = await putFile(path, options, async (fresh) => {
    try {
      records = (await fillSqlite(fresh, batches, options)).records;
      await options.confirm?.(records);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (error instanceof RefusedError && !message.startsWith(path))
        throw new RefusedError(error.code, `${path}: ${message}`, { cause: error });
      if (code !== 'ERR_SQLITE_ERROR') throw error;
      const text = `${path}: SQLite says: ${message}. Nothing was changed.`;
      throw new RefusedError(message.includes('full') ? 'no-space' : 'io', text, { cause: error });
    }
    await fresh.sync();
    return rights;
  });
  return { records, ...replaced };
}

/**
 * Fills a fresh file. SQLite opens files only by name: in a folder in which another user could put a link in its place, the
 * database is made in a private folder and copied.
 */
async function fillSqlite(fresh: FreshFile, batches: Batches, options: MakeOptions): Promise<Stored> {
  const { duplicates, signal } = options;
  const folder = (await isOwn(dirname(fresh.path)))
    ? undefined
    : await mkdtemp(join(tmpdir(), 'gdbm-doctor-'));
  const path = folder === undefined ? fresh.path : join(folder, 'made');
  try {
    const digest = new ContentsDigest();
    let records = 0;
    await withDatabase(path, 'mode=rwc', (db) =>
      writeDict(
        db,
        batches,
        duplicates,
        (key, value) => {
          digest.takeSizes(key.length, value.length);
          digest.takeBytes(key);
          digest.takeBytes(value);
          records++;
        },
        signal,
      ),
    );
    const stored = { records, contents: digest.value };
    const found = await withDatabase(path, 'immutable=1', (db) => {
      const [{ integrity_check: said }] = db.prepare('PRAGMA integrity_check(1)').all();
      if (said !== 'ok')
        throw new VerifyError(`expected a sound fresh database, found that SQLite says: ${String(said)}`);
      return storedOf(readDict(db));
    });
    requireSame(stored, found);
    if (folder !== undefined) await copyInto(fresh, path);
    return stored;
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

async function withDatabase<T>(
  path: string,
  mode: 'mode=rwc' | 'immutable=1',
  use: (db: SqliteDatabase) => Promise<T>,
): Promise<T> {
  const db = openSqlite(`${pathToFileURL(resolve(path)).href}?${mode}`, mode === 'immutable=1');
  try {
    return await use(db);
  } finally {
    db.close();
  }
}

/** True if only this user and root can put another file in the place of one in a folder. */
async function isOwn(folder: string): Promise<boolean> {
  const owners = [process.geteuid?.() ?? 0, 0];
  return whyUntrusted(await stat(folder), { owners, groups: [], everybody: false }) === undefined;
}

async function copyInto(fresh: FreshFile, path: string): Promise<void> {
  const made = await openFileSource(path);
  try {
    let at = 0;
    for await (const piece of passChunks(made, 0, made.size)) {
      await fresh.write(at, piece);
      at += piece.length;
    }
    const [copied, wanted] = [createHash('sha256'), createHash('sha256')];
    for await (const piece of passChunks(made, 0, made.size)) wanted.update(piece);
    for await (const piece of passChunks(fresh, 0, fresh.size)) copied.update(piece);
    if (copied.digest('hex') !== wanted.digest('hex'))
      throw new VerifyError('the copy differs from what was made');
  } finally {
    await made.close();
  }
}

async function makeDumb(
  path: string,
  batches: Batches,
  { uid, gid, mode }: WantedRights,
  options: MakeOptions,
): Promise<Made> {
  const { signal, duplicates, confirm, source } = options;
  const names = { data: `${path}.dat`, index: `${path}.dir` };
  // Two files cannot take the names of two others in one step.
  for (const name of [names.data, names.index, `${path}.bak`]) await requireFree(name);
  const old = await holdOld(path, source, options);
  const data = await FreshFile.createBeside(names.data, signal);
  const index = await FreshFile.createBeside(names.index, signal);
  try {
    const stored = await fillDumb(data, index, batches, signal, duplicates);
    await Promise.all([data.sync(), index.sync()]);
    const lines = await readBack(index, signal);
    const input = new Input(readChunks(lines, 0, lines.size));
    requireSame(stored, await storedOf(readDumb(input, cached(await readBack(data, signal)))));
    await confirm?.(stored.records);
    const notes: string[] = [];
    if (old !== undefined) await requireUnchanged(old, 'the work');
    for (const [fresh, name] of [
      [data, names.data],
      [index, names.index],
    ] as const) {
      const now = await fresh.handle.stat();
      const wanted = { uid: uid ?? now.uid, gid: gid ?? now.gid, mode: mode ?? now.mode };
      notes.push(...(await giveRights(fresh.handle, wanted, 'The new file')));
      await fresh.sync();
      await placeFile(fresh, name);
    }
    const backup = old && (await moveOld(path));
    return { records: stored.records, backup, notes: [...new Set(notes)] };
  } finally {
    await data.close();
    await index.close();
    await old?.release();
  }
}

/**
 * Holds the database file that has the name of a dbm.dumb. Python would open the dbm.dumb, and a program that knows only
 * the file would go on with the old records.
 *
 * @param source the file of which the records come; another one is set aside only on request
 */
async function holdOld(
  path: string,
  source: string | undefined,
  { replace, lock, wait, signal }: MakeOptions,
): Promise<HeldFile | undefined> {
  const { kind, files } = await whichDbm(path);
  if (kind === 'none' || kind === 'unknown' || !files.includes(path)) return undefined;
  const isSource = source !== undefined && (await realpath(source)) === (await realpath(path));
  if (!replace && !isSource) {
    throw new RefusedError(
      'exists',
      `${path}: expected no database of this name, found one (${kind}). Name another, or add --replace: it stays as ${path}.~1~.`,
    );
  }
  return holdFile(path, { lock, wait, signal });
}

async function moveOld(path: string): Promise<string> {
  try {
    await setJournalsAside(await realpath(path));
    return await moveAside(path);
  } catch (error) {
    throw new RefusedError(
      'io',
      `${path}: ${path}.dat and ${path}.dir were made, but the old file could not be renamed: ` +
        `${(error as Error).message}. Rename it: mv -i ${shellPath(path)} ${shellPath(`${path}.old`)}`,
      { cause: error },
    );
  }
}

async function fillDumb(
  data: FreshFile,
  index: FreshFile,
  batches: Batches,
  signal: AbortSignal,
  duplicates: MakeOptions['duplicates'],
): Promise<Stored> {
  const writer = new DumbWriter(data, index);
  const keys = new Set<string>();
  const digest = new ContentsDigest();
  let records = 0;
  for await (const { key, value } of recordsOf(batches, signal)) {
    const name = keyName(key);
    if (keys.has(name)) {
      if (duplicates === 'refuse') throw new DumpError(AGAIN);
      continue;
    }
    keys.add(name);
    await writer.add(key, value.length, [value]);
    digest.takeSizes(key.length, value.length);
    digest.takeBytes(key);
    digest.takeBytes(value);
    records++;
  }
  await writer.finish();
  return { records, contents: digest.value };
}

function requireSame(stored: Stored, found: Stored): void {
  if (found.records === stored.records && found.contents.fingerprint === stored.contents.fingerprint) return;
  throw new VerifyError(
    `expected the fresh database to hold the ${stored.records} records that were stored, found ${found.records}` +
      `${found.records === stored.records ? ', other ones' : ''}`,
  );
}
