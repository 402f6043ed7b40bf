import { mixedWithLength, suffixHash } from './suffixhash.js';

/** Bits; with more keys than some ten times that the number is too low. */
const BITS = 1 << 22;

/**
 * Counts different keys without holding them, by the bits that none of them has set: exactly while there are few, within
 * a hundredth up to tens of millions. Memory: 512 KiB.
 */
export class DistinctCount {
  readonly #table = new Uint8Array(BITS / 8);
  #set = 0;
  #added = 0;

  add(key: Uint8Array): void {
    this.#added++;
    const bit = mixedWithLength(suffixHash(key), key.length) & (BITS - 1);
    const mask = 1 << (bit & 7);
    if ((this.#table[bit >>> 3] & mask) !== 0) return;
    this.#table[bit >>> 3] |= mask;
    this.#set++;
  }

  /** Different keys that were added. */
  get count(): number {
    if (this.#set === BITS) return this.#added;
    return Math.min(this.#added, Math.round(-BITS * Math.log1p(-this.#set / BITS)));
  }
}
