import { large } from './large.js';

/** A set of numbers from 0 to before `length`: a bit for each. */
export class Bits {
  readonly #words: Int32Array;

  constructor(length: number) {
    this.#words = large(Int32Array, Math.ceil(length / 32));
  }

  add(number: number): void {
    this.#words[number >>> 5] |= 1 << (number & 31);
  }

  has(number: number): boolean {
    return ((this.#words[number >>> 5] >>> (number & 31)) & 1) !== 0;
  }
}
