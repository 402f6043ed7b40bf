import { directorySizeFor, MAX_DIRECTORY_BITS } from '../format/directory.js';
import type { Format } from '../format/format.js';
import { offsetSize } from '../format/layout.js';

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

/** The deepest split that the directory can show; its size in bytes is a signed 32-bit number. */
export function deepestSplit({
  format,
  blockSize,
  maxDirectoryBits = MAX_DIRECTORY_BITS,
}: BuildSpec): number {
  const least = directorySizeFor(format.layout, blockSize).bits;
  const most = Math.min(MAX_DIRECTORY_BITS, 30 - Math.log2(offsetSize(format.layout)));
  return Math.min(most, Math.max(least, maxDirectoryBits));
}

/** A database of this kind cannot hold what it was given. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
}
