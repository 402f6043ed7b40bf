import { large } from './large.js';

/** A growing list of file offsets, without an object for each. */
export class OffsetList {
  #values = new Float64Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(offset: number): void {
    if (this.#length === this.#values.length) {
      const grown = large(Float64Array, 2 * this.#length);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#length++] = offset;
  }

  /** Takes the last one away. */
  pop(): void {
    if (this.#length > 0) this.#length--;
  }

  at(index: number): number {
    return this.#values[index];
  }

  /** The list so far, not a copy. */
  values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }
}
