import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { copyFile, mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { openQuietly } from '../source/file.js';
import { RefusedError } from '../store/errors.js';
import type { DbmCheck, DbmCheckOptions } from './kind.js';
import { unknownBecause } from './kind.js';
import type { FoundDbm } from './which.js';

/** Bytes of the header. */
const HEADER = 100;
/** Bytes of a database that is copied to be read with its journal, at most: the copy may be in memory. */
const COPIED = 256 << 20;
/**
 * Last bytes of a journal of several databases, behind the name of the file that joins them. SQLite deletes the file of
 * this name once it has undone the write, wherever it is; a dbm.sqlite3 has no such journal.
 */
const SUPER_JOURNAL_END = Buffer.from('d9d505f920a163d7', 'hex');
/** Milliseconds of SQLite's own check by default. */
const TIMEOUT = 60_000;
/** JavaScript heap of that check, in MiB. SQLite itself keeps 2 MiB of pages. */
const HEAP = 64;
/** Kinds of a page of a table, in the first byte of its head: with other pages below it, and with entries. */
const INTERIOR = 5;
const LEAF = 13;
/** Place of the number of its entries, in bytes from there. */
const ENTRIES = 3;

/**
 * Checks an SQLite database: its header against its size, then SQLite's own `PRAGMA integrity_check`, where Node brings
 * SQLite.
 *
 * @param use gets the path of a sound database without a journal: the file itself, or a copy into which SQLite has written
 *   its journal, which is removed afterwards
 */
export async function checkSqlite(
  found: FoundDbm,
  options: DbmCheckOptions = {},
  use?: (path: string, records: number | undefined) => Promise<void>,
): Promise<DbmCheck> {
  try {
    return await withSqlite(found, async (uri, hasJournal, requireRest) => {
      const [path] = found.files;
      const { size } = await stat(path);
      const wrong = hasJournal ? undefined : await headerProblem(path, size);
      const checked: DbmCheck =
        wrong === undefined
          ? await askSqlite(uri, options)
          : { verdict: 'damaged', records: undefined, problems: [wrong] };
      await requireRest();
      if (checked.verdict === 'sound') await use?.(fileURLToPath(uri.replace(/\?.*/, '')), checked.records);
      return checked;
    });
  } catch (error) {
    if (error instanceof RefusedError) return unknownBecause(error.message.replace(/\.$/, ''));
    throw error;
  }
}

/**
 * Gives the URI by which SQLite can read a database without harm to it or its program: as a file that does not change, so
 * that SQLite makes no file beside it and takes no lock. One with a journal is copied with it to a private folder, because
 * SQLite would write to both.
 *
 * @param use calls `requireRest` when it has read all: it throws a RefusedError if a program wrote to the file meanwhile
 * @throws RefusedError if its schema is no dbm.sqlite3's, or if it has a journal and is too large to be copied
 */
export async function withSqlite<T>(
  { files }: FoundDbm,
  use: (uri: string, hasJournal: boolean, requireRest: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const before = await stateOf(files);
  const [{ size }, ...journals] = before;
  const requireRest = async () => {
    const after = await stateOf(files);
    const isSame = after.every(({ size, time }, i) => size === before[i].size && time === before[i].time);
    if (!isSame) throw new RefusedError('changed', 'a program wrote to it meanwhile; try again.');
  };
  const hasJournal = journals.some((journal) => journal.size > 0);
  await requireSmallSchema(files[0]);
  if (!hasJournal) return use(`${pathToFileURL(files[0]).href}?immutable=1`, false, requireRest);
  const copied = journals.reduce((sum, journal) => sum + Math.max(0, journal.size), size);
  if (copied > COPIED) throw new RefusedError('io', JOURNALED);
  for (const journal of files.slice(1)) await requireOwnJournal(journal);
  const folder = await mkdtemp(join(tmpdir(), 'gdbm-doctor-'));
  try {
    const uri = `${pathToFileURL(await copyTo(folder, files)).href}?mode=rw`;
    await requireRest();
    return await use(uri, true, requireRest);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const ONLY_DICT = 'expected the table Dict and nothing else';

/** @throws RefusedError for a journal that names another file */
async function requireOwnJournal(path: string): Promise<void> {
  const handle = await openQuietly(path).catch(() => undefined);
  if (handle === undefined) return;
  try {
    const end = Buffer.alloc(SUPER_JOURNAL_END.length);
    const { size } = await handle.stat();
    await handle.read(end, 0, end.length, Math.max(0, size - end.length));
    if (end.equals(SUPER_JOURNAL_END)) {
      throw new RefusedError(
        'io',
        `the journal ${path} names another file, which SQLite would delete; it is not read.`,
      );
    }
  } finally {
    await handle.close();
  }
}

/** Copies a database with its journals; returns the path of the copy. */
async function copyTo(folder: string, files: readonly string[]): Promise<string> {
  const [path, ...journals] = [await realpath(files[0]), ...files.slice(1)];
  const copy = join(folder, 'copy');
  await copyFile(path, copy, constants.COPYFILE_FICLONE);
  for (const journal of journals) {
    await copyFile(journal, copy + journal.slice(path.length), constants.COPYFILE_FICLONE);
  }
  return copy;
}

const JOURNALED =
  'a program has it open or died with it open (its changes are in a journal beside it), and it is too large to be read as ' +
  'a copy. Let its program close it.';

async function stateOf(files: readonly string[]): Promise<{ size: number; time: bigint }[]> {
  return Promise.all(
    files.map(async (path) => {
      const stats = await stat(path, { bigint: true }).catch(() => undefined);
      return { size: Number(stats?.size ?? -1n), time: stats?.mtimeNs ?? 0n };
    }),
  );
}

/**
 * Requires a schema of at most a table and its index, as a dbm.sqlite3 has it, before SQLite reads it: an index or a view of
 * another one may compute values of any size, and thousands of views take any memory.
 *
 * @throws RefusedError for another schema
 */
async function requireSmallSchema(path: string): Promise<void> {
  const handle = await openQuietly(path);
  try {
    const page = Buffer.alloc(HEADER + 8);
    await handle.read(page, 0, page.length, 0);
    const [kind, entries] = [page[HEADER], page.readUInt16BE(HEADER + ENTRIES)];
    if (kind === INTERIOR || (kind === LEAF && entries > 2)) throw new RefusedError('io', ONLY_DICT);
  } finally {
    await handle.close();
  }
}

/** A field of the header that is wrong, or a file that is shorter than its pages. */
async function headerProblem(path: string, size: number): Promise<string | undefined> {
  if (size < HEADER) return `its header is cut off: it has ${size} bytes`;
  const handle = await openQuietly(path);
  try {
    const header = Buffer.alloc(HEADER);
    await handle.read(header, 0, HEADER, 0);
    const field = header.readUInt16BE(16);
    const pageSize = field === 1 ? 65536 : field;
    if (pageSize < 512 || !Number.isInteger(Math.log2(pageSize))) return `its page size is ${pageSize}`;
    if (header[21] !== 64 || header[22] !== 32 || header[23] !== 32) return 'its header is damaged';
    // Old versions did not keep the number of pages; then these two fields differ.
    const isCounted = header.readUInt32BE(24) === header.readUInt32BE(92);
    const pages = header.readUInt32BE(28);
    if (isCounted && pages * pageSize > size) {
      return `it has ${size} bytes, and ${pages} pages of ${pageSize} bytes by its header: it is cut off`;
    }
    return undefined;
  } finally {
    await handle.close();
  }
}

/**
 * The check in a process of its own: it may take long, and a hostile file ends only that process. It evaluates nothing
 * that a schema says but what the check itself needs.
 */
const SCRIPT = `
const { DatabaseSync } = require('node:sqlite');
const [uri] = process.argv.slice(1);
const db = new DatabaseSync(uri, { readOnly: uri.endsWith('immutable=1') });
db.exec('PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA cache_size=-2000');
const all = (sql) => db.prepare(sql).all();
const others = all("SELECT 1 FROM sqlite_master WHERE NOT (name = 'Dict' AND type = 'table' OR name = 'sqlite_autoindex_Dict_1')");
if (others.length > 0) throw new Error('${ONLY_DICT}');
const problems = all('PRAGMA integrity_check(3)').map((row) => row.integrity_check).filter((text) => text !== 'ok');
const isDict = all("SELECT 1 FROM sqlite_master WHERE name = 'Dict' AND type = 'table'").length > 0;
const records = problems.length === 0 && isDict ? all('SELECT count(*) AS n FROM Dict')[0].n : null;
require('node:fs').writeSync(process.stdout.fd, JSON.stringify({ problems, records }));
`;

async function askSqlite(uri: string, { signal, timeout = TIMEOUT }: DbmCheckOptions): Promise<DbmCheck> {
  const args = ['--no-warnings', `--max-old-space-size=${HEAP}`, '-e', SCRIPT, '--'];
  // The options of this process may load modules that the other one does not need.
  const env = { ...process.env, NODE_OPTIONS: '' };
  const { failed, out, errors } = await new Promise<{
    failed: (Error & { killed?: boolean }) | null;
    out: string;
    errors: string;
  }>((resolve) => {
    const limits = {
      timeout,
      killSignal: 'SIGKILL',
      maxBuffer: 1 << 20,
      env,
      ...(signal && { signal }),
    } as const;
    execFile(process.execPath, [...args, uri], limits, (failed, out, errors) => {
      resolve({ failed, out, errors });
    });
  });
  signal?.throwIfAborted();
  if (failed === null) {
    const { problems, records } = JSON.parse(out) as { problems: string[]; records: number | null };
    const isSound = problems.length === 0;
    return {
      verdict: isSound ? 'sound' : 'damaged',
      records: records ?? undefined,
      problems: isSound ? [] : [`SQLite says: ${linesOf(problems).join('; ')}`],
    };
  }
  if (failed.killed === true) return unknownBecause(`SQLite's check took longer than ${timeout / 1000} s`);
  if (/ERR_UNKNOWN_BUILTIN_MODULE|Cannot find module 'node:sqlite'|No such built-in module/.test(errors)) {
    return unknownBecause(`${SQLITE_NEEDED}, and this is Node ${process.versions.node}`);
  }
  const said = /^Error: (.*)$/m.exec(errors)?.[1];
  if (said !== undefined && /malformed|not a database/.test(said)) {
    return { verdict: 'damaged', records: undefined, problems: [`SQLite says: ${said}`] };
  }
  return unknownBecause(`SQLite's check failed: ${said ?? failed.message.split('\n')[0]}`);
}

/** The lines of SQLite's answer, without the headings. */
function linesOf(answers: readonly string[]): string[] {
  return answers.flatMap((text) => text.split('\n')).filter((line) => !line.startsWith('***'));
}

/** The need of everything that reads or writes an SQLite database. */
export const SQLITE_NEEDED = 'dbm.sqlite3 is read and written by the SQLite of Node 22.13 and later';
