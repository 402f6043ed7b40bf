import type { Header } from './header.js';

/** The sizes and places that a file is read by: what its header says where it is believed, what other evidence says elsewhere. */
export interface Geometry {
  /** Bytes of the header block. */
  readonly blockSize: number;
  /** Bytes of a bucket. */
  readonly bucketSize: number;
  /** Elements of a bucket. */
  readonly bucketElements: number;
  /** Where the directory is; undefined where none was found. */
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
