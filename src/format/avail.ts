import type { Format, ByteOrder, Layout } from './format.js';
import { headerAvailOffset } from './header.js';
import { memo, defineStruct, encodeStruct, member, readOffset, structParser, viewOf } from './struct.js';
import type { Struct } from './struct.js';

/** A piece of free space. */
export interface AvailElement {
  /** Bytes. */
  av_size: number;
  /** File offset. */
  av_adr: number;
}

/** The head of a table of free space; the table follows. */
export interface AvailHead {
  /** Elements that the table has room for. */
  size: number;
  /** Elements in use. */
  count: number;
  /** File offset of the next avail block of the chain, 0 at its end. */
  next_block: number;
}

export interface AvailBlock extends AvailHead {
  table: AvailElement[];
}

export const availElementStruct: (layout: Layout) => Struct = memo((layout) =>
  defineStruct(layout, [
    ['av_size', 'int'],
    ['av_adr', 'off_t'],
  ]),
);

/** The avail block as C declares it: with a table of one, whatever its real length is. */
export const availBlockStruct: (layout: Layout) => Struct = memo((layout) =>
  defineStruct(layout, [
    ['size', 'int'],
    ['count', 'int'],
    ['next_block', 'off_t'],
    ['table', { struct: availElementStruct(layout), count: 1 }],
  ]),
);

const headParsers = memo((layout: Layout) =>
  memo((byteOrder: ByteOrder) => structParser(availBlockStruct(layout), byteOrder)),
);

/** Bytes from the start of an avail block to its table. */
export function availTableOffset(layout: Layout): number {
  return member(availBlockStruct(layout), 'table').offset;
}

/** The `size` that the first avail block has in a file of this block size: what fills the header block. */
export function headerAvailSize(format: Format, blockSize: number): number {
  const room = blockSize - headerAvailOffset(format) - availBlockStruct(format.layout).size;
  return Math.floor(room / availElementStruct(format.layout).size) + 1;
}

/**
 * Bytes of a chained avail block. libgdbm pushes half of the header's table into a block of its own, which it
 * makes as large as half the table and one avail block struct.
 */
export function chainedAvailBytes(layout: Layout, headerSize: number): number {
  return ((headerSize * availElementStruct(layout).size) >>> 1) + availBlockStruct(layout).size;
}

/** Decodes an avail block's head from the bytes at its start, of which there must be a struct's size. */
export function decodeAvailHead(bytes: Uint8Array, layout: Layout, byteOrder: ByteOrder): AvailHead {
  const { size, count, next_block } = headParsers(layout)(byteOrder).parse(bytes) as AvailHead;
  return { size, count, next_block };
}

/** Decodes `count` elements of a table that starts at `at`. */
export function decodeAvailTable(
  bytes: Uint8Array,
  at: number,
  count: number,
  layout: Layout,
  byteOrder: ByteOrder,
): AvailElement[] {
  const view = viewOf(bytes);
  const little = byteOrder === 'little';
  const struct = availElementStruct(layout);
  const adr = member(struct, 'av_adr').offset;
  return Array.from({ length: count }, (_, i) => ({
    av_size: view.getInt32(at + i * struct.size, little),
    av_adr: readOffset(view, at + i * struct.size + adr, layout, little),
  }));
}

/** Writes an avail block into `bytes` at `at`. */
export function encodeAvailBlock(
  block: AvailBlock,
  layout: Layout,
  byteOrder: ByteOrder,
  bytes: Uint8Array,
  at: number,
): void {
  const view = viewOf(bytes);
  const struct = availBlockStruct(layout);
  encodeStruct(struct, byteOrder, { ...block, table: [] }, view, at);
  const element = availElementStruct(layout);
  block.table.forEach((item, i) =>
    encodeStruct(element, byteOrder, item, view, at + availTableOffset(layout) + i * element.size),
  );
}
