import { large } from '../columns/large.js';
import type { Source } from '../source/source.js';
import type { KeysBefore } from './keysbefore.js';
import { mixedWithLength, suffixHash, suffixHashOn } from './suffixhash.js';

/** Keys' bytes that are held if no other bound is told. */
const MAX_BYTES = 256 << 20;

/**
 * Keys that are known from elsewhere, to be recognised directly before a value. Found by a hash that grows by one byte
 * at a time backwards from the value, so that a search costs no more than the bytes that it goes over, whatever the
 * keys. Memory: the keys' bytes, up to a bound, and 12 to 24 bytes for each.
 */
export class KnownKeys implements KeysBefore {
  /** Keys that are held, each once. */
  count = 0;
  /** Keys that were too much for the bound. */
  dropped = 0;
  /** Bytes of the longest key. */
  longest = 0;

  #bytes = new Uint8Array(1024);
  #used = 0;
  /** Where each key's bytes start; one more entry for the end of the last. */
  #starts = new Int32Array(256);
  /** Key number + 1 by hash, open addressing; a power of two. */
  #slots = new Int32Array(512);
  #lengths = new Uint8Array(64);

  readonly #maxBytes: number;

  constructor(keys: Iterable<Uint8Array>, { maxBytes = MAX_BYTES }: { maxBytes?: number } = {}) {
    this.#maxBytes = maxBytes;
    for (const key of keys) this.add(key);
  }

  /** Adds a key; its bytes are copied. */
  add(key: Uint8Array): void {
    // An empty key is before every value.
    if (key.length === 0) return;
    if (this.#find(key) >= 0) return;
    if (this.#used + key.length > this.#maxBytes) this.dropped++;
    else this.#add(key);
  }

  async longestBefore(source: Source, offset: number, least: number): Promise<number | undefined> {
    const before = Math.min(this.longest, offset - least);
    return before === 0
      ? undefined
      : this.longestEndingAt(await source.read(offset - before, before), before);
  }

  /** Bytes of the longest known key that ends directly before index `at` of `bytes`; undefined if none does. */
  longestEndingAt(bytes: Uint8Array, at: number): number | undefined {
    const most = Math.min(at, this.longest);
    const found: number[] = [];
    for (let length = 1, hash = 0; length <= most; length++) {
      hash = suffixHashOn(hash, bytes[at - length]);
      if (this.#lengths[length] === 1 && this.#slots[this.#slotOf(hash, length)] !== 0) found.push(length);
    }
    // Whether the bytes are the same is asked of the longest first: each step down is one that a hash was wrong in.
    for (let length = found.pop(); length !== undefined; length = found.pop()) {
      if (this.#find(bytes.subarray(at - length, at)) >= 0) return length;
    }
    return undefined;
  }

  #add(key: Uint8Array): void {
    if (2 * (this.count + 1) > this.#slots.length) this.#rehash(2 * this.#slots.length);
    if (this.count + 2 > this.#starts.length) {
      const starts = large(Int32Array, 2 * this.#starts.length);
      starts.set(this.#starts);
      this.#starts = starts;
    }
    if (this.#used + key.length > this.#bytes.length) {
      const bytes = large(Uint8Array, Math.max(2 * this.#bytes.length, this.#used + key.length));
      bytes.set(this.#bytes);
      this.#bytes = bytes;
    }
    if (key.length >= this.#lengths.length) {
      const lengths = new Uint8Array(2 * key.length);
      lengths.set(this.#lengths);
      this.#lengths = lengths;
    }
    this.#bytes.set(key, this.#used);
    this.#used += key.length;
    this.#starts[++this.count] = this.#used;
    this.#lengths[key.length] = 1;
    this.longest = Math.max(this.longest, key.length);
    this.#place(this.count - 1);
  }

  #rehash(size: number): void {
    this.#slots = large(Int32Array, size);
    for (let n = 0; n < this.count; n++) this.#place(n);
  }

  #place(n: number): void {
    const key = this.#key(n);
    let slot = this.#slotOf(suffixHash(key), key.length);
    while (this.#slots[slot] !== 0) slot = (slot + 1) & (this.#slots.length - 1);
    this.#slots[slot] = n + 1;
  }

  /** The number of a key, −1 if it is not known. */
  #find(key: Uint8Array): number {
    let slot = this.#slotOf(suffixHash(key), key.length);
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & (this.#slots.length - 1)) {
      if (this.#equals(this.#slots[slot] - 1, key)) return this.#slots[slot] - 1;
    }
    return -1;
  }

  #equals(n: number, key: Uint8Array): boolean {
    const start = this.#starts[n];
    if (this.#starts[n + 1] - start !== key.length) return false;
    for (let k = key.length - 1; k >= 0; k--) if (this.#bytes[start + k] !== key[k]) return false;
    return true;
  }

  #key(n: number): Uint8Array {
    return this.#bytes.subarray(this.#starts[n], this.#starts[n + 1]);
  }

  #slotOf(hash: number, length: number): number {
    return mixedWithLength(hash, length) & (this.#slots.length - 1);
  }
}
