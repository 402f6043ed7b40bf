import { salted } from '../numbers.js';

/** Initial number of slots, a power of two. */
const LEAST = 1 << 10;

/** Mixes the place of a record, so that places which differ in anything differ in the lowest bits. */
export function saltedPlace(offset: number, keySize: number, dataSize: number): number {
  return salted(salted(offset) ^ Math.imul(keySize, 0x85ebca6b) ^ dataSize);
}

/** Set of places of records without an object for each. Memory: 16 bytes a place, and as much again for growth. */
export class PlaceSet {
  /** File offset plus 1; 0 in an empty slot. */
  #offsets = new Float64Array(LEAST);
  #keySizes = new Int32Array(LEAST);
  #dataSizes = new Int32Array(LEAST);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns true if it was not there before */
  add(offset: number, keySize: number, dataSize: number): boolean {
    if (2 * this.#size >= this.#offsets.length) this.#grow();
    const at = this.#find(offset, keySize, dataSize);
    if (this.#offsets[at] !== 0) return false;
    this.#put(at, offset, keySize, dataSize);
    this.#size++;
    return true;
  }

  clear(): void {
    if (this.#size > 0) this.#offsets.fill(0);
    this.#size = 0;
  }

  has(offset: number, keySize: number, dataSize: number): boolean {
    return this.#offsets[this.#find(offset, keySize, dataSize)] !== 0;
  }

  /** Slot of a place, or the free slot for it. */
  #find(offset: number, keySize: number, dataSize: number): number {
    const mask = this.#offsets.length - 1;
    let at = saltedPlace(offset, keySize, dataSize) & mask;
    while (
      this.#offsets[at] !== 0 &&
      (this.#offsets[at] !== offset + 1 || this.#keySizes[at] !== keySize || this.#dataSizes[at] !== dataSize)
    ) {
      at = (at + 1) & mask;
    }
    return at;
  }

  #put(at: number, offset: number, keySize: number, dataSize: number): void {
    this.#offsets[at] = offset + 1;
    this.#keySizes[at] = keySize;
    this.#dataSizes[at] = dataSize;
  }

  #grow(): void {
    const [offsets, keySizes, dataSizes] = [this.#offsets, this.#keySizes, this.#dataSizes];
    this.#offsets = new Float64Array(2 * offsets.length);
    this.#keySizes = new Int32Array(2 * offsets.length);
    this.#dataSizes = new Int32Array(2 * offsets.length);
    for (let i = 0; i < offsets.length; i++) {
      if (offsets[i] === 0) continue;
      const offset = offsets[i] - 1;
      this.#put(this.#find(offset, keySizes[i], dataSizes[i]), offset, keySizes[i], dataSizes[i]);
    }
  }
}
