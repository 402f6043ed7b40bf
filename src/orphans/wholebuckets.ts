import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/survey.js';
import { readSite, roomForBucket } from '../database/survey.js';
import type { BucketView } from '../format/bucket.js';
import { FREE_HASH } from '../format/hash.js';
import { fromHome, usedBefore } from '../format/home.js';
import type { Between } from './faultplace.js';

/**
 * File offsets of the buckets that have no fault in their middle, in order. That a bucket counts as many elements as are in
 * use may be chance: of those near the places where a fault may be the elements are looked at, too.
 */
export async function wholeBuckets(
  db: Database,
  sites: readonly BucketSite[],
  { first, last }: Between,
): Promise<Float64Array> {
  const { bucketSize } = db.geometry;
  const room = roomForBucket(db);
  const whole: number[] = [];
  for (const site of sites) {
    if (site.state !== 'sound') continue;
    const isNear = site.offset + bucketSize > first && site.offset < last;
    if (!isNear || isInPlace(await readSite(db, site, room))) whole.push(site.offset);
  }
  return Float64Array.from(whole).sort();
}

/** Whether a lookup comes to each element, and no record has two. */
function isInPlace(bucket: BucketView): boolean {
  const before = usedBefore(bucket);
  const records = new Set<number>();
  let used = 0;
  for (let i = 0; i < bucket.elements; i++) {
    const hash = bucket.hash(i);
    if (hash === FREE_HASH) continue;
    used++;
    if (before[i] < fromHome(i, hash, bucket.elements)) return false;
    records.add(bucket.dataPointer(i));
  }
  return records.size === used;
}
