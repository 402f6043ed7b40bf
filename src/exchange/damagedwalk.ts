import { examineBuckets } from '../check/judge.js';
import type { DoubtfulRecords } from '../check/doubtful.js';
import type { StoredRecord } from '../check/record.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { digestOf, HASH_RANGE } from '../format/hash.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { readTogether } from '../salvage/read.js';
import type { BatchHashes, WalkedBatch, WalkLoss } from './batch.js';
import { DIGEST, HASH, KEY_SIZE, WORDS } from './batchwords.js';
import type { Claimable } from './soundwalk.js';

/** Every record of some buckets that can be proved, whatever became of the buckets, as an examination judges them. */
export async function* walkDamaged(
  db: Database,
  survey: SearchedSurvey,
  sites: readonly BucketSite[],
  claimable: Claimable,
  loss: WalkLoss,
  without?: DoubtfulRecords,
): AsyncGenerator<WalkedBatch> {
  let done = 0;
  async function* examined(): AsyncGenerator<readonly StoredRecord[]> {
    for await (const { site, records, rejected, missing } of examineBuckets(db, survey, sites)) {
      for (const { reason } of rejected)
        if (reason !== 'superseded' && reason !== 'duplicate') loss.records++;
      loss.records += missing;
      const possible = records.filter(({ offset, keySize, dataSize }) => {
        if (without?.has(offset, keySize + dataSize) === true) return false;
        const fits = keySize + dataSize <= claimable.bytes;
        if (fits) claimable.bytes -= keySize + dataSize;
        return fits;
      });
      loss.records += records.length - possible.length;
      if (site.firstSlot >= 0) done = (site.firstSlot / db.directory.length) * HASH_RANGE;
      yield possible;
    }
  }
  const room = { words: new Int32Array(0) };
  for await (const { records, bytes, starts } of readTogether(db.source, examined(), 'whole')) {
    yield {
      source: db.source,
      count: records.length,
      bytes,
      starts,
      offsets: Float64Array.from(records, ({ offset }) => offset),
      keySizes: Int32Array.from(records, ({ keySize }) => keySize),
      dataSizes: Int32Array.from(records, ({ dataSize }) => dataSize),
      buckets: Float64Array.from(records, ({ bucket }) => bucket),
      hashes: hashesOf(records, bytes, starts, done, room),
    };
  }
}

/** @param room memory that is used again for each batch */
function hashesOf(
  records: readonly StoredRecord[],
  bytes: Uint8Array,
  starts: Int32Array,
  done: number,
  room: { words: Int32Array },
): BatchHashes {
  if (room.words.length < records.length * WORDS) room.words = new Int32Array(2 * records.length * WORDS);
  const { words } = room;
  let from = HASH_RANGE;
  let to = 0;
  for (const [n, { hash, keySize }] of records.entries()) {
    if (hash < from) from = hash;
    if (hash >= to) to = hash + 1;
    const start = starts[n];
    words[n * WORDS + HASH] = hash;
    if (start >= 0) words[n * WORDS + DIGEST] = digestOf(bytes.subarray(start, start + keySize));
    words[n * WORDS + KEY_SIZE] = keySize;
  }
  return { words, from, to, whole: [], done };
}
