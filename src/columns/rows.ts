import { large } from './large.js';

/** Rows at first. */
const LEAST = 64;

/**
 * A growing list of rows of numbers that lie beside each other: for what is looked at row by row in any order, where a list
 * for each number would be a look at another part of memory each.
 */
export class Rows {
  length = 0;
  /** Numbers of 64 bits: those of a row begin at its number times half of the words. */
  wide: Float64Array;
  /** Numbers of 32 bits, in the same memory: those of a row begin at its number times the words. */
  words: Int32Array;
  readonly #words: number;

  /** @param words numbers of 32 bits in a row; even */
  constructor(words: number) {
    this.#words = words;
    this.wide = new Float64Array((words / 2) * LEAST);
    this.words = new Int32Array(this.wide.buffer);
  }

  /** Adds a row of zeroes. @returns its number */
  add(): number {
    const row = this.length++;
    if (this.length * this.#words > this.words.length) {
      const grown = large(Float64Array, 2 * this.wide.length);
      grown.set(this.wide);
      this.wide = grown;
      this.words = new Int32Array(grown.buffer, grown.byteOffset, 2 * grown.length);
    }
    return row;
  }
}
