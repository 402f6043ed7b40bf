import type { AvailElement } from '../../src/format/avail.js';
import type { Element } from '../../src/format/bucket.js';
import { bucketElementCount, bucketStruct, BucketView, elementStruct } from '../../src/format/bucket.js';
import type { Format, Layout } from '../../src/format/format.js';
import { FREE_HASH } from '../../src/format/hash.js';
import type { Struct } from '../../src/format/struct.js';
import { defineStruct, encodeStruct, structParser, viewOf } from '../../src/format/struct.js';

/** A bucket's head; its elements follow. */
interface BucketHead {
  av_count: number;
  bucket_avail: AvailElement[];
  /** All hashes of the bucket share so many leading bits. */
  bucket_bits: number;
  /** Elements in use. */
  count: number;
}

export interface Bucket extends BucketHead {
  elements: Element[];
}

/** The struct of a bucket with all its elements. */
export function fullBucketStruct(layout: Layout, elements: number): Struct {
  const declared = bucketStruct(layout).members.map(
    ({ name, type }) =>
      [name, name === 'elements' ? { struct: elementStruct(layout), count: elements } : type] as const,
  );
  return defineStruct(layout, declared);
}

/** Decodes a whole bucket by its declaration, which is what the fast readers and writers are held to. */
export function decodeBucket(bytes: Uint8Array, format: Format, elements: number): Bucket {
  const parser = structParser(fullBucketStruct(format.layout, elements), format.byteOrder);
  return parser.parse(bytes) as Bucket;
}

/** The bytes of a bucket of `bucketSize` bytes. Elements beyond those given are free. */
export function encodeBucket(bucket: Bucket, format: Format, bucketSize: number): Uint8Array {
  const { layout, byteOrder } = format;
  const bytes = new Uint8Array(bucketSize);
  encodeStruct(fullBucketStruct(layout, bucket.elements.length), byteOrder, bucket, viewOf(bytes));
  const view = new BucketView(bytes, format, bucketElementCount(layout, bucketSize));
  for (let i = bucket.elements.length; i < view.elements; i++) view.setHash(i, FREE_HASH);
  return bytes;
}
