import type { Format } from '../format/format.js';

/** What kind of database is to be built. */
export interface BuildSpec {
  readonly format: Format;
  /** Bytes of the header block. */
  readonly blockSize: number;
  /** Bytes of a bucket. */
  readonly bucketSize: number;
  /** The extended header's counter, for numsync. */
  readonly numsync?: number;
  /** The directory gets at most 2^this entries; by default as many as the format can have. */
  readonly maxDirectoryBits?: number;
}

/** A database of this kind cannot hold what it was given. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
}
