import type { Database } from '../database/database.js';
import { readSite, roomForBucket } from '../database/survey.js';
import { FREE_HASH } from '../format/hash.js';
import type { BucketView } from '../format/bucket.js';
import type { Range } from '../source/ranges.js';
import type { Candidate } from './candidates.js';
import { hashRanges } from './keyhashes.js';
import { LONGEST } from './findkeys.js';
import { weights } from '../weights.js';

/** Maximum number of elements whose keys are read. */
const MAX_READ = 1 << 16;

/**
 * Returns true if a range lies in the value of a record. Data inside of a value, even a copy of this very database,
 * is no structure of this database. The record's key must be in the file, and no other record may begin inside the
 * record: else its size is wrong.
 */
export async function isInValue(
  db: Database,
  { offset, length }: Range,
  buckets: readonly Candidate[],
): Promise<boolean> {
  const around = await provedRecords(
    db,
    buckets,
    (from, keySize, end) => from + keySize <= offset && end >= offset + length,
  );
  if (around.length === 0) return false;
  const { offset: from, length: size } = around.reduce((a, b) => (b.length < a.length ? b : a));
  const inside = await provedRecords(db, buckets, (at) => at > from && at < from + size);
  return inside.length === 0;
}

/** Records of the buckets that are wanted and whose key gives the hash of their element. */
async function provedRecords(
  db: Database,
  buckets: readonly Candidate[],
  isWanted: (offset: number, keySize: number, end: number) => boolean,
): Promise<Range[]> {
  const { source } = db;
  const records: { offset: number; length: number; keySize: number; hash: number }[] = [];
  const room: BucketView = roomForBucket(db);
  for (const { site, proved } of buckets) {
    if (proved < weights.bucket.enoughProved || site.used === 0) continue;
    const bucket = await readSite(db, site, room);
    for (let i = 0; i < bucket.elements && records.length < MAX_READ; i++) {
      const hash = bucket.hash(i);
      const offset = bucket.dataPointer(i);
      const keySize = bucket.keySize(i);
      const length = keySize + bucket.dataSize(i);
      const isPossible =
        offset > 0 &&
        keySize >= 0 &&
        keySize <= LONGEST &&
        length >= keySize &&
        offset + length <= source.size;
      if (hash === FREE_HASH || !isPossible || !isWanted(offset, keySize, offset + length)) continue;
      records.push({ offset, length, keySize, hash });
    }
  }
  const { signed, unsigned } = await hashRanges(source, {
    length: records.length,
    offsets: Float64Array.from(records, ({ offset }) => offset),
    sizes: Int32Array.from(records, ({ keySize }) => keySize),
  });
  return records.filter(({ hash }, n) => hash === signed[n] || hash === unsigned[n]);
}
