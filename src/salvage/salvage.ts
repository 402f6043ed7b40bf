import type { StoredRecord } from '../check/marks.js';
import { examineBuckets } from '../check/bucket.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import type { Survey } from '../database/survey.js';

export const PROVENANCES = ['live', 'orphaned', 'loose', 'stale', 'deleted', 'carved'] as const;
/**
 * Ways to find a record. In all but `carved`, its key gives the hash of its element. `live`: the directory leads to
 * its bucket, which is whole. `orphaned`: its bucket is whole but was found by scanning. `loose`: its bucket's head
 * is gone or wrong, and its element is left. `stale`: only a superseded bucket has it; it may have been changed or
 * deleted since. `deleted`: the element was freed, or the bucket in force does not have this record. `carved`: no
 * element is left; its value was found by its own shape, directly behind a key that is known from elsewhere.
 */
export type Provenance = (typeof PROVENANCES)[number];

export const ADDITIONS = ['stale', 'deleted', 'carved'] as const;
/** Provenances that a repair adds only on request: such a record may not have been in the database at last. */
export type Addition = (typeof ADDITIONS)[number];

/** A record that can be proved to have been stored, and how it was found. */
export interface SalvagedRecord extends StoredRecord {
  readonly provenance: Provenance;
}

/** The records of one bucket, in no order; buckets come in order of their hashes. */
export type SalvagedBatch = readonly SalvagedRecord[];

/** Every record that can be recovered, as a stream in batches, best provenance first within a hash range. */
export async function* salvage(db: Database, survey: Survey): AsyncGenerator<SalvagedBatch> {
  for await (const { site, records } of examineBuckets(db, survey)) {
    const provenance = provenanceOf(site);
    yield records.map((record) => withProvenance(record, provenance));
  }
}

/**
 * The record with its provenance. One literal with all fields takes half the memory, which counts for millions of
 * records.
 */
export function withProvenance(record: StoredRecord, provenance: Provenance): SalvagedRecord {
  const { hash, hashChar, offset, keySize, dataSize, bucket, element } = record;
  return { hash, hashChar, offset, keySize, dataSize, bucket, element, provenance };
}

/** Provenance of the records of a bucket. */
export function provenanceOf({ state, origin }: BucketSite): Provenance {
  if (state !== 'sound') return 'loose';
  return origin === 'directory' ? 'live' : 'orphaned';
}
