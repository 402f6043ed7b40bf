import type { Database } from '../../database/database.js';
import { HASH_BITS } from '../../format/hash.js';
import { large } from '../../columns/large.js';
import type { Source } from '../../source/source.js';
import { readInto } from '../../source/source.js';
import { BucketWords } from './bucketwords.js';

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
/** Bytes of the suspected keys of one bucket, and how many pairs of keys are compared in all. */
const MAX_HELD = 16 << 20;
const MAX_COMPARED = 1 << 26;

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
    this.#words = large(Int32Array, bits / 32);
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

  /**
   * Whether no key with the hash of a suspect is there twice.
   *
   * @param db one whose buckets were found to be in order
   * @returns also false where there are too many to tell
   */
  async areDistinct({ source, format, geometry, directory }: Database): Promise<boolean> {
    const suspects = this.suspects();
    if (suspects === undefined) return false;
    if (suspects.size === 0) return true;
    const { bucketSize, bucketElements } = geometry;
    const shift = HASH_BITS - Math.log2(directory.length);
    const offsets = new Set(Array.from(suspects, (hash) => directory[hash >>> shift]));
    const bytes = new Uint8Array(bucketSize);
    const words = new BucketWords(format, bucketSize, bucketElements);
    const keys = new HeldKeys(source);
    for (const bucket of [...offsets].sort((a, b) => a - b)) {
      await readInto(source, bucket, bytes);
      words.load(bytes);
      keys.clear();
      for (let n = 0; n < words.usedCount; n++) {
        const i = words.used[n];
        if (!suspects.has(words.hashes[i])) continue;
        if (!(await keys.add(words.hashes[i], words.pointers[i], words.keySizes[i]))) return false;
      }
      // Two of the same key are in one bucket.
      if (!keys.areDistinct()) return false;
    }
    return true;
  }
}

/** Keys of one bucket in memory, which is used again for the next. */
class HeldKeys {
  readonly #source: Source;
  #bytes = new Uint8Array(4096);
  #used = 0;
  #hashes: number[] = [];
  #starts: number[] = [];
  #sizes: number[] = [];
  #compared = 0;

  constructor(source: Source) {
    this.#source = source;
  }

  clear(): void {
    this.#used = 0;
    this.#hashes.length = 0;
    this.#starts.length = 0;
    this.#sizes.length = 0;
  }

  /** Reads a key; false where there is no room for it. */
  async add(hash: number, offset: number, size: number): Promise<boolean> {
    const end = this.#used + size;
    if (end > MAX_HELD) return false;
    if (end > this.#bytes.length) {
      const bigger = new Uint8Array(Math.min(MAX_HELD, 2 * end));
      bigger.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = bigger;
    }
    await readInto(this.#source, offset, this.#bytes.subarray(this.#used, end));
    this.#hashes.push(hash);
    this.#starts.push(this.#used);
    this.#sizes.push(size);
    this.#used = end;
    return true;
  }

  /** Whether no two are the same; false also where too many pairs would have to be compared to tell. */
  areDistinct(): boolean {
    const count = this.#hashes.length;
    this.#compared += (count * (count - 1)) / 2;
    if (this.#compared > MAX_COMPARED) return false;
    for (let a = 0; a < count; a++) {
      for (let b = 0; b < a; b++)
        if (this.#hashes[a] === this.#hashes[b] && this.#areSame(a, b)) return false;
    }
    return true;
  }

  #areSame(a: number, b: number): boolean {
    const bytes = this.#bytes;
    const [atA, atB] = [this.#starts[a], this.#starts[b]];
    const size = this.#sizes[a];
    if (this.#sizes[b] !== size) return false;
    let i = 0;
    while (i < size && bytes[atA + i] === bytes[atB + i]) i++;
    return i === size;
  }
}
