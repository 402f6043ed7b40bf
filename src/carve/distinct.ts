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
    let hash = key.length;
    for (let k = 0; k < key.length; k++) hash = Math.imul(hash ^ key[k], 0x9e3779b1) ^ (hash >>> 15);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    const bit = (hash ^ (hash >>> 13)) & (BITS - 1);
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
