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
  readonly hashes: BatchHashes;
  /** File offsets of their buckets, where these are not whole. */
  readonly buckets?: Float64Array;
}

/** What is known of the hashes of a batch's records. */
export interface BatchHashes {
  /** For each record the words that batchwords names; of one whose bytes are not held here no digest. */
  readonly words: Int32Array;
  /** All hashes are from `from` to before `to`. */
  readonly from: number;
  readonly to: number;
  /** Of these hashes, from the first to before the second, there are all records; in order. */
  readonly whole: readonly (readonly [number, number])[];
  /** Batches behind this one have no hash below it, or hardly any. */
  readonly done: number;
}

/** What a walk could not give. */
export interface WalkLoss {
  /** Elements in use whose record could not be proved, or is claimed by more than the file can hold. */
  records: number;
  /** Whether some buckets are gone. */
  incomplete: boolean;
}

/** Buckets that a directory leads to, in the order in which they are walked: an array, or what makes them as it is asked. */
export interface PlaceList {
  readonly length: number;
  at(index: number): BucketPlace | undefined;
}

/** A bucket that a directory leads to. */
export interface BucketPlace {
  /** File offset. */
  readonly offset: number;
  readonly firstSlot: number;
  /** `bucket_bits` as the number of its slots says. */
  readonly bits: number;
}
