import { PART } from './parts.js';

/** Where the records of one part of a file begin, and how long they are: to walk through them in their order. */
export class RecordStarts {
  /** A bit for each byte of the part. */
  readonly #bits = new Int32Array(PART / 32);
  readonly #lengths = new Uint32Array(PART);
  #count = 0;

  /**
   * Adds a record.
   *
   * @param length bytes, at least one
   * @returns false where another one begins there
   */
  add(place: number, length: number): boolean {
    const bit = 1 << (place & 31);
    const bits = this.#bits[place >>> 5];
    if ((bits & bit) !== 0) return false;
    this.#bits[place >>> 5] = bits | bit;
    this.#lengths[place] = length;
    this.#count++;
    return true;
  }

  /**
   * Walks from record to record, and forgets them.
   *
   * @param base file offset of the part
   * @param take gets each stretch of records without a byte between them; false ends it
   * @returns whether no record begins in another one and every call said so
   */
  walk(base: number, take: (offset: number, length: number) => boolean): boolean {
    let left = this.#count;
    for (let start = this.#nextFrom(0); start >= 0;) {
      let end = start;
      do {
        end += this.#lengths[end];
        left--;
      } while (end < PART && (this.#bits[end >>> 5] & (1 << (end & 31))) !== 0);
      if (!take(base + start, end - start)) return false;
      start = end < PART ? this.#nextFrom(end) : -1;
    }
    this.#bits.fill(0);
    this.#count = 0;
    return left === 0;
  }

  /** The first place from one on at which a record begins; −1 for none. */
  #nextFrom(place: number): number {
    let word = place >>> 5;
    let bits = this.#bits[word] & (-1 << (place & 31));
    while (bits === 0) {
      if (++word === this.#bits.length) return -1;
      bits = this.#bits[word];
    }
    return (word << 5) + 31 - Math.clz32(bits & -bits);
  }
}
