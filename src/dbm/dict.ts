import type { DumpReader, LargeRecord } from '../exchange/input.js';
import { Arena, DumpError, HELD_VALUE } from '../exchange/input.js';
import { RefusedError } from '../store/errors.js';
import { SQLITE_NEEDED } from './sqlite.js';

/** Records as a dump gives them. */
export type Batches = DumpReader['batches'];

/** The part of `node:sqlite` that is used; the types of Node 20 do not have it. */
interface Statement {
  run(...values: unknown[]): { changes: number | bigint };
  all(...values: unknown[]): Record<string, unknown>[];
  iterate(...values: unknown[]): Iterable<Record<string, unknown>>;
}
export interface SqliteDatabase {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}
type Sqlite = { DatabaseSync: new (uri: string, options?: { readOnly?: boolean }) => SqliteDatabase };

/** The table that Python's dbm.sqlite3 makes. */
const TABLE = 'CREATE TABLE Dict (key BLOB UNIQUE NOT NULL, value BLOB NOT NULL)';
/** Bytes of a value that SQLite stores at most. */
const LARGEST = 1_000_000_000;

/**
 * SQLite as Node brings it.
 *
 * @throws RefusedError where it does not
 */
export function openSqlite(uri: string, readOnly: boolean): SqliteDatabase {
  const emitWarning = process.emitWarning.bind(process);
  // Node 22 says on loading it that it is experimental, which a user of this program cannot change.
  process.emitWarning = () => {};
  let sqlite: Sqlite | undefined;
  try {
    sqlite = process.getBuiltinModule('node:sqlite') as Sqlite | undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
  if (sqlite === undefined) {
    throw new RefusedError('io', `${SQLITE_NEEDED}, and this is Node ${process.versions.node}.`);
  }
  const db = new sqlite.DatabaseSync(uri, { readOnly });
  db.exec(
    'PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA cache_size=-8192',
  );
  return db;
}

/**
 * The records of the table `Dict`, in the order in which they were stored.
 *
 * @throws RefusedError if there is no such table
 */
export async function* readDict(db: SqliteDatabase): Batches {
  const columns = db.prepare('PRAGMA table_xinfo(Dict)').all();
  const isPlain = (name: string) =>
    columns.some((column) => column['name'] === name && column['hidden'] === 0);
  const [found] = db.prepare("SELECT type, sql FROM sqlite_master WHERE name = 'Dict'").all();
  const isTable = found?.['type'] === 'table' && !/^\s*CREATE\s+VIRTUAL/i.test(String(found['sql']));
  if (!isTable || !isPlain('key') || !isPlain('value')) {
    throw new RefusedError(
      'io',
      'expected the table Dict of dbm.sqlite3 with key and value, found other tables.',
    );
  }
  const arena = new Arena();
  const rows = db
    .prepare('SELECT CAST(key AS BLOB) AS key, CAST(value AS BLOB) AS value FROM Dict')
    .iterate();
  for (const row of rows) {
    const { key, value } = row as { key: Uint8Array; value: Uint8Array };
    if (arena.isFull || value.length > HELD_VALUE) {
      if (arena.count > 0) yield arena;
      arena.clear();
    }
    if (value.length > HELD_VALUE) yield { key, dataSize: value.length, pieces: piecesOf(key, value) };
    else arena.append(key, value);
  }
  if (arena.count > 0) yield arena;
}

async function* piecesOf(...pieces: Uint8Array[]): LargeRecord['pieces'] {
  yield* pieces;
}

/**
 * Makes the table `Dict` in an empty database and stores records in it. The file is of no use unless it ends well: there is
 * no journal.
 *
 * @param duplicates what is done with a key that comes again: refused, or the first one kept
 * @param stored gets each record that was stored
 * @throws DumpError where a record cannot be stored
 */
export async function writeDict(
  db: SqliteDatabase,
  batches: Batches,
  duplicates: 'refuse' | 'first',
  stored: (key: Uint8Array, value: Uint8Array) => void,
  signal: AbortSignal,
): Promise<void> {
  db.exec('PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE');
  db.exec(`${TABLE}; BEGIN`);
  const insert = db.prepare('INSERT OR IGNORE INTO Dict (key, value) VALUES (?, ?)');
  for await (const { key, value } of recordsOf(batches, signal)) {
    if (value.length > LARGEST || key.length > LARGEST) {
      throw new DumpError(`a record has ${value.length} bytes; SQLite stores at most ${LARGEST} of one.`);
    }
    if (Number(insert.run(key, value).changes) === 1) stored(key, value);
    else if (duplicates === 'refuse') throw new DumpError(AGAIN);
  }
  db.exec('COMMIT');
}

/** The refusal of a key that comes again. */
export const AGAIN =
  'expected each key once, found one that comes again. --duplicates first keeps the first of each.';

/** Records one by one, each held whole; valid until the next is asked for. */
export async function* recordsOf(
  batches: Batches,
  signal: AbortSignal,
): AsyncGenerator<{ key: Uint8Array; value: Uint8Array }> {
  for await (const batch of batches) {
    signal.throwIfAborted();
    if (!('count' in batch)) {
      const pieces: Uint8Array[] = [];
      // The memory of a piece may be used again for the next one.
      for await (const piece of batch.pieces) pieces.push(Uint8Array.from(piece));
      const held = Buffer.concat(pieces);
      yield { key: held.subarray(0, batch.key.length), value: held.subarray(batch.key.length) };
      continue;
    }
    const { count, bytes, keySizes, dataSizes } = batch;
    for (let i = 0, at = 0; i < count; i++) {
      const keyEnd = at + keySizes[i];
      const end = keyEnd + dataSizes[i];
      yield { key: bytes.subarray(at, keyEnd), value: bytes.subarray(keyEnd, end) };
      at = end;
    }
  }
}
