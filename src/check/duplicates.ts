import { inLookupOrder } from '../format/bucket.js';
import type { BucketWords } from '../format/bucketwords.js';
import { digestOf } from '../format/hash.js';
import type { Source } from '../source/source.js';
import { SMALL_KEY, sameKey } from './element.js';
import type { ElementMarks } from './marks.js';
import { MARKED, READ, REPEATS, SIGNED, UNSIGNED } from './marks.js';

/**
 * Bits of the filter for each key, and the maximum of the whole filter: 16 MiB. About 800 of the 7 million keys that
 * fill it are false positives (measured).
 */
const BITS_EACH = 16;
const MAX_BITS = 2 ** 27;
/** Words of a block: one cache line. */
const BLOCK_WORDS = 16;

/** Keys added in one batch. */
const WAITING = 256;
/** Maximum number of suspected hashes; more are not a matter of chance. */
const MAX_SUSPECTS = 1 << 16;

/**
 * Finds keys that may be duplicates, in a fixed amount of memory: a Bloom filter of the keys so far, by their hash
 * and a second hash. libgdbm's own hash gives many keys the same value (measured: of a million keys with a running
 * number, nearly three in four share theirs with another key of their bucket).
 */
export class TwinFilter {
  readonly #words: Int32Array;
  readonly #shift: number;
  readonly #suspects = new Set<number>();
  readonly #hashes = new Int32Array(WAITING);
  readonly #digests = new Int32Array(WAITING);
  /** The extra entry stores a value made of the words that are read ahead, so that those reads have a use. */
  readonly #places = new Int32Array(WAITING + 1);
  #waiting = 0;

  /** @param keys number of keys that may share their hash with another key */
  constructor(keys: number) {
    const bits = Math.min(MAX_BITS, 2 ** Math.ceil(Math.log2(Math.max(64 * BLOCK_WORDS, keys * BITS_EACH))));
    this.#words = new Int32Array(bits / 32);
    this.#shift = Math.clz32(this.#words.length / BLOCK_WORDS) + 1;
  }

  /**
   * Adds a key.
   *
   * @returns false if there are too many suspected hashes
   */
  add(hash: number, digest: number): boolean {
    this.#hashes[this.#waiting] = hash;
    this.#digests[this.#waiting] = digest;
    return ++this.#waiting < WAITING || this.#addWaiting();
  }

  #addWaiting(): boolean {
    const words = this.#words;
    const [hashes, digests, places, shift] = [this.#hashes, this.#digests, this.#places, this.#shift];
    const waiting = this.#waiting;
    // 1. Compute the block of each key. No step of this loop depends on the words read here, so that the reads
    //    overlap.
    let touched = 0;
    for (let n = 0; n < waiting; n++) {
      const digest = digests[n];
      let mixed = Math.imul(digest ^ (digest >>> 15), 0x85ebca6b) ^ hashes[n];
      mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
      const at = (mixed >>> shift) * BLOCK_WORDS;
      places[n] = at;
      touched ^= words[at];
    }
    places[WAITING] = touched;
    // 2. Test and set six bits of the block for each key.
    for (let n = 0; n < waiting; n++) {
      const at = places[n];
      const digest = digests[n];
      let bits = (Math.imul(digest ^ (digest >>> 17), 0x27d4eb2f) + hashes[n]) | 0;
      let seen = 1;
      for (let turn = 0; turn < 2; turn++) {
        bits = Math.imul(bits ^ (bits >>> 16), 0x9e3779b1);
        const one = at + ((bits >>> 28) & 15);
        const two = at + ((bits >>> 24) & 15);
        const three = at + ((bits >>> 20) & 15);
        seen &=
          (words[one] >>> (bits >>> 15)) & (words[two] >>> (bits >>> 10)) & (words[three] >>> (bits >>> 5));
        words[one] |= 1 << (bits >>> 15);
        words[two] |= 1 << (bits >>> 10);
        words[three] |= 1 << (bits >>> 5);
      }
      if (seen === 1 && this.#suspects.size <= MAX_SUSPECTS) this.#suspects.add(hashes[n]);
    }
    this.#waiting = 0;
    return this.#suspects.size <= MAX_SUSPECTS;
  }

  /** Returns the hashes of keys that may be duplicates; undefined if there are too many. */
  suspects(): ReadonlySet<number> | undefined {
    return this.#addWaiting() ? this.#suspects : undefined;
  }
}

/** Table places for each element of a bucket, so that few different hashes collide. */
const ROOM = 16;
const MAX_PLACES = 1 << 16;

/**
 * Finds elements that may share their hash with another element of their bucket, in one pass over each bucket, and
 * stores a bit for each element.
 */
export class SharedHashes {
  /** A bit for each element that may share its hash, {@link wordsEach} words for each bucket. */
  readonly bits: Int32Array;
  readonly wordsEach: number;
  /** Number of elements that may share their hash. */
  count = 0;
  /** Last element at each place of the table, as the bucket's {@link #epoch} plus the element's number. */
  readonly #last: Int32Array;
  readonly #shift: number;
  #epoch = 1;

  /** @param elements of a bucket */
  constructor(buckets: number, elements: number) {
    this.wordsEach = Math.ceil(elements / 32);
    this.bits = new Int32Array(buckets * this.wordsEach);
    const places = Math.ceil(Math.log2(Math.min(MAX_PLACES, Math.max(2, elements * ROOM))));
    this.#last = new Int32Array(2 ** places);
    this.#shift = 32 - places;
  }

  /** Sets the bits of a bucket's elements; to be called once for each bucket. */
  mark({ elements, used, usedCount, hashes }: BucketWords, bucket: number): void {
    const { bits } = this;
    const last = this.#last;
    const shift = this.#shift;
    const first = bucket * this.wordsEach;
    if (this.#epoch + elements > 0x7fffffff) {
      this.#epoch = 1;
      last.fill(0);
    }
    const epoch = this.#epoch;
    let { count } = this;
    for (let n = 0; n < usedCount; n++) {
      const i = used[n];
      const place = Math.imul(hashes[i], 0x9e3779b1) >>> shift;
      const other = last[place] - epoch;
      last[place] = epoch + i;
      if (other < 0) continue;
      bits[first + (i >>> 5)] |= 1 << (i & 31);
      const word = first + (other >>> 5);
      const bit = 1 << (other & 31);
      count += (bits[word] & bit) === 0 ? 2 : 1;
      bits[word] |= bit;
    }
    this.count = count;
    this.#epoch = epoch + elements;
  }

  /** Tells whether an element may share its hash. */
  has(bucket: number, i: number): boolean {
    return ((this.bits[bucket * this.wordsEach + (i >>> 5)] >>> (i & 31)) & 1) !== 0;
  }
}

/**
 * Finds keys that a bucket has twice, among those with a suspected hash. Many keys have the same hash, so a second
 * hash separates them, and only keys with both hashes equal are compared. Duplicates of larger keys are found when a
 * fresh file is built.
 */
export class RepeatFinder {
  readonly #source: Source;
  readonly #marks: ElementMarks;
  /** Second hash of each suspected element's key, by the element's number in the bucket. */
  readonly #digests: Int32Array;
  /** Last element + 1 with each pair of hashes: an open-addressing table whose length is a power of two. */
  readonly #last: Int32Array;
  /** Previous element + 1 with the same pair of hashes, for each element. */
  readonly #before: Int32Array;

  readonly #isSuspect: (hash: number) => boolean;

  /** @param isSuspect tells whether a key with a hash may be a duplicate */
  constructor(source: Source, marks: ElementMarks, isSuspect: (hash: number) => boolean) {
    this.#source = source;
    this.#marks = marks;
    this.#isSuspect = isSuspect;
    this.#digests = new Int32Array(marks.elements);
    this.#last = new Int32Array(2 ** Math.ceil(Math.log2(2 * marks.elements + 2)));
    this.#before = new Int32Array(marks.elements);
  }

  /** Marks each element of a bucket whose key an element has that a lookup reaches first. */
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
      this.#digests[i] = digestOf(key);
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
      // Awaiting a known result would take longer than the rest of the loop.
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

  /**
   * Tells whether an element has the key of an earlier element with the same two hashes; `latest` is the last of
   * those.
   */
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
