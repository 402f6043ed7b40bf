import { bucketStruct, elementStruct } from './bucket.js';
import type { Format } from './format.js';
import { offsetSize } from './layout.js';
import { member } from './struct.js';
import { HOST_IS_LITTLE } from './words.js';

/**
 * Where a bucket's members are among its numbers of 32 bits, those of an element from its first on: every member of every layout
 * begins at a multiple of four bytes.
 */
export interface BucketPlaces {
  /** Whether numbers of this machine have their bytes in another order than the file's. */
  readonly swap: boolean;
  /** Whether `key_start`, whose bytes stand in their own order, is another number in the file's order than with its first byte lowest. */
  readonly reversed: boolean;
  readonly bits: number;
  readonly count: number;
  /** The first element, and from one to the next. */
  readonly first: number;
  readonly stride: number;
  readonly start: number;
  /** Whether offsets have two words. */
  readonly wide: boolean;
  readonly low: number;
  /** Where `low` is if offsets have one word. */
  readonly high: number;
  readonly keySize: number;
  readonly dataSize: number;
}

export function bucketPlaces({ layout, byteOrder }: Format): BucketPlaces {
  const bucket = bucketStruct(layout);
  const element = elementStruct(layout);
  const word = (struct: typeof bucket, name: string) => member(struct, name).offset / 4;
  const wide = offsetSize(layout) === 8;
  const pointer = word(element, 'data_pointer');
  return {
    swap: (byteOrder === 'little') !== HOST_IS_LITTLE,
    reversed: byteOrder === 'big',
    bits: word(bucket, 'bucket_bits'),
    count: word(bucket, 'count'),
    first: word(bucket, 'elements'),
    stride: element.size / 4,
    start: word(element, 'key_start'),
    wide,
    low: wide && byteOrder === 'big' ? pointer + 1 : pointer,
    high: wide && byteOrder === 'little' ? pointer + 1 : pointer,
    keySize: word(element, 'key_size'),
    dataSize: word(element, 'data_size'),
  };
}
