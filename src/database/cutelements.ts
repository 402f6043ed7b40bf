import { elementsStart, elementStruct } from '../format/bucket.js';
import type { Database, Hits } from './database.js';
import { mayBeCut } from './database.js';
import type { BucketSite } from './site.js';

/** What of a bucket may have lost bytes, or have others in its middle: it may look whole, as what is there moves up. */
export interface CutElements {
  /** Whether its head is among it. */
  readonly head: boolean;
  /** Whether an element is. */
  has(i: number): boolean;
}

/**
 * @param isSound whether the directory leads to the bucket, and it is sound as it is read
 * @returns undefined where no byte of the bucket is missing, and none was put in; so it is nearly always
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

/** Of a bucket that was found; see {@link cutElements}. */
export function cutElementsOf(db: Database, { offset, origin, state }: BucketSite): CutElements | undefined {
  return cutElements(db, offset, origin === 'directory' && state === 'sound');
}

/**
 * Whether the places of a fault are farther from each other than a bucket is large, which comes of more than one damage. To doubt
 * all elements between them would lose whole buckets, and but one can be cut: their keys prove those of sound ones.
 */
function isVague({ fault, geometry }: Database): boolean {
  return fault !== undefined && fault.last - fault.first >= geometry.bucketSize;
}

const CUTS: Hits = (fault, from, to) => fault.cuts(from, to);
