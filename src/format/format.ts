import type { ByteOrder, Layout } from './layout.js';

/**
 * Which members the header has: `standard`; `numsync`, with the extended header after it; `old`, standard with
 * the magic from before the width of offsets was told by the magic.
 */
export type Variant = 'standard' | 'numsync' | 'old';

/** Everything that must be known to read a structure of a GDBM file. */
export interface Format {
  readonly byteOrder: ByteOrder;
  readonly layout: Layout;
  readonly variant: Variant;
}

/** A short name of a format for people, such as `little-endian, 64-bit offsets, numsync`. */
export function describeFormat(format: Format): string {
  const { byteOrder, layout, variant } = format;
  const alignment = layout.offsetBits === 64 && layout.alignment === 4 ? ' (4-byte aligned)' : '';
  return `${byteOrder}-endian, ${layout.offsetBits}-bit offsets${alignment}, ${variant}`;
}

/** The machines that write a format, for people. */
export function machinesOf({ byteOrder, layout }: Format): string {
  if (layout.offsetBits === 32) {
    return byteOrder === 'little'
      ? 'i386 or armhf without large files'
      : '32-bit big-endian machines without large files';
  }
  if (layout.alignment === 4) return byteOrder === 'little' ? 'i386 with large files' : 'm68k and the like';
  return byteOrder === 'little' ? 'amd64, arm64, armhf, ppc64el, riscv64' : 's390x, ppc64, sparc64';
}
