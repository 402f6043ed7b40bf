import type { StoredRecord } from '../check/marks.js';
import type { Database } from '../database/database.js';
import { readSite, roomForBucket, rulerOf } from '../database/survey.js';
import type { BucketView } from '../format/bucket.js';
import { slotOf } from '../format/directory.js';
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
      const state = ruler === undefined ? 'denies nothing' : await rulers.judge(ruler, record);
      if (state === 'denies nothing') batch.push(withProvenance(record, 'stale'));
      else if (state === 'denies') batch.push(withProvenance(record, 'deleted'));
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

  /**
   * Tells whether the bucket in force has exactly this record, or denies it. A bucket that is not whole denies only
   * the hashes whose lookup ends in the part that is left, at a free element, and no record to which the directory
   * leads, because libgdbm finds that.
   */
  async judge(
    index: number,
    { hash, offset, keySize, dataSize, bucket: found }: StoredRecord,
  ): Promise<'has it' | 'denies' | 'denies nothing'> {
    const bucket = await this.#bucketOf(index);
    for (let i = 0; i < bucket.elements; i++) {
      if (bucket.hash(i) === FREE_HASH || bucket.hash(i) !== hash) continue;
      if (
        bucket.dataPointer(i) === offset &&
        bucket.keySize(i) === keySize &&
        bucket.dataSize(i) === dataSize
      ) {
        return 'has it';
      }
    }
    if (this.#survey.sites[index].state === 'sound') return 'denies';
    const { directory } = this.#db;
    const isLed = directory.length > 0 && directory[slotOf(hash, Math.log2(directory.length))] === found;
    return !isLed && this.#endsAtFree(bucket, hash) ? 'denies' : 'denies nothing';
  }

  #endsAtFree(bucket: BucketView, hash: number): boolean {
    const { size } = this.#db.source;
    for (let n = 0; n < bucket.elements; n++) {
      const i = (hash + n) % bucket.elements;
      if (bucket.hash(i) === FREE_HASH) return true;
      const [at, keySize, dataSize] = [bucket.dataPointer(i), bucket.keySize(i), bucket.dataSize(i)];
      const isPossible = bucket.hash(i) >= 0 && at > 0 && keySize >= 0 && dataSize >= 0;
      if (!isPossible || at + keySize + dataSize > size) return false;
    }
    return false;
  }

  async #bucketOf(index: number): Promise<BucketView> {
    const kept = this.#kept.find((one) => one.index === index);
    if (kept !== undefined) return kept.bucket;
    const slot = this.#next;
    this.#next = (slot + 1) % KEPT;
    const room = this.#kept[slot]?.bucket ?? roomForBucket(this.#db);
    const { offset } = this.#survey.sites[index];
    // The free elements of a bucket whose head is gone tell what it did not have.
    const isInside = offset >= 0 && offset + this.#db.geometry.bucketSize <= this.#db.source.size;
    const site = isInside ? { offset } : this.#survey.sites[index];
    const bucket = await readSite(this.#db, site, room);
    this.#kept[slot] = { index, bucket };
    return bucket;
  }
}
