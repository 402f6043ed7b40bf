import { examineBuckets } from '../check/judge.js';
import type { StoredRecord } from '../check/record.js';
import { HashClaims } from '../database/claims.js';
import type { Database } from '../database/database.js';
import { readSite, rulerOf } from '../database/survey.js';
import type { BucketView } from '../format/bucket.js';
import { FREE_HASH } from '../format/hash.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import type { SalvagedBatch, SalvagedRecord } from './salvage.js';

/**
 * The records that only superseded buckets know: `stale` where the bucket that should know better is lost, `deleted`
 * where it is there and does not know them, or knows another value.
 */
export async function* salvageStale(db: Database, survey: SearchedSurvey): AsyncGenerator<SalvagedBatch> {
  if (survey.stale.length === 0) return;
  const rulers = new Rulers(db, survey);
  // Each by itself, as if no bucket ruled over another: what counts here is only whether a key is proved.
  const apart = { sites: survey.stale, siteOfSlot: new Int32Array(0), claims: new HashClaims() };
  for await (const { records } of examineBuckets({ ...db, directory: new Float64Array(0) }, apart)) {
    const batch: SalvagedRecord[] = [];
    for (const record of records) {
      const ruler = rulerOf(survey, record.hash);
      if (ruler === undefined) batch.push({ ...record, provenance: 'stale' });
      else if (!(await rulers.knows(ruler, record))) batch.push({ ...record, provenance: 'deleted' });
    }
    yield batch;
  }
}

/** Buckets in force, the last one kept: the elements of a stale bucket mostly have one or two of them. */
class Rulers {
  readonly #db: Database;
  readonly #survey: SearchedSurvey;
  #index = -1;
  #bucket: BucketView | undefined;

  constructor(db: Database, survey: SearchedSurvey) {
    this.#db = db;
    this.#survey = survey;
  }

  /** Whether the bucket in force has just this record. */
  async knows(index: number, { hash, offset, keySize, dataSize }: StoredRecord): Promise<boolean> {
    if (index !== this.#index) {
      this.#bucket = await readSite(this.#db, this.#survey.sites[index]);
      this.#index = index;
    }
    const bucket = this.#bucket!;
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
}
