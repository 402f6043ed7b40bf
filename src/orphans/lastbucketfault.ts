import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import type { Fault } from '../source/views.js';
import { CutBuckets, MOST_IN_PLACE } from './cutbuckets.js';
import { faultAt } from './faultat.js';
import { narrow, SECTOR } from './faultplace.js';
import { wholeBuckets } from './wholebuckets.js';

/** Minimum number of elements that the fault brings into place. */
const LEAST = 3;
/** Maximum number of missing sectors that are tried, besides the number of bytes that the header gives. */
const MAX_SECTORS = 16;

/**
 * Finds a fault in the last buckets of a file, after which there is no record that could show it. From some place on,
 * the elements of these buckets are not where their hashes belong, but a fixed number of bytes before that.
 *
 * @returns undefined if the last bucket that the directory leads to is whole, or there is no evidence of a fault
 */
export async function findLastBucketFault(
  db: Database,
  sites: readonly BucketSite[],
): Promise<Fault | undefined> {
  const { source, header, headerLost, geometry } = db;
  const { bucketSize } = geometry;
  const led = sites.filter(({ origin }) => origin === 'directory');
  const lastWhole = await findLastWhole(db, led);
  const damaged = new Set(led.filter(({ offset }) => offset > lastWhole).map(({ offset }) => offset));
  // If bytes are missing, the last bucket ends after the end of the file.
  const end = headerLost ? source.size + MAX_SECTORS * SECTOR : header.next_block;
  for (const offset of db.directory) {
    const isOver = offset < source.size && offset + bucketSize > source.size && offset + bucketSize <= end;
    if (isOver && offset > lastWhole) damaged.add(offset);
  }
  if (damaged.size === 0) return undefined;
  const between = {
    first: [...damaged].reduce((a, b) => Math.min(a, b)),
    last: [...damaged].reduce((a, b) => Math.max(a, b)) + bucketSize,
  };
  const whole = await wholeBuckets(db, sites, between);
  const distances = new Set(Array.from({ length: MAX_SECTORS }, (_, n) => (n + 1) * SECTOR));
  if (!headerLost) distances.add(header.next_block - source.size);
  let best: { fault: Fault; inPlace: number } | undefined;
  for (const missing of distances) {
    if (missing === 0 || Math.abs(missing) > MAX_SECTORS * SECTOR) continue;
    const cut = new CutBuckets(db, db.directory, between, missing);
    if ((await cut.broughtInto(between.first)) < LEAST) continue;
    const place = await narrow(between, missing, whole, bucketSize, cut);
    const { inPlace } = await cut.mostInPlace([place.first]);
    const asItIs = await cut.mostInPlace([source.size]);
    const isBetter = inPlace >= asItIs.inPlace + LEAST * MOST_IN_PLACE && inPlace > (best?.inPlace ?? 0);
    if (isBetter) best = { fault: await faultAt(source, missing, place, undefined), inPlace };
  }
  return best?.fault;
}

/** File offset of the last bucket that has no fault inside, also by its elements' places; 0 if there is none. */
async function findLastWhole(db: Database, led: readonly BucketSite[]): Promise<number> {
  for (const site of [...led].sort((a, b) => b.offset - a.offset)) {
    const { offset } = site;
    const whole = await wholeBuckets(db, [site], { first: offset, last: offset + 1 });
    if (whole.length > 0) return offset;
  }
  return 0;
}
