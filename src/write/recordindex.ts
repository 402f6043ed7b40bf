import { KEY_START } from '../format/bucket.js';
import type { BucketWriter } from '../format/bucketwords.js';
import { HASH_BITS } from '../format/hash.js';
import { HashOrder } from './hashorder.js';

/** Records of a chunk, and words of a record. */
const CHUNK_BITS = 16;
const IN_CHUNK = (1 << CHUNK_BITS) - 1;
export const WORDS = 7;
/* The words of a record: its hash, sizes, file offset in two, the key's first bytes and a second hash of the key. */
export const HASH = 0;
const KEY_SIZE = 1;
const DATA_SIZE = 2;
const OFFSET_LOW = 3;
const OFFSET_HIGH = 4;
const START = 5;
const DIGEST = 6;

/** Bits of a hash that a sort takes together, and what divides records into bins before it. */
const REST_BITS = 20;
const REST = (1 << REST_BITS) - 1;
const BINS = 1 << (HASH_BITS - REST_BITS);

/**
 * What a builder remembers of each record until the buckets are written: 28 bytes, no object. They are in chunks, as one
 * piece of memory would have to be made anew, and be there twice for a while, each time it is full.
 */
export class RecordIndex {
  #count = 0;
  readonly #chunks: Int32Array<ArrayBuffer>[] = [];

  get count(): number {
    return this.#count;
  }

  /**
   * @param bytes hold the key's first bytes at `at`
   * @param digest a second hash of the key, to tell most keys of one hash apart without reading them
   */
  add(
    hash: number,
    offset: number,
    keySize: number,
    dataSize: number,
    bytes: Uint8Array,
    at: number,
    digest: number,
  ): void {
    const i = this.#count++;
    const chunk = this.#chunkOf(i);
    const base = (i & IN_CHUNK) * WORDS;
    let start = 0;
    for (let n = 0; n < KEY_START && n < keySize; n++) start |= bytes[at + n] << (8 * n);
    chunk[base + HASH] = hash;
    chunk[base + KEY_SIZE] = keySize;
    chunk[base + DATA_SIZE] = dataSize;
    chunk[base + OFFSET_LOW] = offset | 0;
    chunk[base + OFFSET_HIGH] = offset / 2 ** 32;
    chunk[base + START] = start;
    chunk[base + DIGEST] = digest;
  }

  /** Takes a record as another index has it: {@link WORDS} numbers from `from` on. */
  take(words: Int32Array, from: number): void {
    const i = this.#count++;
    const chunk = this.#chunkOf(i);
    const base = (i & IN_CHUNK) * WORDS;
    for (let n = 0; n < WORDS; n++) chunk[base + n] = words[from + n];
  }

  /** Forgets all records; the memory of so many is used again. */
  clear(room: number): void {
    this.#count = 0;
    // And of some more, as many come at once.
    this.#chunks.length = Math.min(this.#chunks.length, Math.ceil((1.5 * room) / (IN_CHUNK + 1)));
  }

  /** All records as {@link take} takes them, in pieces. */
  *pieces(): Generator<Int32Array<ArrayBuffer>> {
    for (let from = 0; from < this.#count; from += IN_CHUNK + 1) {
      const records = Math.min(IN_CHUNK + 1, this.#count - from);
      yield this.#chunks[from >>> CHUNK_BITS].subarray(0, records * WORDS);
    }
  }

  #chunkOf(i: number): Int32Array {
    const n = i >>> CHUNK_BITS;
    if (n === this.#chunks.length) this.#chunks.push(new Int32Array(WORDS << CHUNK_BITS));
    return this.#chunks[n];
  }

  hash(i: number): number {
    return this.#word(i, HASH);
  }

  /** File offset of the record in the fresh file. */
  offset(i: number): number {
    return this.#word(i, OFFSET_HIGH) * 2 ** 32 + (this.#word(i, OFFSET_LOW) >>> 0);
  }

  keySize(i: number): number {
    return this.#word(i, KEY_SIZE);
  }

  dataSize(i: number): number {
    return this.#word(i, DATA_SIZE);
  }

  /** The second hash of the key. */
  digest(i: number): number {
    return this.#word(i, DIGEST);
  }

  /** Whether two keys may be the same. */
  maySameKey(a: number, b: number): boolean {
    return this.#word(a, DIGEST) === this.#word(b, DIGEST) && this.keySize(a) === this.keySize(b);
  }

  /** Puts a record down as an element of a bucket in the making. */
  putElement(i: number, bucket: BucketWriter, element: number): void {
    const chunk = this.#chunks[i >>> CHUNK_BITS];
    const at = (i & IN_CHUNK) * WORDS;
    bucket.put(
      element,
      chunk[at + HASH],
      chunk[at + START],
      chunk[at + OFFSET_LOW],
      chunk[at + OFFSET_HIGH],
      chunk[at + KEY_SIZE],
      chunk[at + DATA_SIZE],
    );
  }

  #word(i: number, word: number): number {
    return this.#chunks[i >>> CHUNK_BITS][(i & IN_CHUNK) * WORDS + word];
  }

  /** Records in order of their hashes; of equal hashes the earlier record first. */
  orderByHash(): HashOrder {
    // First into bins by the hash's upper bits; then each bin is sorted, of each record the rest of the hash and its
    // number as one number of 52 bits, for which the engine has a sort of its own.
    const count = this.#count;
    const ends = new Uint32Array(BINS + 1);
    for (let i = 0; i < count; i++) ends[(this.hash(i) >>> REST_BITS) + 1]++;
    for (let bin = 0; bin < BINS; bin++) ends[bin + 1] += ends[bin];
    const packed = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const hash = this.hash(i);
      packed[ends[hash >>> REST_BITS]++] = (hash & REST) * 2 ** 32 + i;
    }
    // What is sorted goes into the memory that it was sorted in: a number of 64 bits is as large as two of 32.
    const pairs = new Uint32Array(packed.buffer, packed.byteOffset, 2 * count);
    for (let bin = 0, from = 0; bin < BINS; from = ends[bin++]) {
      if (ends[bin] - from > 1) packed.subarray(from, ends[bin]).sort();
      for (let n = from; n < ends[bin]; n++) {
        const both = packed[n];
        const rest = Math.floor(both / 2 ** 32);
        pairs[2 * n] = both - rest * 2 ** 32;
        pairs[2 * n + 1] = bin * 2 ** REST_BITS + rest;
      }
    }
    return new HashOrder(pairs);
  }
}
