import { KEY_START } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import type { HashChar } from '../format/hash.js';
import type { Range } from '../source/ranges.js';
import type { Source } from '../source/source.js';

/** What a key's bytes say of its element. */
export interface KeyEvidence {
  /** By which flavour the key gives the element's hash; undefined if by neither. */
  readonly fits: HashChar | 'either' | undefined;
  /** The key's first bytes as a number, the first one in the lowest place. */
  readonly start: number;
  /** Whether an element before it has the same key. */
  readonly repeats: boolean;
}

/**
 * An honest file's keys do not overlap, so together they are no larger than the file. Elements made to point at
 * one huge key would cost the key times as much; past this factor keys are not read.
 */
export const KEY_BUDGET = 2;
/** Keys up to so many bytes are read together; longer ones by themselves, in pieces. */
export const SMALL_KEY = 64 * 1024;

/**
 * How many bytes of keys may still be read. Small keys have an account of their own: a few elements whose key size
 * is wrong must not use up what thousands of sound ones need.
 */
export class KeyBudget {
  #small: number;
  #large: number;

  /** @param bytes of small keys, and again so many of large ones */
  constructor(bytes: number) {
    this.#small = bytes;
    this.#large = bytes;
  }

  /** Takes the bytes of several small keys from the budget if they all fit. */
  allowsAll(bytes: number): boolean {
    if (bytes > this.#small) return false;
    this.#small -= bytes;
    return true;
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

/** The first bytes of a key as a number, the first one in the lowest place; zeroes past its end. */
export function startOf(key: Uint8Array): number {
  let start = 0;
  for (let i = Math.min(KEY_START, key.length) - 1; i >= 0; i--) start = (start << 8) | key[i];
  return start >>> 0;
}

/** Whether two keys of one size are the same. */
export async function sameKey(source: Source, a: Range, b: Range): Promise<boolean> {
  return equalBytes(await source.read(a.offset, a.length), await source.read(b.offset, b.length));
}
