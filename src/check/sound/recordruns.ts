import { numbersBelow } from '../../columns/large.js';

/** More runs than this are another kind of file: 32 MiB of memory, 64 for a file of more than 4 GiB. */
const MAX_RUNS = 1 << 22;

/** Runs that lie beside each other, as a power of two: none is ever copied to make room. */
const CHUNK_BITS = 14;
const CHUNK = 1 << CHUNK_BITS;

type Numbers = Uint32Array | Float64Array;

/** Where records follow each other without a byte between them, as runs in order of their file offsets. */
export class RecordRuns {
  readonly #starts: Numbers[] = [];
  readonly #ends: Numbers[] = [];
  readonly #size: number;
  #length = 0;
  #lastEnd = -1;

  /** @param size of the file in bytes, in which all runs end */
  constructor(size: number) {
    this.#size = size;
  }

  get length(): number {
    return this.#length;
  }

  start(run: number): number {
    return this.#starts[run >>> CHUNK_BITS][run & (CHUNK - 1)];
  }

  end(run: number): number {
    return this.#ends[run >>> CHUNK_BITS][run & (CHUNK - 1)];
  }

  /**
   * Adds a range that is not before the last one.
   *
   * @returns false where it begins before the last one ends, or there are too many runs to remember
   */
  add(offset: number, end: number): boolean {
    if (offset <= this.#lastEnd) {
      if (offset < this.#lastEnd) return false;
      this.#setLastEnd(end);
      return true;
    }
    if (this.#length === MAX_RUNS) return false;
    this.#push(offset, end);
    return true;
  }

  /** Adds a range that does not begin before the last one began, and may overlap it. */
  cover(offset: number, end: number): void {
    if (offset > this.#lastEnd) this.#push(offset, end);
    else if (end > this.#lastEnd) this.#setLastEnd(end);
  }

  /** The last run that begins at or before an offset; −1 where none does. */
  runAt(offset: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.start(middle) > offset) high = middle;
      else low = middle + 1;
    }
    return low - 1;
  }

  #push(offset: number, end: number): void {
    const at = this.#length & (CHUNK - 1);
    if (at === 0) {
      this.#starts.push(this.#chunk());
      this.#ends.push(this.#chunk());
    }
    this.#starts[this.#starts.length - 1][at] = offset;
    this.#length++;
    this.#setLastEnd(end);
  }

  #setLastEnd(end: number): void {
    this.#ends[this.#ends.length - 1][(this.#length - 1) & (CHUNK - 1)] = end;
    this.#lastEnd = end;
  }

  #chunk(): Numbers {
    return numbersBelow(this.#size + 1, CHUNK);
  }
}
