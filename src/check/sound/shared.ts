import { large } from '../../columns/large.js';
import type { BucketWords } from './bucketwords.js';

/** Places for each element of a bucket, so that few of different hashes meet. */
const ROOM = 16;
const MAX_PLACES = 1 << 16;

/**
 * Tells which elements of buckets may have the hash of another one of their bucket, in one look at each, and remembers
 * it: a bit for each element.
 */
export class SharedHashes {
  /** A bit for each element that may share its hash, {@link wordsEach} words for each bucket. */
  readonly bits: Int32Array;
  readonly wordsEach: number;
  /** Of hashes that look alike the last element, as the bucket's {@link #epoch} and its number. */
  readonly #last: Int32Array;
  readonly #shift: number;
  #epoch = 1;

  /** @param elements of a bucket */
  constructor(buckets: number, elements: number) {
    this.wordsEach = Math.ceil(elements / 32);
    this.bits = large(Int32Array, buckets * this.wordsEach);
    const places = Math.ceil(Math.log2(Math.min(MAX_PLACES, Math.max(2, elements * ROOM))));
    this.#last = new Int32Array(2 ** places);
    this.#shift = 32 - places;
  }

  /** Takes each bucket once. */
  mark({ elements, used, usedCount, hashes }: BucketWords, bucket: number): void {
    const { bits } = this;
    const last = this.#last;
    const shift = this.#shift;
    const first = bucket * this.wordsEach;
    if (this.#epoch + elements > 0x7fffffff) {
      this.#epoch = 1;
      last.fill(0);
    }
    const epoch = this.#epoch;
    for (let n = 0; n < usedCount; n++) {
      const i = used[n];
      const place = Math.imul(hashes[i], 0x9e3779b1) >>> shift;
      const other = last[place] - epoch;
      last[place] = epoch + i;
      if (other < 0) continue;
      bits[first + (i >>> 5)] |= 1 << (i & 31);
      bits[first + (other >>> 5)] |= 1 << (other & 31);
    }
    this.#epoch = epoch + elements;
  }

  /** Whether an element may share its hash. */
  has(bucket: number, i: number): boolean {
    return ((this.bits[bucket * this.wordsEach + (i >>> 5)] >>> (i & 31)) & 1) !== 0;
  }

  /** How many elements may share their hash. */
  get count(): number {
    let count = 0;
    for (let word of this.bits) for (; word !== 0; word &= word - 1) count++;
    return count;
  }
}
