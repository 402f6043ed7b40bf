import { OrderedOffsets } from '../columns/orderedoffsets.js';

/** More of them no honest file has: 8 MiB of memory. Beyond these, records are not known to reach too far. */
const MAX_BEGINNINGS = 1 << 22;

/**
 * Finds records inside which something else in force begins. Of each such record only where the next thing in force begins
 * is remembered, 2 bytes each and once for all records at one offset: that is inside just those that reach over it.
 */
export class Overreaching {
  readonly #beginnings: OrderedOffsets;
  #last = -1;
  /** File offset of the records that began last, and where the longest of them ends. */
  #offset = -1;
  #end = -1;

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.#beginnings = new OrderedOffsets(size);
  }

  /** Whether there is none. */
  get isEmpty(): boolean {
    return this.#beginnings.length === 0;
  }

  /** Takes where something in force begins, none before the last one. @param recordEnd where it ends, if it is a record */
  take(offset: number, recordEnd = -1): void {
    if (offset > this.#offset) {
      if (this.#end > offset) this.#remember(offset);
      this.#offset = offset;
      this.#end = -1;
    }
    if (recordEnd > this.#end) this.#end = recordEnd;
  }

  /** Whether something in force begins inside a record of so many bytes at a file offset. */
  has(offset: number, length: number): boolean {
    const next = this.#beginnings.firstAfter(offset);
    return next < this.#beginnings.length && this.#beginnings.at(next) < offset + length;
  }

  #remember(offset: number): void {
    if (offset === this.#last || this.#beginnings.length === MAX_BEGINNINGS) return;
    this.#last = offset;
    this.#beginnings.push(offset);
  }
}
