import type { HashChar } from '../format/hash.js';
import type { ByteOrder } from '../format/format.js';
import type { MachineName } from '../format/machines.js';

/** What a person says of a database that is to be made; what is left out stays as it is. */
export interface WantedFormat {
  readonly machine?: MachineName | undefined;
  readonly byteOrder?: ByteOrder | undefined;
  readonly offset?: number | undefined;
  readonly alignment?: number | undefined;
  readonly hashChar?: HashChar | undefined;
  readonly variant?: 'standard' | 'numsync' | undefined;
  /** Bytes; 0 chooses 4096, as gdbm_load chooses the file system's. */
  readonly blockSize?: number | undefined;
}

const MAX_BLOCK = 1 << 20;

/** What is wrong with the wish; undefined where nothing is. */
export function whyImpossible({ blockSize, offset, alignment }: WantedFormat): string | undefined {
  if (blockSize !== undefined && blockSize !== 0) {
    const possible = Number.isInteger(Math.log2(blockSize)) && blockSize >= 512 && blockSize <= MAX_BLOCK;
    if (!possible)
      return `expected --block-size as a power of two from 512 to ${MAX_BLOCK}, found ${blockSize}`;
  }
  if (offset === 32 && alignment === 8) return 'expected --alignment 4 with --offset 32, found 8';
  return undefined;
}
