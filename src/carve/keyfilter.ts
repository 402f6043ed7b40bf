import { large } from '../columns/large.js';
import { mixedWithLength, suffixHash, suffixHashOn } from './suffixhash.js';

/** Bits for each key, and of all at most: 16 MiB. */
const BITS_EACH = 16;
const LEAST_BITS = 1 << 13;
const MOST_BITS = 1 << 27;
/** Bits that a key sets. */
const SET = 4;

/**
 * Tells which of the bytes before a place may be one of many keys, without holding any: a Bloom filter, wrong once in some
 * hundred times up to 10 million keys. Memory: 2 bytes for each, 16 MiB at most, and one for each length.
 */
export class KeyFilter {
  /** Bytes of the longest key. */
  longest = 0;
  readonly #words: Int32Array;
  readonly #mask: number;
  #lengths = new Uint8Array(64);

  /** @param keys how many there are about */
  constructor(keys: number) {
    let bits = LEAST_BITS;
    while (bits < MOST_BITS && bits < keys * BITS_EACH) bits *= 2;
    this.#words = large(Int32Array, bits / 32);
    this.#mask = bits - 1;
  }

  add(key: Uint8Array): void {
    const { length } = key;
    // An empty key is before every value.
    if (length === 0) return;
    if (length >= this.#lengths.length) {
      const lengths = new Uint8Array(2 * length);
      lengths.set(this.#lengths);
      this.#lengths = lengths;
    }
    this.#lengths[length] = 1;
    this.longest = Math.max(this.longest, length);
    let bit = mixedWithLength(suffixHash(key), length);
    for (let n = 0; n < SET; n++, bit = next(bit)) {
      this.#words[(bit & this.#mask) >>> 5] |= 1 << (bit & 31);
    }
  }

  /** Bytes of what may be keys that end directly before index `at` of `bytes`; those of every key that does are among them. */
  sizesBefore(bytes: Uint8Array, at: number): number[] {
    const most = Math.min(at, this.longest);
    const found: number[] = [];
    for (let length = 1, hash = 0; length <= most; length++) {
      hash = suffixHashOn(hash, bytes[at - length]);
      if (this.#lengths[length] === 1 && this.#has(mixedWithLength(hash, length))) found.push(length);
    }
    return found;
  }

  #has(mixed: number): boolean {
    let bit = mixed;
    for (let n = 0; n < SET; n++, bit = next(bit)) {
      if ((this.#words[(bit & this.#mask) >>> 5] & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

function next(bit: number): number {
  const mixed = Math.imul(bit ^ (bit >>> 13), 0x85ebca6b);
  return mixed ^ (mixed >>> 16);
}
