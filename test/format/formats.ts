import fc from 'fast-check';
import type { Format, Variant, ByteOrder } from '../../src/format/format.js';
import { LAYOUTS } from '../../src/format/format.js';

export const BYTE_ORDERS: readonly ByteOrder[] = ['little', 'big'];
const VARIANTS: readonly Variant[] = ['standard', 'numsync', 'old'];

/** Each layout in each byte order. */
export const MACHINES: readonly Omit<Format, 'variant'>[] = LAYOUTS.flatMap((layout) =>
  BYTE_ORDERS.map((byteOrder) => ({ layout, byteOrder })),
);

/** Every format there is. */
export const FORMATS: readonly Format[] = MACHINES.flatMap((machine) =>
  VARIANTS.map((variant) => ({ ...machine, variant })),
);

export const anyMachine = fc.constantFrom(...MACHINES);
export const anyFormat = fc.constantFrom(...FORMATS);
