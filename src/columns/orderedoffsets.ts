import { large } from './large.js';
import { addRoom } from './pieces.js';

/**
 * Bits of an offset within its part of the file, at least; two bytes would hold 16, but with those it takes two thirds more
 * time to find one. Parts are 2^21 at most.
 */
const LEAST_BITS = 13;
const MOST_PARTS_BITS = 21;
/** Of a file for which 16 bits do not do it. */
const LARGE_BITS = 32;
/** Offsets of a piece of memory, as a power of two; only the first one is ever copied to make room. */
const PIECE_BITS = 19;
const PIECE = 1 << PIECE_BITS;

/**
 * A growing list of file offsets in order: 2 bytes for each, and 4 for each 8 KiB of the file, or larger parts so that it is
 * 8 MiB at most; in a file of more than 128 GiB 4 bytes for each. To come to one by its number is fastest near the one that
 * was asked for at last.
 */
export class OrderedOffsets {
  length = 0;
  /** Bytes of a part of the file. */
  readonly #partBytes: number;
  /** What of an offset tells its place in its part; all of the 32 bits that can be asked for at once in a large file. */
  readonly #mask: number;
  readonly #isLarge: boolean;
  /** Of each offset its place in its part. */
  readonly #pieces: (Uint16Array | Uint32Array)[];
  /** Of each part the number of its first offset or, where it has none, of the next one. */
  #firsts = new Int32Array(256);
  #parts = 0;
  /** The part that was asked for at last. */
  #last = 0;

  /** @param size of the file in bytes, which no offset is behind */
  constructor(size: number) {
    const bits = Math.max(LEAST_BITS, Math.ceil(Math.log2(size + 1)) - MOST_PARTS_BITS);
    this.#isLarge = bits > 16;
    this.#partBytes = 2 ** (this.#isLarge ? LARGE_BITS : bits);
    this.#mask = (this.#partBytes - 1) | 0;
    this.#pieces = [this.#piece(256)];
  }

  /** Adds one, which must not be before the last one. */
  push(offset: number): void {
    const part = (offset / this.#partBytes) | 0;
    if (part >= this.#parts) this.#beginParts(part);
    const index = this.length++;
    const last = this.#pieces.length - 1;
    if (index === last * PIECE + this.#pieces[last].length) {
      addRoom(this.#pieces, PIECE, (length) => this.#piece(length));
    }
    this.#pieces[index >>> PIECE_BITS][index & (PIECE - 1)] = offset & this.#mask;
  }

  at(index: number): number {
    const firsts = this.#firsts;
    let part = this.#last;
    if (!(firsts[part] <= index && index < this.#endOf(part))) {
      this.#last = part =
        index >= this.#endOf(part) ? this.#partFrom(part + 1, index) : this.#partFrom(0, index);
    }
    return part * this.#partBytes + this.#pieces[index >>> PIECE_BITS][index & (PIECE - 1)];
  }

  /** The number of the first one that is larger than an offset; the length where none is. */
  firstAfter(offset: number): number {
    if (offset < 0) return 0;
    if (offset / this.#partBytes >= this.#parts) return this.length;
    const part = (offset / this.#partBytes) | 0;
    this.#last = part;
    // Asked for every record: whole numbers of 32 bits alone, also in a file that is larger.
    const place = (offset & this.#mask) >>> 0;
    const pieces = this.#pieces;
    let low = this.#firsts[part];
    let high = this.#endOf(part);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (pieces[middle >>> PIECE_BITS][middle & (PIECE - 1)] > place) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #piece(length: number): Uint16Array | Uint32Array {
    return this.#isLarge ? large(Uint32Array, length) : large(Uint16Array, length);
  }

  /** The number behind the last offset of a part. */
  #endOf(part: number): number {
    return part + 1 < this.#parts ? this.#firsts[part + 1] : this.length;
  }

  /** The part that has an offset by its number, which is in `part` or a later one. */
  #partFrom(part: number, index: number): number {
    // Mostly it is near.
    let low = part;
    let high = part;
    for (let step = 1; index >= this.#endOf(high) && high < this.#parts - 1; step *= 2) {
      low = high + 1;
      high = Math.min(high + step, this.#parts - 1);
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (index < this.#endOf(middle)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #beginParts(part: number): void {
    if (part >= this.#firsts.length) {
      const grown = large(Int32Array, Math.max(part + 1, 2 * this.#firsts.length));
      grown.set(this.#firsts);
      this.#firsts = grown;
    }
    this.#firsts.fill(this.length, this.#parts, part + 1);
    this.#parts = part + 1;
  }
}
