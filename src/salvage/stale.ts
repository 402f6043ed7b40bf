import type { StoredRecord } from '../check/marks.js';
import type { Database } from '../database/database.js';
import { readSite, roomForBucket, rulerOf } from '../database/survey.js';
import type { BucketView } from '../format/bucket.js';
import { FREE_HASH } from '../format/hash.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { examineApart } from './apart.js';
import type { SalvagedBatch, SalvagedRecord } from './salvage.js';
import { withProvenance } from './salvage.js';

/**
 * Yields the records that only superseded buckets have: `stale` if the bucket that owns their hash is lost, `deleted`
 * if it is there and does not have them, or has another value.
 */
export async function* salvageStale(db: Database, survey: SearchedSurvey): AsyncGenerator<SalvagedBatch> {
  if (survey.stale.length === 0) return;
  const rulers = new Rulers(db, survey);
  for await (const { records } of examineApart(db, survey.stale)) {
    const batch: SalvagedRecord[] = [];
    for (const record of records) {
      const ruler = rulerOf(survey, record.hash);
      if (ruler === undefined) batch.push(withProvenance(record, 'stale'));
      else if (!(await rulers.knows(ruler, record))) batch.push(withProvenance(record, 'deleted'));
    }
    yield batch;
  }
}

/** Buckets in force in the cache; the elements of a stale bucket mostly belong to one or two of them. */
const KEPT = 4;

/** Cache of the last {@link KEPT} buckets in force that were read. */
class Rulers {
  readonly #db: Database;
  readonly #survey: SearchedSurvey;
  readonly #kept: { index: number; bucket: BucketView }[] = [];
  /** Index of the cached bucket that is replaced next. */
  #next = 0;

  constructor(db: Database, survey: SearchedSurvey) {
    this.#db = db;
    this.#survey = survey;
  }

  /** Returns true if the bucket in force has exactly this record. */
  async knows(index: number, { hash, offset, keySize, dataSize }: StoredRecord): Promise<boolean> {
    const bucket = await this.#bucketOf(index);
    for (let i = 0; i < bucket.elements; i++) {
      if (bucket.hash(i) === FREE_HASH || bucket.hash(i) !== hash) continue;
      if (
        bucket.dataPointer(i) === offset &&
        bucket.keySize(i) === keySize &&
        bucket.dataSize(i) === dataSize
      ) {
        return true;
      }
    }
    return false;
  }

  async #bucketOf(index: number): Promise<BucketView> {
    const kept = this.#kept.find((one) => one.index === index);
    if (kept !== undefined) return kept.bucket;
    const slot = this.#next;
    this.#next = (slot + 1) % KEPT;
    const room = this.#kept[slot]?.bucket ?? roomForBucket(this.#db);
    const bucket = await readSite(this.#db, this.#survey.sites[index], room);
    this.#kept[slot] = { index, bucket };
    return bucket;
  }
}
