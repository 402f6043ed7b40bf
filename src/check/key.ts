import { KEY_START } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import type { HashChar } from '../format/hash.js';
import { digestOf, hashKey, isPortableKey, KeyHasher } from '../format/hash.js';
import { gather } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { passChunks } from '../source/source.js';

/** A key somebody wants to hold against an element's hash. */
export interface WantedKey {
  /** File offset. */
  readonly offset: number;
  /** Bytes; the range lies inside the source. */
  readonly length: number;
  /** The hash that the element has. */
  readonly hash: number;
  /** Whether the whole key is wanted, to compare it with another of the same hash. */
  readonly whole: boolean;
}

/** What a key's bytes say of its element. */
export interface KeyEvidence {
  /** By which flavour the key gives the element's hash; undefined if by neither. */
  readonly fits: HashChar | 'either' | undefined;
  /** The key's first bytes as a number, the first one in the lowest place. */
  readonly start: number;
  /** Another hash of the key; only where it was wanted whole and is small. */
  readonly digest: number | undefined;
  /** Whether an element before it has the same key, as somebody found out who compared those of one digest. */
  repeats: boolean;
}

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

/** Reads keys, near ones together, and hashes them. The result is in the order of `wanted`. */
export async function readKeys(source: Source, wanted: readonly WantedKey[]): Promise<KeyEvidence[]> {
  const evidence = new Array<KeyEvidence>(wanted.length);
  const small: number[] = [];
  for (const [n, one] of wanted.entries()) {
    if (one.length <= SMALL_KEY) small.push(n);
    else evidence[n] = await readLargeKey(source, one);
  }
  await gather(
    source,
    small.map((n) => wanted[n]),
    (i, key) => {
      const { hash, whole } = wanted[small[i]];
      evidence[small[i]] = {
        fits: flavourOf(key, hash),
        start: startOf(key),
        digest: whole ? digestOf(key) : undefined,
        repeats: false,
      };
    },
  );
  return evidence;
}

async function readLargeKey(source: Source, { offset, length, hash }: WantedKey): Promise<KeyEvidence> {
  const hasher = new KeyHasher(length);
  for await (const bytes of passChunks(source, offset, length)) hasher.update(bytes);
  const start = await source.read(offset, KEY_START);
  // Two large keys with one hash are told apart by the builder, which compares whole keys.
  const fits = flavour(hash, hasher.signed, hasher.unsigned);
  return { fits, start: startOf(start), digest: undefined, repeats: false };
}

/** The first bytes of a key as a number, the first one in the lowest place; zeroes past its end. */
export function startOf(key: Uint8Array): number {
  let start = 0;
  for (let i = Math.min(KEY_START, key.length) - 1; i >= 0; i--) start = (start << 8) | key[i];
  return start >>> 0;
}

/** Whether two keys of one size are the same. */
export async function sameKey(source: Source, a: WantedKey, b: WantedKey): Promise<boolean> {
  return equalBytes(await source.read(a.offset, a.length), await source.read(b.offset, b.length));
}

function flavourOf(key: Uint8Array, hash: number): HashChar | 'either' | undefined {
  const signed = hashKey(key, 'signed');
  return flavour(hash, signed, isPortableKey(key) ? signed : hashKey(key, 'unsigned'));
}

function flavour(hash: number, signed: number, unsigned: number): HashChar | 'either' | undefined {
  if (hash === signed) return hash === unsigned ? 'either' : 'signed';
  return hash === unsigned ? 'unsigned' : undefined;
}
