import type { BucketWords } from './bucketwords.js';

/** Places for each element of a bucket, so that few of different hashes meet. */
const ROOM = 16;
const MAX_PLACES = 1 << 16;

/** Tells which elements of a bucket may have the hash of another one, in one look at each. */
export class SharedHashes {
  /** Of each element of the last bucket 1 where another one has its hash, or happens to look so; 0 where none has. */
  readonly marks: Uint8Array;
  /** Of hashes that look alike the last element, as {@link #epoch} and its number. */
  readonly #last: Int32Array;
  readonly #shift: number;
  #epoch = 1;

  /** @param elements of a bucket */
  constructor(elements: number) {
    this.marks = new Uint8Array(elements);
    const bits = Math.ceil(Math.log2(Math.min(MAX_PLACES, Math.max(2, elements * ROOM))));
    this.#last = new Int32Array(2 ** bits);
    this.#shift = 32 - bits;
  }

  /**
   * Takes the next bucket.
   *
   * @returns how many are marked
   */
  mark({ elements, used, usedCount, hashes }: BucketWords): number {
    const { marks } = this;
    const last = this.#last;
    const shift = this.#shift;
    if (this.#epoch + elements > 0x7fffffff) {
      this.#epoch = 1;
      last.fill(0);
    }
    const epoch = this.#epoch;
    let marked = 0;
    for (let n = 0; n < usedCount; n++) {
      const i = used[n];
      const place = Math.imul(hashes[i], 0x9e3779b1) >>> shift;
      const other = last[place] - epoch;
      last[place] = epoch + i;
      if (other < 0) marks[i] = 0;
      else {
        marked += 2 - marks[other];
        marks[i] = 1;
        marks[other] = 1;
      }
    }
    this.#epoch = epoch + elements;
    return marked;
  }
}
