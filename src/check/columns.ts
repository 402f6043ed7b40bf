import { OffsetSorter } from '../numbers.js';
import type { BucketWords } from '../format/bucketwords.js';

/**
 * Elements of many buckets as columns in typed arrays: 24 bytes an element and 8 more while they are sorted, no object
 * for any. It takes no more than it was made for.
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
  /** What `key_start` holds, the first byte in the lowest place. */
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

  /** Puts an element of a bucket at the end, if there is room. */
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

  /** The elements' numbers in order of their offsets, all of them from `base` to before `end`; valid until it is asked again. */
  orderByOffset(base: number, end: number): Uint32Array {
    return this.#sorter.orderOf(this.offsets, this.length, base, end);
  }
}
