import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { copyFile, mkdtemp, open, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DbmCheck, DbmCheckOptions } from './kind.js';
import { unknownBecause } from './kind.js';
import type { FoundDbm } from './which.js';

/** Bytes of the header. */
const HEADER = 100;
/** Bytes of a database that is copied to be checked with its journal, at most: the copy may be in memory. */
const COPIED = 256 << 20;
/** Milliseconds of SQLite's own check by default. */
const TIMEOUT = 60_000;
/** Bytes of the JavaScript heap of that check, in MiB. SQLite itself keeps 2 MiB of pages. */
const HEAP = 64;

/**
 * Checks an SQLite database: its header against its size, then SQLite's own `PRAGMA integrity_check`, where Node brings
 * SQLite. The file is opened as one that does not change, so that SQLite makes no file beside it and takes no lock. One
 * with a journal is copied with it to a private folder, because SQLite would write to both.
 */
export async function checkSqlite(found: FoundDbm, options: DbmCheckOptions = {}): Promise<DbmCheck> {
  const [path] = found.files;
  const before = await stateOf(found.files);
  const [first, ...journals] = before;
  const hasJournal = journals.some(({ size }) => size > 0);
  const wrong = hasJournal ? undefined : await headerProblem(path, first.size);
  const checked =
    wrong === undefined
      ? await (hasJournal ? checkCopy(found, first.size, options) : askSqlite(path, 'immutable=1', options))
      : ({ verdict: 'damaged', records: undefined, problems: [wrong] } as const);
  const after = await stateOf(found.files);
  const isSame = after.every(({ size, time }, i) => size === before[i].size && time === before[i].time);
  return isSame ? checked : unknownBecause('a program writes to it');
}

async function stateOf(files: readonly string[]): Promise<{ size: number; time: bigint }[]> {
  return Promise.all(
    files.map(async (path) => {
      const stats = await stat(path, { bigint: true }).catch(() => undefined);
      return { size: Number(stats?.size ?? -1n), time: stats?.mtimeNs ?? 0n };
    }),
  );
}

/** A field of the header that is wrong, or a file that is shorter than its pages. */
async function headerProblem(path: string, size: number): Promise<string | undefined> {
  if (size < HEADER) return `its header is cut off: it has ${size} bytes`;
  const handle = await open(path);
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

async function checkCopy({ files }: FoundDbm, size: number, options: DbmCheckOptions): Promise<DbmCheck> {
  if (size > COPIED) {
    return unknownBecause(
      'a program has it open or died with it open, and it is too large to be checked as a copy',
    );
  }
  const [path, ...journals] = [await realpath(files[0]), ...files.slice(1)];
  const folder = await mkdtemp(join(tmpdir(), 'gdbm-doctor-'));
  try {
    const copy = join(folder, 'copy');
    await copyFile(path, copy, constants.COPYFILE_FICLONE);
    for (const journal of journals) {
      await copyFile(journal, copy + journal.slice(path.length), constants.COPYFILE_FICLONE);
    }
    return await askSqlite(copy, 'mode=rw', options);
  } finally {
    await rm(folder, { recursive: true, force: true });
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
const problems = all('PRAGMA integrity_check(3)').map((row) => row.integrity_check).filter((text) => text !== 'ok');
const isDict = all("SELECT 1 FROM sqlite_master WHERE name = 'Dict' AND type = 'table'").length > 0;
const records = problems.length === 0 && isDict ? all('SELECT count(*) AS n FROM Dict')[0].n : null;
require('node:fs').writeSync(process.stdout.fd, JSON.stringify({ problems, records }));
`;

async function askSqlite(
  path: string,
  mode: string,
  { signal, timeout = TIMEOUT }: DbmCheckOptions,
): Promise<DbmCheck> {
  const args = ['--no-warnings', `--max-old-space-size=${HEAP}`, '-e', SCRIPT, '--'];
  const uri = `${pathToFileURL(path).href}?${mode}`;
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
      problems: isSound
        ? []
        : problems
            .flatMap((text) => text.split('\n').filter((line) => !line.startsWith('***')))
            .map((text) => `SQLite says: ${text}`),
    };
  }
  if (failed.killed === true) return unknownBecause(`SQLite's check took longer than ${timeout / 1000} s`);
  if (/ERR_UNKNOWN_BUILTIN_MODULE|Cannot find module 'node:sqlite'|No such built-in module/.test(errors)) {
    return unknownBecause(`${SQLITE_NEEDED}, found Node ${process.versions.node}`);
  }
  const said = /^Error: (.*)$/m.exec(errors)?.[1];
  if (said !== undefined && /malformed|not a database/.test(said)) {
    return { verdict: 'damaged', records: undefined, problems: [`SQLite says: ${said}`] };
  }
  return unknownBecause(`SQLite's check failed: ${said ?? failed.message.split('\n')[0]}`);
}

/** The need of everything that reads or writes an SQLite database. */
export const SQLITE_NEEDED = 'SQLite comes with Node 22.13 and later';
