import { bucketElementCount, bucketStruct, elementStruct } from './bucket.js';
import type { Format } from './format.js';
import { FREE_HASH } from './hash.js';
import { offsetSize } from './layout.js';
import { member } from './struct.js';
import { HOST_IS_LITTLE, swapped } from './words.js';

/**
 * Makes one bucket after the other in the same memory, by numbers of this machine: every member of every layout begins at a
 * multiple of four bytes. For loops over millions of elements; a property test holds it to the declaration.
 */
export class BucketWriter {
  /** Elements of a bucket. */
  readonly elements: number;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #swap: boolean;
  /** Whether a word of this machine has the bytes of `key_start` in another order than they stand in the file. */
  readonly #reversed: boolean;
  readonly #first: number;
  readonly #stride: number;
  readonly #start: number;
  readonly #low: number;
  /** Equal to the lower word's where offsets have but one. */
  readonly #high: number;
  readonly #keySize: number;
  readonly #dataSize: number;
  readonly #bits: number;
  readonly #count: number;

  /** @param bucketSize bytes */
  constructor({ layout, byteOrder }: Format, bucketSize: number) {
    const bucket = bucketStruct(layout);
    const element = elementStruct(layout);
    const word = (struct: typeof bucket, name: string) => member(struct, name).offset / 4;
    this.elements = bucketElementCount(layout, bucketSize);
    this.#words = new Int32Array(Math.ceil(bucketSize / 4));
    this.#bytes = new Uint8Array(this.#words.buffer, 0, bucketSize);
    this.#swap = (byteOrder === 'little') !== HOST_IS_LITTLE;
    this.#reversed = byteOrder === 'big';
    this.#first = word(bucket, 'elements');
    this.#stride = element.size / 4;
    this.#start = word(element, 'key_start');
    const pointer = word(element, 'data_pointer');
    const isWide = offsetSize(layout) === 8;
    this.#low = isWide && byteOrder === 'big' ? pointer + 1 : pointer;
    this.#high = isWide && byteOrder === 'little' ? pointer + 1 : pointer;
    this.#keySize = word(element, 'key_size');
    this.#dataSize = word(element, 'data_size');
    this.#bits = word(bucket, 'bucket_bits');
    this.#count = word(bucket, 'count');
  }

  /** Begins a bucket with no element in use and nothing in its avail table. */
  begin(bits: number, count: number): void {
    const words = this.#words;
    words.fill(0);
    words[this.#bits] = bits;
    words[this.#count] = count;
    const end = this.#first + this.elements * this.#stride;
    for (let at = this.#first; at < end; at += this.#stride) words[at] = FREE_HASH;
  }

  isFree(i: number): boolean {
    return this.#words[this.#first + i * this.#stride] === FREE_HASH;
  }

  /**
   * Puts an element down.
   *
   * @param start the key's first four bytes as a number, the first in the lowest place
   * @param low the lower 32 bits of its file offset, and `high` the others, which count only where offsets have 64
   */
  put(i: number, hash: number, start: number, low: number, high: number, keySize: number, dataSize: number) {
    const words = this.#words;
    const at = this.#first + i * this.#stride;
    words[at] = hash;
    words[at + this.#start] = this.#reversed ? swapped(start) : start;
    words[at + this.#high] = high;
    words[at + this.#low] = low;
    words[at + this.#keySize] = keySize;
    words[at + this.#dataSize] = dataSize;
  }

  /** The bucket's bytes, until the next one is begun. To be called once for each. */
  end(): Uint8Array {
    const words = this.#words;
    if (this.#swap) for (let i = 0; i < words.length; i++) words[i] = swapped(words[i]);
    return this.#bytes;
  }
}
