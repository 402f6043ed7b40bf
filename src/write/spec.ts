import { availBlockStruct } from '../format/avail.js';
import { bucketElementCount } from '../format/bucket.js';
import { directorySizeFor, MAX_DIRECTORY_BITS } from '../format/directory.js';
import type { Format } from '../format/format.js';
import { headerAvailOffset } from '../format/header.js';
import { offsetSize } from '../format/format.js';

/** What kind of database is to be built. libgdbm makes block and bucket of one size, a power of two from 512 on. */
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

/** Sizes in a header are signed 32-bit numbers. */
const MOST = 0x7fffffff;

/**
 * Refuses sizes that can hold no header or no element, or that a header cannot tell. Those of a damaged file, which its copy keeps, may be others than
 * libgdbm makes.
 *
 * @throws BuildError
 */
export function requireSizes({ format, blockSize, bucketSize }: BuildSpec): void {
  const least = headerAvailOffset(format) + availBlockStruct(format.layout).size;
  if (!(Number.isInteger(blockSize) && blockSize >= least && blockSize <= MOST)) {
    throw new BuildError(`expected a block of ${least} to ${MOST} bytes for the header, found ${blockSize}`);
  }
  const hasRoom = Number.isInteger(bucketSize) && bucketElementCount(format.layout, bucketSize) > 0;
  if (!(hasRoom && bucketSize <= MOST)) {
    throw new BuildError(
      `expected a bucket with room for an element, of at most ${MOST} bytes, found one of ${bucketSize} bytes`,
    );
  }
}
