import type { Source } from '../source/source.js';

/** Records as they stand in a database, many in one piece of memory. All is good until the next batch is asked for. */
export interface WalkedBatch {
  /** What they are read from. */
  readonly source: Source;
  readonly count: number;
  /** The keys and values of the small ones, each record directly behind the small one before it. */
  readonly bytes: Uint8Array;
  /** Where in `bytes` each begins; −1 where it is too large to be held, and is at `offsets` in the source. */
  readonly starts: Int32Array;
  readonly offsets: Float64Array;
  readonly keySizes: Int32Array;
  readonly dataSizes: Int32Array;
}

/** A bucket that a directory leads to. */
export interface BucketPlace {
  /** File offset. */
  readonly offset: number;
  readonly firstSlot: number;
  /** `bucket_bits` as the number of its slots says. */
  readonly bits: number;
}
