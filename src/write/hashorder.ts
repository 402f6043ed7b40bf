/**
 * Records in order of their hashes: of each its number and its hash beside each other, 8 bytes, so that whoever goes through
 * them in this order need not look up each at another place of memory.
 */
export class HashOrder {
  /** How many there are. */
  length: number;
  readonly #pairs: Uint32Array;

  /** @param pairs the number and the hash of each record, in order */
  constructor(pairs: Uint32Array) {
    this.#pairs = pairs;
    this.length = pairs.length / 2;
  }

  /** The number of the record at a place of the order. */
  number(n: number): number {
    return this.#pairs[2 * n];
  }

  hash(n: number): number {
    return this.#pairs[2 * n + 1];
  }

  /** Puts the record at place `from` at place `to`, in the stead of the one there. */
  move(from: number, to: number): void {
    this.#pairs[2 * to] = this.#pairs[2 * from];
    this.#pairs[2 * to + 1] = this.#pairs[2 * from + 1];
  }

  numbers(): Uint32Array {
    return Uint32Array.from({ length: this.length }, (_, n) => this.number(n));
  }

  hashes(): Int32Array {
    const hashes = new Int32Array(this.length);
    for (let n = 0; n < hashes.length; n++) hashes[n] = this.hash(n);
    return hashes;
  }
}
