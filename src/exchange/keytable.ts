import { SALT } from '../numbers.js';
import { equalBytes } from '../format/bytes.js';
import { DIGEST, HASH, KEY_SIZE, WORDS } from './batchwords.js';
import type { WalkedBatch } from './batch.js';

/** Records of a batch that are in memory, found by their keys: a table of 8 bytes for each, made anew for each batch in one place. */
export class KeyTable {
  /** The number of a record and 1; 0 where there is none. */
  #slots = new Int32Array(1024);
  #batch: WalkedBatch | undefined;

  load(batch: WalkedBatch): void {
    while (this.#slots.length < 2 * batch.count) this.#slots = new Int32Array(2 * this.#slots.length);
    this.#slots.fill(0);
    this.#batch = batch;
    for (let n = 0; n < batch.count; n++) {
      if (batch.starts[n] < 0) continue;
      let at = this.#home(batch.hashes.words, n);
      while (this.#slots[at] !== 0) at = (at + 1) & (this.#slots.length - 1);
      this.#slots[at] = n + 1;
    }
  }

  /** The record with the key that another batch's has; −1 where there is none in memory. */
  find(other: WalkedBatch, n: number): number {
    const batch = this.#batch;
    if (batch === undefined || other.starts[n] < 0) return -1;
    const { starts, bytes } = batch;
    const { words } = batch.hashes;
    const { words: others } = other.hashes;
    const from = n * WORDS;
    const mask = this.#slots.length - 1;
    for (let at = this.#home(others, n); this.#slots[at] !== 0; at = (at + 1) & mask) {
      const found = this.#slots[at] - 1;
      const to = found * WORDS;
      const isAlike =
        words[to + DIGEST] === others[from + DIGEST] &&
        words[to + HASH] === others[from + HASH] &&
        words[to + KEY_SIZE] === others[from + KEY_SIZE];
      if (!isAlike) continue;
      if (equalRuns(bytes, starts[found], other.bytes, other.starts[n], words[to + KEY_SIZE])) return found;
    }
    return -1;
  }

  #home(words: Int32Array, n: number): number {
    const first = Math.imul(words[n * WORDS + DIGEST] ^ SALT, 0x9e3779b1);
    const mixed = Math.imul(first ^ (first >>> 15) ^ words[n * WORDS + HASH], 0x85ebca6b);
    return (mixed ^ (mixed >>> 13)) & (this.#slots.length - 1);
  }
}

/** Shorter runs are compared here: two views of each would take longer. */
const SHORT = 256;

/** Whether two pieces of memory have the same bytes in a place each. */
export function equalRuns(a: Uint8Array, atA: number, b: Uint8Array, atB: number, size: number): boolean {
  if (size > SHORT) return equalBytes(a.subarray(atA, atA + size), b.subarray(atB, atB + size));
  for (let i = 0; i < size; i++) if (a[atA + i] !== b[atB + i]) return false;
  return true;
}
