import { bucketStruct, elementStruct } from '../../format/bucket.js';
import type { Format } from '../../format/format.js';
import { FREE_HASH } from '../../format/hash.js';
import { offsetSize } from '../../format/layout.js';
import { member } from '../../format/struct.js';

const HOST_IS_LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/**
 * A bucket as 32-bit words of this machine, for loops over millions of elements: every member of every layout begins at
 * a multiple of four bytes. One is used for many buckets; nothing is allocated for each.
 */
export class BucketWords {
  readonly elements: number;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #swap: boolean;
  readonly #wide: boolean;
  readonly #high: number;
  readonly #low: number;
  readonly #first: number;
  readonly #stride: number;
  readonly #pointer: number;
  readonly #start: number;
  readonly #keySize: number;
  readonly #dataSize: number;
  readonly #bits: number;
  readonly #count: number;

  /** @param bucketSize bytes */
  constructor({ layout, byteOrder }: Format, bucketSize: number, elements: number) {
    const bucket = bucketStruct(layout);
    const element = elementStruct(layout);
    const word = (struct: typeof bucket, name: string) => member(struct, name).offset / 4;
    this.elements = elements;
    this.#words = new Int32Array(Math.ceil(bucketSize / 4));
    this.#bytes = new Uint8Array(this.#words.buffer);
    this.#swap = (byteOrder === 'little') !== HOST_IS_LITTLE;
    this.#wide = offsetSize(layout) === 8;
    this.#high = byteOrder === 'little' ? 1 : 0;
    this.#low = 1 - this.#high;
    this.#first = word(bucket, 'elements');
    this.#stride = element.size / 4;
    this.#pointer = word(element, 'data_pointer');
    this.#start = word(element, 'key_start');
    this.#keySize = word(element, 'key_size');
    this.#dataSize = word(element, 'data_size');
    this.#bits = word(bucket, 'bucket_bits');
    this.#count = word(bucket, 'count');
  }

  /** Takes the next bucket's bytes, as many as the constructor was told. */
  load(bytes: Uint8Array): void {
    this.#bytes.set(bytes);
    if (!this.#swap) return;
    const words = this.#words;
    for (let i = 0; i < words.length; i++) words[i] = swapped(words[i]);
  }

  get availCount(): number {
    return this.#words[0];
  }

  get bits(): number {
    return this.#words[this.#bits];
  }

  get count(): number {
    return this.#words[this.#count];
  }

  hash(i: number): number {
    return this.#words[this.#first + i * this.#stride];
  }

  isFree(i: number): boolean {
    return this.#words[this.#first + i * this.#stride] === FREE_HASH;
  }

  /** File offset of the key as it stands: it may be negative. */
  pointer(i: number): number {
    const at = this.#first + i * this.#stride + this.#pointer;
    if (!this.#wide) return this.#words[at];
    return this.#words[at + this.#high] * 2 ** 32 + (this.#words[at + this.#low] >>> 0);
  }

  keySize(i: number): number {
    return this.#words[this.#first + i * this.#stride + this.#keySize];
  }

  dataSize(i: number): number {
    return this.#words[this.#first + i * this.#stride + this.#dataSize];
  }

  /** The four bytes of `key_start` as a number, the first byte in the lowest place. */
  keyStart(i: number): number {
    const word = this.#words[this.#first + i * this.#stride + this.#start];
    // In memory they lie in the order of the file, whatever the words of that file are.
    return this.#swap === HOST_IS_LITTLE ? swapped(word) : word;
  }
}

function swapped(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
