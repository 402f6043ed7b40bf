import { digestOn, keyDigest } from '../format/hash.js';
import type { Source } from '../source/source.js';
import { inLookupOrder } from '../format/home.js';
import { sameKey, SMALL_KEY } from './key.js';
import type { ElementMarks } from './marks.js';
import { MARKED, READ, REPEATS, SIGNED, UNSIGNED } from './marks.js';
import type { BucketWords } from './sound/bucketwords.js';

/**
 * Finds keys that a bucket has twice, among those whose hash is suspected. Many keys have the same hash, so those of one
 * hash are told apart by a second one, and only those that have both are compared. Larger keys are told apart when a fresh
 * file is built.
 */
export class RepeatFinder {
  readonly #source: Source;
  readonly #marks: ElementMarks;
  /** Of each element of the bucket, if it is suspected, the second hash of its key. */
  readonly #digests: Int32Array;
  /** The last element + 1 of both hashes, open addressing; a power of two. */
  readonly #last: Int32Array;
  /** Of each element the one of the same two hashes before it + 1. */
  readonly #before: Int32Array;

  readonly #isSuspect: (hash: number) => boolean;

  /** @param isSuspect whether a key with a hash may be there twice */
  constructor(source: Source, marks: ElementMarks, isSuspect: (hash: number) => boolean) {
    this.#source = source;
    this.#marks = marks;
    this.#isSuspect = isSuspect;
    this.#digests = new Int32Array(marks.elements);
    this.#last = new Int32Array(2 ** Math.ceil(Math.log2(2 * marks.elements + 2)));
    this.#before = new Int32Array(marks.elements);
  }

  /** Marks the elements of a bucket whose key one has to which a lookup comes earlier. */
  async mark(site: number, words: BucketWords): Promise<void> {
    const { flags, elements } = this.#marks;
    const found: number[] = [];
    for (let i = 0, at = site * elements; i < elements; i++, at++) {
      if ((flags[at] & READ) === 0 || (flags[at] & (SIGNED | UNSIGNED)) === 0) continue;
      if (words.keySize(i) <= SMALL_KEY && this.#isSuspect(words.hash(i))) found.push(i);
    }
    if (found.length < 2) return;
    const suspects = inLookupOrder(found, (i) => words.hash(i), elements);
    for (const i of suspects) {
      const key = await this.#source.read(words.pointer(i), words.keySize(i));
      this.#digests[i] = digestOn(keyDigest(key.length), key, key.length);
    }
    const last = this.#last.fill(0);
    const before = this.#before;
    const mask = last.length - 1;
    for (const i of suspects) {
      const hash = words.hash(i);
      const digest = this.#digests[i];
      let slot = Math.imul(hash ^ digest, 0x9e3779b1) >>> Math.clz32(mask);
      while (last[slot] !== 0 && !this.#isAlike(words, last[slot] - 1, hash, digest))
        slot = (slot + 1) & mask;
      const among = last[slot] !== 0 && this.#isAmong(words, i, last[slot] - 1);
      // Waiting for what is known would take longer than all else here.
      const repeats = among === false ? false : await among;
      if (repeats) {
        flags[site * elements + i] |= REPEATS | MARKED;
        continue;
      }
      before[i] = last[slot];
      last[slot] = i + 1;
    }
  }

  #isAlike(words: BucketWords, other: number, hash: number, digest: number): boolean {
    return words.hash(other) === hash && this.#digests[other] === digest;
  }

  /** Whether an element has the key of one of those of its two hashes, of which `latest` is the last. */
  async #isAmong(words: BucketWords, i: number, latest: number): Promise<boolean> {
    const key = (n: number) => ({
      offset: words.pointer(n),
      length: words.keySize(n),
      hash: words.hash(n),
      whole: true,
    });
    for (let other = latest; other >= 0; other = this.#before[other] - 1) {
      if (words.keySize(other) !== words.keySize(i)) continue;
      if (await sameKey(this.#source, key(other), key(i))) return true;
    }
    return false;
  }
}
