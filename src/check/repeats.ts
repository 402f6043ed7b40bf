import type { Source } from '../source/source.js';
import { sameKey, SMALL_KEY } from './key.js';
import type { ElementMarks } from './marks.js';
import { MARKED, READ, REPEATS, SIGNED, UNSIGNED } from './marks.js';
import type { BucketWords } from './sound/bucketwords.js';

/**
 * Finds keys that a bucket has twice. Many keys have the same hash, so those of one hash are told apart by a second one,
 * and only those that have both are read and compared. Larger keys are told apart when a fresh file is built.
 */
export class RepeatFinder {
  readonly #source: Source;
  readonly #marks: ElementMarks;
  readonly #digests: Uint16Array;
  /** The last element + 1 of a hash, open addressing; a power of two. */
  readonly #last: Int32Array;
  /** Of each element the one of the same hash before it + 1. */
  readonly #before: Int32Array;

  /** @param digests of each element a second hash of its key */
  constructor(source: Source, marks: ElementMarks, digests: Uint16Array) {
    this.#source = source;
    this.#marks = marks;
    this.#digests = digests;
    this.#last = new Int32Array(2 ** Math.ceil(Math.log2(2 * marks.elements + 2)));
    this.#before = new Int32Array(marks.elements);
  }

  /** Marks the elements of a bucket whose key an earlier one has. */
  async mark(site: number, words: BucketWords): Promise<void> {
    const { flags, elements } = this.#marks;
    const last = this.#last.fill(0);
    const before = this.#before;
    const mask = last.length - 1;
    for (let i = 0, at = site * elements; i < elements; i++, at++) {
      if ((flags[at] & READ) === 0 || (flags[at] & (SIGNED | UNSIGNED)) === 0) continue;
      if (words.keySize(i) > SMALL_KEY) continue;
      const hash = words.hash(i);
      let slot = Math.imul(hash, 0x9e3779b1) & mask;
      while (last[slot] !== 0 && words.hash(last[slot] - 1) !== hash) slot = (slot + 1) & mask;
      const among = last[slot] !== 0 && this.#isAmong(site, words, i, last[slot] - 1);
      // Waiting for what is known would take longer than all else here.
      const repeats = typeof among === 'boolean' ? among : await among;
      if (repeats) {
        flags[at] |= REPEATS | MARKED;
        continue;
      }
      before[i] = last[slot];
      last[slot] = i + 1;
    }
  }

  /** Whether an element has the key of one of those of its hash, of which `latest` is the last. */
  #isAmong(site: number, words: BucketWords, i: number, latest: number): Promise<boolean> | boolean {
    const first = site * this.#marks.elements;
    for (let other = latest; other >= 0; other = this.#before[other] - 1) {
      if (this.#digests[first + other] !== this.#digests[first + i]) continue;
      if (words.keySize(other) === words.keySize(i)) return this.#isRepeated(site, words, i, other);
    }
    return false;
  }

  async #isRepeated(site: number, words: BucketWords, i: number, from: number): Promise<boolean> {
    const first = site * this.#marks.elements;
    const key = (n: number) => ({
      offset: words.pointer(n),
      length: words.keySize(n),
      hash: words.hash(n),
      whole: true,
    });
    for (let other = from; other >= 0; other = this.#before[other] - 1) {
      if (this.#digests[first + other] !== this.#digests[first + i]) continue;
      if (words.keySize(other) !== words.keySize(i)) continue;
      if (await sameKey(this.#source, key(other), key(i))) return true;
    }
    return false;
  }
}
