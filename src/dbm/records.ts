import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ContentsDigest } from '../exchange/fingerprint.js';
import type { Contents } from '../exchange/fingerprint.js';
import { readKey } from '../exchange/dump.js';
import { DumpError, Input } from '../exchange/input.js';
import type { RecordBatch } from '../read/batch.js';
import { openFileSource } from '../source/file.js';
import { cached } from '../source/cached.js';
import { passChunks } from '../source/source.js';
import { RefusedError } from '../store/errors.js';
import { otherAdvice } from '../report/dbm.js';
import { checkDbm } from './check.js';
import type { Batches } from './dict.js';
import { openSqlite, readDict } from './dict.js';
import { readDumb } from './dumb.js';
import { withSqlite } from './sqlite.js';
import type { FoundDbm } from './which.js';
import { shadowed, twoDatabases, whichDbm } from './which.js';

/** A database of Python's `dbm` whose records can be read here, and which is not GDBM. */
export type ReadableDbm = FoundDbm & { readonly kind: 'dbm.sqlite3' | 'dbm.dumb' };

/**
 * Finds the dbm.sqlite3 or dbm.dumb that a path means; undefined if it means something else.
 *
 * @throws RefusedError if the path is the name of two databases
 */
export async function readableDbm(path: string): Promise<ReadableDbm | undefined> {
  const two = await shadowed(path);
  if (two !== undefined) throw new RefusedError('exists', `${path}: ${twoDatabases(path, two)}`);
  const found = await whichDbm(path);
  if (found.kind === 'dbm.sqlite3') return found as ReadableDbm;
  if (found.kind !== 'dbm.dumb') return undefined;
  const isFile = await stat(path).then(
    () => true,
    () => false,
  );
  return !isFile || found.files.includes(path) ? (found as ReadableDbm) : undefined;
}

/**
 * Reads the records of a dbm.sqlite3 or dbm.dumb while `use` runs. A damaged one is refused before.
 *
 * @param path its name, for errors
 * @throws RefusedError if it is damaged, if a program writes to it, or if Node does not bring SQLite
 */
export async function withRecords<T>(
  path: string,
  found: ReadableDbm,
  use: (batches: Batches) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const checked = await checkDbm(found, { signal });
  const { verdict, problems } = checked;
  if (verdict === 'damaged') {
    const advice = otherAdvice({ found, checked });
    const line = advice === undefined ? '' : ` Try: ${advice}`;
    throw new RefusedError('io', `${path}: ${found.kind} is damaged: ${problems.join('; ')}.${line}`);
  }
  // Wrong pages give wrong values without an error.
  if (verdict !== 'sound')
    throw new RefusedError('io', `${path}: ${found.kind} is not checked: ${problems.join('; ')}.`);
  try {
    return await (found.kind === 'dbm.sqlite3' ? withDict(found, use) : withDumb(found, use));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_SQLITE_ERROR')
      throw new RefusedError('io', `${path}: SQLite says: ${message}.`, { cause: error });
    if (error instanceof RefusedError && !error.message.startsWith(path)) {
      throw new RefusedError(error.code, `${path}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

function withDict<T>(found: FoundDbm, use: (batches: Batches) => Promise<T>): Promise<T> {
  return withSqlite(found, async (uri, hasJournal, requireRest) => {
    const db = openSqlite(uri, !hasJournal);
    try {
      return await use(thenRequire(readDict(db), requireRest));
    } finally {
      db.close();
    }
  });
}

async function withDumb<T>({ files }: FoundDbm, use: (batches: Batches) => Promise<T>): Promise<T> {
  const data = await openFileSource(files[0]);
  const index = createReadStream(files[1]);
  try {
    const requireRest = async () => {
      if (await data.changed())
        throw new RefusedError('changed', 'a program wrote to it meanwhile; try again.');
    };
    return await use(thenRequire(readDumb(new Input(index), cached(data)), requireRest));
  } finally {
    index.destroy();
    await data.close();
  }
}

/** The batches, and at their end a check before the last of them counts as read. */
async function* thenRequire(batches: Batches, requireRest: () => Promise<void>): Batches {
  yield* batches;
  await requireRest();
}

/** The records of a GDBM database as those of a dump. */
export async function* batchesOf(batches: AsyncIterable<RecordBatch>): Batches {
  for await (const { source, count, bytes, starts, offsets, keySizes, dataSizes } of batches) {
    for (let i = 0, end: number; i < count; i = end + 1) {
      for (end = i; end < count && starts[end] >= 0; end++);
      if (end > i) {
        yield {
          count: end - i,
          bytes: bytes.subarray(starts[i]),
          keySizes: keySizes.subarray(i, end),
          dataSizes: dataSizes.subarray(i, end),
        };
      }
      if (end === count) break;
      const [offset, keySize, dataSize] = [offsets[end], keySizes[end], dataSizes[end]];
      const key = await readKey(source, offset, keySize);
      yield { key, dataSize, pieces: passChunks(source, offset, keySize + dataSize) };
    }
  }
}

/** A count and a fingerprint of records in the order in which they come. */
export interface Stored {
  readonly records: number;
  readonly contents: Contents;
}

/** The count and the fingerprint of all records. */
export async function storedOf(batches: Batches): Promise<Stored> {
  const digest = new ContentsDigest();
  let records = 0;
  for await (const batch of batches) {
    if (!('count' in batch)) {
      const { key, dataSize, pieces } = batch;
      if (dataSize === undefined) throw new DumpError('expected a value whose size is known.');
      for await (const piece of pieces) digest.takeBytes(piece);
      digest.takeSizes(key.length, dataSize);
      records++;
      continue;
    }
    const { count, bytes, keySizes, dataSizes } = batch;
    let end = 0;
    for (let i = 0; i < count; i++) {
      digest.takeSizes(keySizes[i], dataSizes[i]);
      end += keySizes[i] + dataSizes[i];
    }
    digest.takeBytes(bytes.subarray(0, end));
    records += count;
  }
  return { records, contents: digest.value };
}
