import { firstAfter } from '../../source/ranges.js';

/** More runs than this are another kind of file: 64 MiB of memory. */
const MAX_RUNS = 1 << 22;

/** Where records follow each other without a byte between them, as runs in order of their file offsets. */
export class RecordRuns {
  #starts = new Float64Array(1024);
  #ends = new Float64Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  start(run: number): number {
    return this.#starts[run];
  }

  end(run: number): number {
    return this.#ends[run];
  }

  /**
   * Adds a range that is not before the last one.
   *
   * @returns false where it begins before the last one ends, or there are too many runs to remember
   */
  add(offset: number, end: number): boolean {
    const last = this.#length - 1;
    if (last >= 0 && this.#ends[last] >= offset) {
      if (this.#ends[last] > offset) return false;
      this.#ends[last] = end;
      return true;
    }
    if (this.#length === MAX_RUNS) return false;
    this.#push(offset, end);
    return true;
  }

  #push(offset: number, end: number): void {
    if (this.#length === this.#starts.length) {
      this.#starts = doubled(this.#starts);
      this.#ends = doubled(this.#ends);
    }
    this.#starts[this.#length] = offset;
    this.#ends[this.#length++] = end;
  }

  /** Adds a range that does not begin before the last one began, and may overlap it. */
  cover(offset: number, end: number): void {
    const last = this.#length - 1;
    if (last >= 0 && offset <= this.#ends[last]) {
      if (end > this.#ends[last]) this.#ends[last] = end;
    } else this.#push(offset, end);
  }

  /** The last run that begins at or before an offset; −1 where none does. */
  runAt(offset: number): number {
    return firstAfter(this.#starts.subarray(0, this.#length), offset) - 1;
  }
}

function doubled(values: Float64Array): Float64Array<ArrayBuffer> {
  const bigger = new Float64Array(2 * values.length);
  bigger.set(values);
  return bigger;
}
