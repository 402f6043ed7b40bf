import { OrderedOffsets } from '../../columns/orderedoffsets.js';

/** More runs than this are another kind of file: 32 MiB of memory. */
const MAX_RUNS = 1 << 23;

/**
 * Where records follow each other without a byte between them, as runs in order of their file offsets: 4 bytes for each, and
 * 4 for each 8 KiB of the file, see {@link OrderedOffsets}.
 */
export class RecordRuns {
  length = 0;
  /** Where runs begin and end by turns, but for the end of the last one. */
  readonly #borders: OrderedOffsets;
  #lastEnd = -1;

  /** @param size of the file in bytes, in which all runs end */
  constructor(size: number) {
    this.#borders = new OrderedOffsets(size);
  }

  start(run: number): number {
    return this.#borders.at(2 * run);
  }

  end(run: number): number {
    return run === this.length - 1 ? this.#lastEnd : this.#borders.at(2 * run + 1);
  }

  /**
   * Adds a range of a byte or more that is not before the last one.
   *
   * @returns false where it begins before the last one ends, or there are too many runs to remember
   */
  add(offset: number, end: number): boolean {
    if (offset > this.#lastEnd) {
      if (this.length === MAX_RUNS) return false;
      this.#begin(offset);
    } else if (offset < this.#lastEnd) return false;
    this.#lastEnd = end;
    return true;
  }

  /** Adds a range of a byte or more that does not begin before the last one began, and may overlap it. */
  cover(offset: number, end: number): void {
    if (offset > this.#lastEnd) this.#begin(offset);
    if (end > this.#lastEnd) this.#lastEnd = end;
  }

  /** The last run that begins at or before an offset; −1 where none does. */
  runAt(offset: number): number {
    // Half of the borders up to there are ends, or one less than half.
    return ((this.#borders.firstAfter(offset) + 1) >>> 1) - 1;
  }

  #begin(offset: number): void {
    if (this.length++ > 0) this.#borders.push(this.#lastEnd);
    this.#borders.push(offset);
  }
}
