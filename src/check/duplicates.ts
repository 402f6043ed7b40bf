import { inLookupOrder } from '../format/bucket.js';
import type { BucketWords } from '../format/bucketwords.js';
import { digestOf } from '../format/hash.js';
import type { Source } from '../source/source.js';
import { sameKey, SMALL_KEY } from './key.js';
import type { ElementMarks } from './marks.js';
import { MARKED, READ, REPEATS, SIGNED, UNSIGNED } from './marks.js';

/**
 * Bits of the filter for each key, and of the whole filter at most: 16 MiB. Of 7 million keys that fill it some 800 look as
 * if they were there twice (measured).
 */
const BITS_EACH = 16;
const MAX_BITS = 2 ** 27;
/** Words of a block, which one look at memory brings. */
const BLOCK_WORDS = 16;

/** Keys that are added together. */
const WAITING = 256;
/** More keys that may be there twice are no chance. */
const MAX_SUSPECTS = 1 << 16;

/**
 * Finds keys that may be there twice, in a fixed amount of memory: a Bloom filter of the keys so far, by their hash and
 * a second one. libgdbm's own hash gives many keys the same value (measured: of a million keys with a running number
 * nearly three in four share theirs with another one of their bucket).
 */
export class TwinFilter {
  readonly #words: Int32Array;
  readonly #shift: number;
  readonly #suspects = new Set<number>();
  readonly #hashes = new Int32Array(WAITING);
  readonly #digests = new Int32Array(WAITING);
  /** With room for one number more, so that what is read early is used. */
  readonly #places = new Int32Array(WAITING + 1);
  #waiting = 0;

  /** @param keys how many there are that may share their hash with another one */
  constructor(keys: number) {
    const bits = Math.min(MAX_BITS, 2 ** Math.ceil(Math.log2(Math.max(64 * BLOCK_WORDS, keys * BITS_EACH))));
    this.#words = new Int32Array(bits / 32);
    this.#shift = Math.clz32(this.#words.length / BLOCK_WORDS) + 1;
  }

  /**
   * Adds a key.
   *
   * @returns false where too many may be there twice
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
    // 1. Where each is in the filter. Nothing waits for what is read here, so that memory is asked for many at a time.
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
    // 2. Six bits of a block for each.
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

  /** The hashes of which keys may be there twice; undefined where there are too many to tell. */
  suspects(): ReadonlySet<number> | undefined {
    return this.#addWaiting() ? this.#suspects : undefined;
  }
}

/** Places for each element of a bucket, so that few of different hashes meet. */
const ROOM = 16;
const MAX_PLACES = 1 << 16;

/**
 * Tells which elements of buckets may have the hash of another one of their bucket, in one look at each, and remembers
 * it: a bit for each element.
 */
export class SharedHashes {
  /** A bit for each element that may share its hash, {@link wordsEach} words for each bucket. */
  readonly bits: Int32Array;
  readonly wordsEach: number;
  /** Of hashes that look alike the last element, as the bucket's {@link #epoch} and its number. */
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

  /** Takes each bucket once. */
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
    for (let n = 0; n < usedCount; n++) {
      const i = used[n];
      const place = Math.imul(hashes[i], 0x9e3779b1) >>> shift;
      const other = last[place] - epoch;
      last[place] = epoch + i;
      if (other < 0) continue;
      bits[first + (i >>> 5)] |= 1 << (i & 31);
      bits[first + (other >>> 5)] |= 1 << (other & 31);
    }
    this.#epoch = epoch + elements;
  }

  /** Whether an element may share its hash. */
  has(bucket: number, i: number): boolean {
    return ((this.bits[bucket * this.wordsEach + (i >>> 5)] >>> (i & 31)) & 1) !== 0;
  }

  /** How many elements may share their hash. */
  get count(): number {
    let count = 0;
    for (let word of this.bits) for (; word !== 0; word &= word - 1) count++;
    return count;
  }
}

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
