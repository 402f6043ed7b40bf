import type { Format, ByteOrder, Layout } from './format.js';
import { memo, defineStruct, encodeStruct, structParser, viewOf } from './struct.js';
import type { Struct } from './struct.js';

/** The first bytes of a file: where the directory is, how large things are, where the file ends. */
export interface Header {
  /** One of {@link MAGICS} in a sound file. */
  magic: number;
  /** Bytes of the header block, which holds this struct and the first avail block. */
  block_size: number;
  /** File offset of the directory. */
  dir: number;
  /** Bytes of the directory. */
  dir_size: number;
  /** The directory has 2^dir_bits entries. */
  dir_bits: number;
  /** Bytes of a bucket. */
  bucket_size: number;
  /** Elements in a bucket. */
  bucket_elems: number;
  /** File offset where the next allocation at the end goes: the file's logical size. */
  next_block: number;
}

/** The structure after the header of a numsync file. */
export interface ExtendedHeader {
  version: number;
  /** Counts the synchronizations, unsigned 32 bits. */
  numsync: number;
}

export const headerStruct: (layout: Layout) => Struct = memo((layout) =>
  defineStruct(layout, [
    ['magic', 'unsigned'],
    ['block_size', 'int'],
    ['dir', 'off_t'],
    ['dir_size', 'int'],
    ['dir_bits', 'int'],
    ['bucket_size', 'int'],
    ['bucket_elems', 'int'],
    ['next_block', 'off_t'],
  ]),
);

export const extendedHeaderStruct: (layout: Layout) => Struct = memo((layout) =>
  defineStruct(layout, [
    ['version', 'int'],
    ['numsync', 'unsigned'],
    ['spare', { bytes: 24 }],
  ]),
);

const parsers = memo((layout: Layout) =>
  memo((byteOrder: ByteOrder) => ({
    header: structParser(headerStruct(layout), byteOrder),
    extended: structParser(extendedHeaderStruct(layout), byteOrder),
  })),
);

/** File offset of the extended header, which follows the header. */
export function extendedHeaderOffset(layout: Layout): number {
  return headerStruct(layout).size;
}

/** File offset of the first avail block, which follows the header or the extended header. */
export function headerAvailOffset(format: Format): number {
  const header = headerStruct(format.layout).size;
  return format.variant === 'numsync' ? header + extendedHeaderStruct(format.layout).size : header;
}

/** Decodes the header from the first bytes of a file. */
export function decodeHeader(bytes: Uint8Array, layout: Layout, byteOrder: ByteOrder): Header {
  return parsers(layout)(byteOrder).header.parse(bytes) as Header;
}

/** The bytes of a header. */
export function encodeHeader(header: Header, layout: Layout, byteOrder: ByteOrder): Uint8Array {
  const struct = headerStruct(layout);
  const bytes = new Uint8Array(struct.size);
  encodeStruct(struct, byteOrder, header, viewOf(bytes));
  return bytes;
}

/** Decodes the extended header from the bytes that follow the header. */
export function decodeExtendedHeader(
  bytes: Uint8Array,
  layout: Layout,
  byteOrder: ByteOrder,
): ExtendedHeader {
  const { version, numsync } = parsers(layout)(byteOrder).extended.parse(bytes) as ExtendedHeader;
  return { version, numsync };
}

/** The bytes of an extended header, its spare room zero. */
export function encodeExtendedHeader(
  extended: ExtendedHeader,
  layout: Layout,
  byteOrder: ByteOrder,
): Uint8Array {
  const struct = extendedHeaderStruct(layout);
  const bytes = new Uint8Array(struct.size);
  encodeStruct(struct, byteOrder, { ...extended, spare: new Uint8Array(24) }, viewOf(bytes));
  return bytes;
}

/** The sizes and places that a file is read by: what its header says where it is believed, what other evidence says elsewhere. */
export interface Geometry {
  /** Bytes of the header block. */
  readonly blockSize: number;
  /** Bytes of a bucket. */
  readonly bucketSize: number;
  /** Elements of a bucket. */
  readonly bucketElements: number;
  /** The place of the directory; undefined if none was found. */
  readonly directory: DirectoryPlace | undefined;
}

export interface DirectoryPlace {
  /** File offset. */
  readonly offset: number;
  /** It has 2^bits entries. */
  readonly bits: number;
}

/** The header fields that a geometry decides, as a sound header would hold them. */
export function headerFieldsOf(geometry: Geometry, offsetBytes: number): Partial<Header> {
  const { blockSize, bucketSize, bucketElements, directory } = geometry;
  return {
    block_size: blockSize,
    bucket_size: bucketSize,
    bucket_elems: bucketElements,
    ...(directory && {
      dir: directory.offset,
      dir_bits: directory.bits,
      dir_size: offsetBytes * 2 ** directory.bits,
    }),
  };
}
