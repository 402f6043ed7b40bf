import type { BuildSpec } from '../write/builder.js';
import type { Variant, ByteOrder } from '../format/format.js';
import type { HashChar } from '../format/hash.js';
import { layoutOf } from '../format/format.js';
import type { WantedFormat } from './wanted.js';
import { MACHINES } from '../format/machines.js';

/** A database to be made. */
export interface Target {
  readonly spec: BuildSpec;
  readonly hashChar: HashChar;
}

const DEFAULT_BLOCK = 4096;
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
