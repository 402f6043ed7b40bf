import { large } from './large.js';
import { salted } from './salt.js';

/** Numbers there is room for at first; a power of two. */
const LEAST = 1 << 8;

/** A set of whole numbers from 0 on, without an object for each: 8 bytes, and as many in room for more. */
export class NumberSet {
  /** Numbers and 1; 0 where there is none. */
  #slots = new Float64Array(LEAST);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(number: number): boolean {
    return this.#slots[this.#find(number)] !== 0;
  }

  /** @returns whether it was not there before */
  add(number: number): boolean {
    if (2 * this.#size >= this.#slots.length) this.#grow();
    const at = this.#find(number);
    if (this.#slots[at] !== 0) return false;
    this.#slots[at] = number + 1;
    this.#size++;
    return true;
  }

  /** Where a number is, or goes. */
  #find(number: number): number {
    const mask = this.#slots.length - 1;
    // Ranges of hashes differ in their upper bits, or in what is above 32 of them.
    let at = salted(number) & mask;
    while (this.#slots[at] !== 0 && this.#slots[at] !== number + 1) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const slots = this.#slots;
    this.#slots = large(Float64Array, 2 * slots.length);
    for (const slot of slots) if (slot !== 0) this.#slots[this.#find(slot - 1)] = slot;
  }
}
