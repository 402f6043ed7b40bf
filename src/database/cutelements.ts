import { elementsStart, elementStruct } from '../format/bucket.js';
import type { Database, Hits } from './database.js';
import { mayBeCut } from './database.js';
import type { BucketSite } from './site.js';

/**
 * Parts of a bucket that may have lost bytes or had bytes inserted. The bucket may look whole, because the bytes
 * behind move up.
 */
export interface CutElements {
  /** True if the head is affected. */
  readonly head: boolean;
  /** Returns true if element `i` is affected. */
  has(i: number): boolean;
}

/**
 * Finds the parts of a bucket that a fault may have cut.
 *
 * @param isSound whether the directory leads to the bucket, and it is sound as it is read
 * @returns undefined if no byte of the bucket is missing and none was inserted, which is nearly always so
 */
export function cutElements(db: Database, bucket: number, isSound = false): CutElements | undefined {
  if (!mayBeCut(db, bucket, bucket + db.geometry.bucketSize)) return undefined;
  const { size } = elementStruct(db.format.layout);
  const first = bucket + elementsStart(db.format);
  const hits = isSound && isVague(db) ? CUTS : undefined;
  const isCut = (from: number, to: number) => mayBeCut(db, from, to, hits);
  return {
    head: isCut(bucket, first),
    has: (i) => isCut(first + i * size, first + (i + 1) * size),
  };
}

/** {@link cutElements} for a bucket that was found. */
export function cutElementsOf(db: Database, { offset, origin, state }: BucketSite): CutElements | undefined {
  return cutElements(db, offset, origin === 'directory' && state === 'sound');
}

/**
 * Returns true if the possible places of a fault are farther apart than the size of a bucket, which comes from more
 * than one damage. To doubt all elements between them would lose whole buckets, although only one can be cut. Their
 * keys prove the elements of sound buckets.
 */
function isVague({ fault, geometry }: Database): boolean {
  return fault !== undefined && fault.last - fault.first >= geometry.bucketSize;
}

const CUTS: Hits = (fault, from, to) => fault.cuts(from, to);
