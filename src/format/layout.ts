/** Byte order of the machine that wrote a file. */
export type ByteOrder = 'little' | 'big';

/**
 * How the C compiler of the writing machine laid out the structures. A GDBM file is an image of C structs, so
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
