import { KEY_START } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import type { HashChar } from '../format/hash.js';
import type { Range } from '../source/ranges.js';
import type { Source } from '../source/source.js';

/** Evidence of a key's bytes for its element. */
export interface KeyEvidence {
  /** Flavour by which the key gives the element's hash; undefined if neither does. */
  readonly fits: HashChar | 'either' | undefined;
  /** First bytes of the key as a little-endian number. */
  readonly start: number;
  /** True if an earlier element has the same key. */
  readonly repeats: boolean;
}

/**
 * Bytes of keys that are read, as a multiple of the file's size. An honest file's keys do not overlap, so together
 * they are no larger than the file. Elements crafted to point at one huge key would cost the key times as much.
 */
export const KEY_BUDGET = 2;
/** Largest key, in bytes, that is read together with others; larger ones are read by themselves, in pieces. */
export const SMALL_KEY = 64 * 1024;

/**
 * Budget of the bytes of keys that may still be read. Small keys have a budget of their own: a few elements with a
 * wrong key size must not use up the bytes that thousands of sound ones need.
 */
export class KeyBudget {
  #small: number;
  #large: number;

  /** @param bytes budget of small keys, and again that of large ones */
  constructor(bytes: number) {
    this.#small = bytes;
    this.#large = bytes;
  }

  /** Takes a key's bytes from the budget if they fit. */
  allows(length: number): boolean {
    if (length <= SMALL_KEY) {
      if (length > this.#small) return false;
      this.#small -= length;
    } else {
      if (length > this.#large) return false;
      this.#large -= length;
    }
    return true;
  }
}

/** Returns the first bytes of a key as a little-endian number; bytes past its end are zero. */
export function startOf(key: Uint8Array): number {
  let start = 0;
  for (let i = Math.min(KEY_START, key.length) - 1; i >= 0; i--) start = (start << 8) | key[i];
  return start >>> 0;
}

/** Tells whether two keys of one size are the same. */
export async function sameKey(source: Source, a: Range, b: Range): Promise<boolean> {
  return equalBytes(await source.read(a.offset, a.length), await source.read(b.offset, b.length));
}
