import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { readSite, roomForBucket } from '../database/survey.js';
import type { BucketView } from '../format/bucket.js';
import type { Between } from './faultplace.js';
import { eachPlace } from './inplace.js';

/**
 * File offsets of the buckets that have no fault inside, in order. A bucket may count as many elements as are in use
 * by chance, so the elements of buckets near the fault are checked too.
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

/** Returns true if a lookup reaches each element, and no record has two. */
function isInPlace(bucket: BucketView): boolean {
  let all = true;
  eachPlace(
    bucket,
    () => true,
    (_, behind) => {
      if (behind < 0) all = false;
    },
  );
  return all;
}
