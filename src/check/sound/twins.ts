import type { Database } from '../../database/database.js';
import { HASH_BITS } from '../../format/hash.js';
import { gather } from '../../source/gather.js';
import { readInto } from '../../source/source.js';
import { BucketWords } from './bucketwords.js';

/** Bits of the filter for each key, and of the whole filter at most: 32 MiB. */
const BITS_EACH = 32;
const MAX_BITS = 2 ** 28;

/** Keys that are added together. */
const WAITING = 256;
/** More keys that may be there twice are no chance. */
const MAX_SUSPECTS = 1 << 16;
/** Bytes of keys that are held to compare them. */
const MAX_HELD = 16 << 20;

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
    const bits = Math.min(MAX_BITS, 2 ** Math.ceil(Math.log2(Math.max(256, keys * BITS_EACH))));
    this.#words = new Int32Array(bits / 32);
    this.#shift = Math.clz32(this.#words.length) + 2;
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
      const at = (mixed >>> shift) << 1;
      places[n] = at;
      touched ^= words[at];
    }
    places[WAITING] = touched;
    // 2. Four bits in two numbers beside each other.
    for (let n = 0; n < waiting; n++) {
      const digest = digests[n];
      let bits = (Math.imul(digest ^ (digest >>> 17), 0x27d4eb2f) + hashes[n]) | 0;
      bits ^= bits >>> 16;
      const low = (1 << (bits & 31)) | (1 << ((bits >>> 5) & 31));
      const high = (1 << ((bits >>> 10) & 31)) | (1 << ((bits >>> 15) & 31));
      const at = places[n];
      const seenLow = words[at];
      const seenHigh = words[at + 1];
      words[at] = seenLow | low;
      words[at + 1] = seenHigh | high;
      if ((seenLow & low) === low && (seenHigh & high) === high) this.#suspects.add(hashes[n]);
    }
    this.#waiting = 0;
    return this.#suspects.size <= MAX_SUSPECTS;
  }

  /**
   * Whether no key with the hash of a suspect is there twice.
   *
   * @param db one whose buckets were found to be in order
   * @returns also false where there are too many to tell
   */
  async areDistinct({ source, format, geometry, directory }: Database): Promise<boolean> {
    if (!this.#addWaiting()) return false;
    if (this.#suspects.size === 0) return true;
    const { bucketSize, bucketElements } = geometry;
    const shift = HASH_BITS - Math.log2(directory.length);
    const offsets = new Set(Array.from(this.#suspects, (hash) => directory[hash >>> shift]));
    const bytes = new Uint8Array(bucketSize);
    const words = new BucketWords(format, bucketSize, bucketElements);
    const found: { hash: number; offset: number; size: number }[] = [];
    let held = 0;
    for (const bucket of [...offsets].sort((a, b) => a - b)) {
      await readInto(source, bucket, bytes);
      words.load(bytes);
      for (let i = 0; i < words.elements; i++) {
        if (words.isFree(i) || !this.#suspects.has(words.hash(i))) continue;
        found.push({ hash: words.hash(i), offset: words.pointer(i), size: words.keySize(i) });
        held += words.keySize(i);
      }
      if (found.length > 4 * MAX_SUSPECTS || held > MAX_HELD) return false;
    }
    const keys = new Set<string>();
    const latin1 = new TextDecoder('latin1');
    const ranges = found.map(({ offset, size }) => ({ offset, length: size }));
    await gather(source, ranges, (i, key) => keys.add(`${found[i].hash} ${latin1.decode(key)}`));
    return keys.size === found.length;
  }
}
