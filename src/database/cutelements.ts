import { elementsStart, elementStruct } from '../format/bucket.js';
import type { Database, Hits } from './database.js';
import { mayBeCut } from './database.js';

/** What of a bucket may have lost bytes, or have others in its middle: it may look whole, as what is there moves up. */
export interface CutElements {
  /** Whether its head is among it. */
  readonly head: boolean;
  /** Whether an element is. */
  has(i: number): boolean;
}

/** @returns undefined where no byte of the bucket is missing, and none was put in; so it is nearly always */
export function cutElements(db: Database, bucket: number): CutElements | undefined {
  if (!mayBeCut(db, bucket, bucket + db.geometry.bucketSize)) return undefined;
  const { size } = elementStruct(db.format.layout);
  const first = bucket + elementsStart(db.format);
  const isCut = (from: number, to: number) => mayBeCut(db, from, to, hits(db));
  return {
    head: isCut(bucket, first),
    has: (i) => isCut(first + i * size, first + (i + 1) * size),
  };
}

/**
 * Places that are farther from each other than a bucket is large come of more than one damage. To doubt all elements between
 * them would lose whole buckets, and but one can be cut: their keys prove the others.
 */
function hits({ fault, geometry }: Database): Hits {
  const isVague = fault !== undefined && fault.last - fault.first >= geometry.bucketSize;
  return (one, from, to) => (isVague ? one.cuts(from, to) : one.mayHit(from, to));
}
