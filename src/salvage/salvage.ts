import type { StoredRecord } from '../check/record.js';
import type { BucketExamination } from '../check/bucket.js';
import { examineBuckets } from '../check/bucket.js';
import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';

/**
 * How a record was found. `live`: reachable through the directory and a bucket, and its key gives its hash.
 */
export type Provenance = 'live';

/** A record that can be proved to have been stored, and how it was found. */
export interface SalvagedRecord extends StoredRecord {
  readonly provenance: Provenance;
}

/** The records of one bucket, in no order; buckets come in order of their hashes. */
export type SalvagedBatch = readonly SalvagedRecord[];

/** Every record that can be had, as a stream in batches, best provenance first within a hash range. */
export async function* salvage(db: Database, survey: Survey): AsyncGenerator<SalvagedBatch> {
  for await (const { records } of examineBuckets(db, survey)) yield asLive(records);
}

/** What the directory and its buckets lead to. */
function asLive(records: BucketExamination['records']): SalvagedBatch {
  return records.map((record) => ({ ...record, provenance: 'live' as const }));
}
