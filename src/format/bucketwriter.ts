import { bucketElementCount } from './bucket.js';
import type { BucketPlaces } from './bucketplaces.js';
import { bucketPlaces } from './bucketplaces.js';
import type { Format } from './format.js';
import { FREE_HASH } from './hash.js';
import { swapAll, swapped } from './words.js';

/**
 * Makes one bucket after the other in the same memory, by numbers of this machine. For loops over millions of elements; a property test holds it to the declaration.
 */
export class BucketWriter {
  /** Elements of a bucket. */
  readonly elements: number;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #places: BucketPlaces;

  /** @param bucketSize bytes */
  constructor(format: Format, bucketSize: number) {
    this.elements = bucketElementCount(format.layout, bucketSize);
    this.#words = new Int32Array(Math.ceil(bucketSize / 4));
    this.#bytes = new Uint8Array(this.#words.buffer, 0, bucketSize);
    this.#places = bucketPlaces(format);
  }

  /** Begins a bucket with no element in use and nothing in its avail table. */
  begin(bits: number, count: number): void {
    const words = this.#words;
    const places = this.#places;
    words.fill(0);
    words[places.bits] = bits;
    words[places.count] = count;
    const end = places.first + this.elements * places.stride;
    for (let at = places.first; at < end; at += places.stride) words[at] = FREE_HASH;
  }

  isFree(i: number): boolean {
    return this.#words[this.#places.first + i * this.#places.stride] === FREE_HASH;
  }

  /**
   * Puts an element down.
   *
   * @param start the key's first four bytes as a number, the first in the lowest place
   * @param low the lower 32 bits of its file offset, and `high` the others, which count only where offsets have 64
   */
  put(i: number, hash: number, start: number, low: number, high: number, keySize: number, dataSize: number) {
    const words = this.#words;
    const places = this.#places;
    const at = places.first + i * places.stride;
    words[at] = hash;
    words[at + places.start] = places.reversed ? swapped(start) : start;
    words[at + places.high] = high;
    words[at + places.low] = low;
    words[at + places.keySize] = keySize;
    words[at + places.dataSize] = dataSize;
  }

  /** The bucket's bytes, until the next one is begun. To be called once for each. */
  end(): Uint8Array {
    if (this.#places.swap) swapAll(this.#words);
    return this.#bytes;
  }
}
