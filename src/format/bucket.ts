import type { AvailElement } from './avail.js';
import { availElementStruct, decodeAvailTable } from './avail.js';
import type { Format, ByteOrder, Layout } from './format.js';
import { memo, defineStruct, member, readOffset, viewOf, writeOffset } from './struct.js';
import type { Struct } from './struct.js';
import { FREE_HASH } from './hash.js';

/** Elements of a bucket's own avail table. */
export const BUCKET_AVAIL = 6;
/** Bytes of a key that an element holds. */
export const KEY_START = 4;
/** The largest size of a key, and of a value: a signed 32-bit number, also where offsets have 64 bits. */
export const MAX_SIZE = 0x7fffffff;

/** One entry of a bucket: which record it stands for and where the record is. */
export interface Element {
  /** 31 bits, or −1 where the element is free; anything else is damage. */
  hash: number;
  /** The key's first bytes; past the key's end undefined. */
  key_start: Uint8Array;
  /** File offset of the key; the value follows it directly. */
  data_pointer: number;
  /** Bytes. */
  key_size: number;
  /** Bytes of the value. */
  data_size: number;
}

export const elementStruct: (layout: Layout) => Struct = memo((layout) =>
  defineStruct(layout, [
    ['hash', 'int'],
    ['key_start', { bytes: KEY_START }],
    ['data_pointer', 'off_t'],
    ['key_size', 'int'],
    ['data_size', 'int'],
  ]),
);

/** The bucket as C declares it: with one element, however many it really has. */
export const bucketStruct: (layout: Layout) => Struct = memo((layout) =>
  defineStruct(layout, [
    ['av_count', 'int'],
    ['bucket_avail', { struct: availElementStruct(layout), count: BUCKET_AVAIL }],
    ['bucket_bits', 'int'],
    ['count', 'int'],
    ['elements', { struct: elementStruct(layout), count: 1 }],
  ]),
);

/** The number of elements in a bucket of `bucketSize` bytes; less than 1 where not even one fits. */
export function bucketElementCount(layout: Layout, bucketSize: number): number {
  return Math.floor((bucketSize - bucketStruct(layout).size) / elementStruct(layout).size) + 1;
}

interface ElementOffsets {
  first: number;
  stride: number;
  keyStart: number;
  pointer: number;
  keySize: number;
  dataSize: number;
  bits: number;
  count: number;
  avail: number;
}

const offsetsOf = memo((layout: Layout): ElementOffsets => {
  const bucket = bucketStruct(layout);
  const element = elementStruct(layout);
  return {
    first: member(bucket, 'elements').offset,
    stride: element.size,
    keyStart: member(element, 'key_start').offset,
    pointer: member(element, 'data_pointer').offset,
    keySize: member(element, 'key_size').offset,
    dataSize: member(element, 'data_size').offset,
    bits: member(bucket, 'bucket_bits').offset,
    count: member(bucket, 'count').offset,
    avail: member(bucket, 'bucket_avail').offset,
  };
});

/**
 * The typed reader of a bucket for the hot loops: fields are read where they are, without an object for each
 * element. A property test holds it to the declaration.
 */
export class BucketView {
  readonly bytes: Uint8Array;
  /** Elements in the bucket, used and free. */
  readonly elements: number;
  readonly #view: DataView;
  readonly #layout: Layout;
  readonly #byteOrder: ByteOrder;
  readonly #little: boolean;
  readonly #at: ElementOffsets;

  /** @param bytes the bucket's bytes, at least as many as its elements need */
  constructor(bytes: Uint8Array, format: Format, elements: number) {
    this.bytes = bytes;
    this.elements = elements;
    this.#view = viewOf(bytes);
    this.#layout = format.layout;
    this.#byteOrder = format.byteOrder;
    this.#little = format.byteOrder === 'little';
    this.#at = offsetsOf(format.layout);
  }

  get availCount(): number {
    return this.#view.getInt32(0, this.#little);
  }

  get bits(): number {
    return this.#view.getInt32(this.#at.bits, this.#little);
  }

  get count(): number {
    return this.#view.getInt32(this.#at.count, this.#little);
  }

  /** The first `count` elements of the bucket's avail table, at most {@link BUCKET_AVAIL}. */
  avail(count: number): AvailElement[] {
    return decodeAvailTable(this.bytes, this.#at.avail, count, this.#layout, this.#byteOrder);
  }

  /** Bytes from the bucket's start to element `i`. */
  elementOffset(i: number): number {
    return this.#at.first + i * this.#at.stride;
  }

  hash(i: number): number {
    return this.#view.getInt32(this.elementOffset(i), this.#little);
  }

  keyStart(i: number): Uint8Array {
    const at = this.elementOffset(i) + this.#at.keyStart;
    return this.bytes.subarray(at, at + KEY_START);
  }

  dataPointer(i: number): number {
    return readOffset(this.#view, this.elementOffset(i) + this.#at.pointer, this.#layout, this.#little);
  }

  keySize(i: number): number {
    return this.#view.getInt32(this.elementOffset(i) + this.#at.keySize, this.#little);
  }

  dataSize(i: number): number {
    return this.#view.getInt32(this.elementOffset(i) + this.#at.dataSize, this.#little);
  }

  setHead(bits: number, count: number): void {
    this.#view.setInt32(this.#at.bits, bits, this.#little);
    this.#view.setInt32(this.#at.count, count, this.#little);
  }

  setHash(i: number, hash: number): void {
    this.#view.setInt32(this.elementOffset(i), hash, this.#little);
  }

  /** @throws RangeError if the layout cannot hold the pointer */
  setElement(i: number, element: Element): void {
    const at = this.elementOffset(i);
    this.#view.setInt32(at, element.hash, this.#little);
    this.bytes.set(element.key_start, at + this.#at.keyStart);
    writeOffset(this.#view, at + this.#at.pointer, element.data_pointer, this.#layout, this.#little);
    this.#view.setInt32(at + this.#at.keySize, element.key_size, this.#little);
    this.#view.setInt32(at + this.#at.dataSize, element.data_size, this.#little);
  }

  /** Takes an element, which is element `was` there, over from another bucket of the same format, with another pointer. */
  moveElement(i: number, from: BucketView, pointer: number, was = i): void {
    const at = this.elementOffset(i);
    const there = this.elementOffset(was);
    const source = from.bytes;
    // key_start holds no more than the key has; what is past it is undefined and stays behind.
    const known = Math.min(KEY_START, from.keySize(was));
    for (let n = 0; n < this.#at.stride; n++) this.bytes[at + n] = source[there + n];
    for (let n = known; n < KEY_START; n++) this.bytes[at + this.#at.keyStart + n] = 0;
    writeOffset(this.#view, at + this.#at.pointer, pointer, this.#layout, this.#little);
  }
}

/** Bytes from a bucket's start to its first element. */
export function elementsStart(format: Format): number {
  return new BucketView(new Uint8Array(0), format, 0).elementOffset(0);
}

/** The distance of an element from its home, `hash % elements`, around the end of the bucket. */
export function fromHome(i: number, hash: number, elements: number): number {
  return (i - (hash % elements) + elements) % elements;
}

/**
 * Elements of a bucket, which are in ascending order, so that of those with one hash the ones come first to which a lookup
 * comes first: it goes on at the bucket's beginning, so that what stands before its home is behind all others.
 */
export function inLookupOrder(
  indexes: readonly number[],
  hashOf: (i: number) => number,
  elements: number,
): readonly number[] {
  const isBehindEnd = (i: number) => i < hashOf(i) % elements;
  if (!indexes.some(isBehindEnd)) return indexes;
  return [...indexes.filter((i) => !isBehindEnd(i)), ...indexes.filter(isBehindEnd)];
}

/**
 * For each element how many used ones stand directly before it, around the end of the bucket. A lookup walks from the home
 * over used elements, and a free one ends it: it comes to those that stand no more than so many behind their home.
 */
export function usedBefore(bucket: BucketView): Int32Array {
  const counts = new Int32Array(bucket.elements);
  let run = 0;
  // Twice around, because a run may begin before the end and go on at the start.
  for (let step = 0; step < 2 * bucket.elements; step++) {
    const i = step % bucket.elements;
    counts[i] = Math.min(run, bucket.elements);
    run = bucket.hash(i) === FREE_HASH ? 0 : run + 1;
  }
  return counts;
}
