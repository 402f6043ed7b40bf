import { elementsStart, elementStruct } from '../format/bucket.js';
import type { Database } from './database.js';
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
  return {
    head: mayBeCut(db, bucket, first),
    has: (i) => mayBeCut(db, first + i * size, first + (i + 1) * size),
  };
}
