import type { Database } from './database/database.js';
import type { Searched } from './examine.js';
import { searchExamined } from './examine.js';
import { readSalvaged } from './salvage/read.js';
import type { SalvagedRecord } from './salvage/salvage.js';
import { salvage } from './salvage/salvage.js';

/** A record with its key read; its value stays in the source until it is asked for. */
export interface KeyAndValue extends SalvagedRecord {
  readonly key: Uint8Array;
  /** Reads the value whole. */
  readonly readValue: () => Promise<Uint8Array>;
}

/**
 * Every record of a database whose key can be proved, in order of hashes, one at a time. In a damaged one a key may be there
 * twice.
 *
 * @param opened as `openSearched` gives it; of what `openDatabase` gives the buckets are searched for first
 * @throws SourceError if the source cannot be read
 */
export async function* readRecords(opened: Searched | Database): AsyncGenerator<KeyAndValue> {
  const { db, survey } = 'survey' in opened ? opened : await searchExamined(opened);
  const { source } = db;
  for await (const { record, bytes } of readSalvaged(source, salvage(db, survey), 'key')) {
    const { offset, keySize, dataSize } = record;
    yield {
      ...record,
      // Whoever keeps it must not keep those that were read with it.
      key: bytes?.slice() ?? (await source.read(offset, keySize)),
      readValue: () => source.read(offset + keySize, dataSize),
    };
  }
}
