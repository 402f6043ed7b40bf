import { large } from './large.js';

/** Bytes of a part of the file, within which 16 bits tell an offset. */
const PART = 2 ** 16;
/** Offsets of a piece of memory, as a power of two; only the first one is ever copied to make room. */
const PIECE_BITS = 19;
const PIECE = 1 << PIECE_BITS;

/**
 * A growing list of file offsets in order: 2 bytes for each, and 4 for each 64 KiB of the file. To come to one by its
 * number is fastest near the one that was asked for at last.
 */
export class OrderedOffsets {
  length = 0;
  /** Of each offset its place in its part. */
  readonly #pieces = [new Uint16Array(256)];
  /** Of each part the number of its first offset or, where it has none, of the next one. */
  #firsts = new Int32Array(256);
  #parts = 0;
  /** The part that was asked for at last. */
  #part = 0;

  /** Adds one, which must not be before the last one. */
  push(offset: number): void {
    const part = Math.floor(offset / PART);
    if (part >= this.#parts) this.#beginParts(part);
    const at = this.length & (PIECE - 1);
    let piece = this.#pieces[this.#pieces.length - 1];
    if (this.length > 0 && at === 0) this.#pieces.push((piece = large(Uint16Array, PIECE)));
    else if (at === piece.length) {
      const grown = large(Uint16Array, 2 * at);
      grown.set(piece);
      this.#pieces[this.#pieces.length - 1] = piece = grown;
    }
    piece[at] = offset - part * PART;
    this.length++;
  }

  at(index: number): number {
    const firsts = this.#firsts;
    let part = this.#part;
    if (!(firsts[part] <= index && index < this.#endOf(part))) {
      this.#part = part =
        index >= this.#endOf(part) ? this.#partFrom(part + 1, index) : this.#partFrom(0, index);
    }
    return part * PART + this.#pieces[index >>> PIECE_BITS][index & (PIECE - 1)];
  }

  /** The number of the first one that is larger than an offset; the length where none is. */
  firstAfter(offset: number): number {
    if (offset < 0) return 0;
    const part = Math.floor(offset / PART);
    if (part >= this.#parts) return this.length;
    this.#part = part;
    const place = offset - part * PART;
    let low = this.#firsts[part];
    let high = this.#endOf(part);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#pieces[middle >>> PIECE_BITS][middle & (PIECE - 1)] > place) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The number behind the last offset of a part. */
  #endOf(part: number): number {
    return part + 1 < this.#parts ? this.#firsts[part + 1] : this.length;
  }

  /** The part that has an offset by its number, which is in `part` or a later one. */
  #partFrom(part: number, index: number): number {
    // Mostly it is the next one.
    if (index < this.#endOf(part)) return part;
    let low = part + 1;
    let high = this.#parts - 1;
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
