import type { BuildSpec } from '../build/builder.js';
import type { Variant } from '../format/format.js';
import type { HashChar } from '../format/hash.js';
import type { ByteOrder } from '../format/layout.js';
import { layoutOf } from '../format/layout.js';
import type { MachineName } from './machines.js';
import { MACHINES } from './machines.js';

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

/** A database to be made. */
export interface Target {
  readonly spec: BuildSpec;
  readonly hashChar: HashChar;
}

const DEFAULT_BLOCK = 4096;
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

/** What the database is to be: as wished, else as the machine has it, else as it was. */
export function targetFor(
  wanted: WantedFormat,
  was: {
    format: { byteOrder: ByteOrder; layout: { offsetBits: number; alignment: number }; variant: Variant };
  } & {
    hashChar: HashChar;
    blockSize: number;
    numsync?: number | undefined;
  },
): Target {
  const machine = wanted.machine === undefined ? undefined : MACHINES[wanted.machine];
  const base = machine?.layout ?? was.format.layout;
  const offset = wanted.offset ?? base.offsetBits;
  const wide = wanted.alignment ?? (base.offsetBits === 64 ? base.alignment : 8);
  const layout = layoutOf(offset, offset === 32 ? 4 : wide);
  const variant = wanted.variant ?? (was.format.variant === 'numsync' ? 'numsync' : 'standard');
  const blockSize = wanted.blockSize || was.blockSize || DEFAULT_BLOCK;
  return {
    hashChar: wanted.hashChar ?? machine?.hashChar ?? was.hashChar,
    spec: {
      format: { byteOrder: wanted.byteOrder ?? machine?.byteOrder ?? was.format.byteOrder, layout, variant },
      blockSize,
      bucketSize: blockSize,
      ...(variant === 'numsync' && { numsync: was.numsync ?? 0 }),
    },
  };
}
