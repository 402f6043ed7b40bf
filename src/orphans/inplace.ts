import type { BucketView } from '../format/bucket.js';
import { FREE_HASH } from '../format/hash.js';
import { fromHome, usedBefore } from '../format/bucket.js';

/**
 * Visits elements in use of a bucket that may have lost bytes or gained some, with their distance from home.
 *
 * @param isAsked selects elements
 * @param visit receives the number of elements from an element's home to its place; −1 if no lookup reaches it, or if
 *   another element has the same record
 */
export function eachPlace(
  bucket: BucketView,
  isAsked: (i: number, hash: number) => boolean,
  visit: (i: number, behind: number) => void,
): void {
  const before = usedBefore(bucket);
  const records = new Set<number>();
  for (let i = 0; i < bucket.elements; i++) {
    const hash = bucket.hash(i);
    if (hash === FREE_HASH || !isAsked(i, hash)) continue;
    const behind = fromHome(i, hash, bucket.elements);
    const isTwice = records.has(bucket.dataPointer(i));
    records.add(bucket.dataPointer(i));
    visit(i, isTwice || before[i] < behind ? -1 : behind);
  }
}
