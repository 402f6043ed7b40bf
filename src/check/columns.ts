import { OffsetSorter } from '../numbers.js';
import type { BucketWords } from '../format/bucketwords.js';

/**
 * Elements of many buckets as columns in typed arrays, none of them an object: 24 bytes an element and 8 more while
 * they are sorted. The capacity is fixed.
 */
export class ElementColumns {
  readonly capacity: number;
  length = 0;
  /** File offsets of the keys. */
  readonly offsets: Float64Array;
  readonly hashes: Int32Array;
  /** Bytes. */
  readonly keySizes: Int32Array;
  readonly dataSizes: Int32Array;
  /** Contents of `key_start`, as little-endian numbers. */
  readonly starts: Int32Array;
  readonly #sorter = new OffsetSorter();

  constructor(capacity: number) {
    this.capacity = capacity;
    this.offsets = new Float64Array(capacity);
    this.hashes = new Int32Array(capacity);
    this.keySizes = new Int32Array(capacity);
    this.dataSizes = new Int32Array(capacity);
    this.starts = new Int32Array(capacity);
  }

  /** Appends an element of a bucket; returns false if there is no room. */
  push(words: BucketWords, i: number, pointer: number): boolean {
    const n = this.length;
    if (n === this.capacity) return false;
    this.offsets[n] = pointer;
    this.hashes[n] = words.hash(i);
    this.keySizes[n] = words.keySize(i);
    this.dataSizes[n] = words.dataSize(i);
    this.starts[n] = words.starts[i];
    this.length = n + 1;
    return true;
  }

  /**
   * Returns the elements' numbers in order of their offsets, all of which are from `base` to before `end`; valid
   * until the next call.
   */
  orderByOffset(base: number, end: number): Uint32Array {
    return this.#sorter.orderOf(this.offsets, this.length, base, end);
  }
}
