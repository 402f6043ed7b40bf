/** Byte order of the machine that wrote a file. */
export type ByteOrder = 'little' | 'big';

/**
 * The layout of structures by the C compiler of the writing machine. A GDBM file is an image of C structs, so
 * the width of `off_t` and the alignment of 64-bit integers are part of the format.
 */
export interface Layout {
  /** Width of `off_t` in bits. */
  readonly offsetBits: 32 | 64;
  /** Alignment of `off_t` in bytes. */
  readonly alignment: 4 | 8;
}

/** 64-bit offsets aligned to 8 bytes: most machines. */
export const LAYOUT_64: Layout = { offsetBits: 64, alignment: 8 };
/** 64-bit offsets aligned to 4 bytes: 32-bit x86 with large-file support. */
export const LAYOUT_64_PACKED: Layout = { offsetBits: 64, alignment: 4 };
/** 32-bit offsets: 32-bit machines without large-file support. */
export const LAYOUT_32: Layout = { offsetBits: 32, alignment: 4 };

/** Every layout that exists, the most common first. */
export const LAYOUTS: readonly Layout[] = [LAYOUT_64, LAYOUT_64_PACKED, LAYOUT_32];

/**
 * The layout with these properties.
 *
 * @throws RangeError for a combination that no machine writes
 */
export function layoutOf(offsetBits: number, alignment: number): Layout {
  const layout = LAYOUTS.find((l) => l.offsetBits === offsetBits && l.alignment === alignment);
  if (layout === undefined) {
    throw new RangeError(
      `expected a layout of 64-bit offsets aligned to 8 or 4 bytes or 32-bit offsets aligned to 4, found ` +
        `${offsetBits}-bit offsets aligned to ${alignment}`,
    );
  }
  return layout;
}

/** The number of bytes of an offset (`off_t`). */
export function offsetSize(layout: Layout): 4 | 8 {
  return layout.offsetBits === 64 ? 8 : 4;
}

/** The largest offset that a file of this layout can hold and that JavaScript counts exactly. */
export function maxOffset(layout: Layout): number {
  return layout.offsetBits === 64 ? Number.MAX_SAFE_INTEGER : 0x7fffffff;
}

/**
 * Variants of the header: `standard`; `numsync`, with the extended header after it; `old`, standard with
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

/** Each magic number as a 32-bit integer in the file's byte order, and what it says. */
export const MAGICS: readonly { magic: number; variant: Variant; offsetBits: 32 | 64 | undefined }[] = [
  // The oldest magic does not tell the width of offsets: it must be inferred.
  { magic: 0x13579ace, variant: 'old', offsetBits: undefined },
  { magic: 0x13579acd, variant: 'standard', offsetBits: 32 },
  { magic: 0x13579acf, variant: 'standard', offsetBits: 64 },
  { magic: 0x13579ad0, variant: 'numsync', offsetBits: 32 },
  { magic: 0x13579ad1, variant: 'numsync', offsetBits: 64 },
];

/** The magic that a file of this format starts with. */
export function magicOf(format: Format): number {
  const found = MAGICS.find(
    (m) =>
      m.variant === format.variant && (m.offsetBits ?? format.layout.offsetBits) === format.layout.offsetBits,
  );
  // Every variant has a magic for both widths.
  return found!.magic;
}

/** The meaning of a magic, or undefined for a number that is no GDBM magic. */
export function magicMeaning(magic: number): (typeof MAGICS)[number] | undefined {
  return MAGICS.find((m) => m.magic === magic);
}
