import type { BucketView } from './bucket.js';
import { FREE_HASH } from './hash.js';

/** How many elements an element stands behind its home, `hash % elements`, around the end of the bucket. */
export function fromHome(i: number, hash: number, elements: number): number {
  return (i - (hash % elements) + elements) % elements;
}

/**
 * Elements of a bucket, which are in ascending order, so that of those with one hash the ones come first to which a lookup
 * comes first: it goes on at the bucket's beginning, so that what stands before its home is behind all others.
 */
export function inLookupOrder(
  indexes: readonly number[],
  hashOf: (i: number) => number,
  elements: number,
): readonly number[] {
  const isBehindEnd = (i: number) => i < hashOf(i) % elements;
  if (!indexes.some(isBehindEnd)) return indexes;
  return [...indexes.filter((i) => !isBehindEnd(i)), ...indexes.filter(isBehindEnd)];
}

/**
 * For each element how many used ones stand directly before it, around the end of the bucket. A lookup walks from the home
 * over used elements, and a free one ends it: it comes to those that stand no more than so many behind their home.
 */
export function usedBefore(bucket: BucketView): Int32Array {
  const counts = new Int32Array(bucket.elements);
  let run = 0;
  // Twice around, because a run may begin before the end and go on at the start.
  for (let step = 0; step < 2 * bucket.elements; step++) {
    const i = step % bucket.elements;
    counts[i] = Math.min(run, bucket.elements);
    run = bucket.hash(i) === FREE_HASH ? 0 : run + 1;
  }
  return counts;
}
