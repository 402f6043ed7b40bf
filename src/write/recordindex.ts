import { KEY_START } from '../format/bucket.js';
import { HASH_BITS, HASH_RANGE } from '../format/hash.js';
import { passChunks } from '../source/source.js';
import type { BucketFiller } from './frame.js';
import type { Spill } from './sink.js';

/** The range of hashes of one bucket, and its records: those from number `from` to before `to` in order of hashes. */
export interface Partition {
  /** The lowest hash of the range. */
  readonly first: number;
  /** Leading bits that its hashes share. */
  readonly bits: number;
  readonly from: number;
  readonly to: number;
}

/** The limits by which records are divided into buckets. */
export interface Division {
  /** Elements of a bucket. */
  readonly capacity: number;
  /** The deepest split that the directory can show. */
  readonly maxBits: number;
}

/** Spilled records are counted by so many leading bits of their hashes. */
const BIN_BITS = 11;

/**
 * Divides the hashes from `begin` to before `limit` into the ranges of buckets, each the largest aligned range that holds no
 * more records than a bucket has elements: the buckets that splitting would lead to.
 *
 * @param hashes in ascending order
 * @returns undefined where more records than a bucket holds share `maxBits` bits
 */
export function partitionHashes(
  hashes: ArrayLike<number>,
  { capacity, maxBits }: Division,
  begin = 0,
  limit = HASH_RANGE,
): Partition[] | undefined {
  const partitions: Partition[] = [];
  let first = begin;
  let from = 0;
  while (first < limit) {
    let bits = first === 0 ? 0 : HASH_BITS - trailingZeros(first);
    let end = first + 2 ** (HASH_BITS - bits);
    while (end > limit) {
      bits++;
      end = first + 2 ** (HASH_BITS - bits);
    }
    // Split while the record past the bucket's last element is still in the range.
    while (from + capacity < hashes.length && hashes[from + capacity] < end) {
      bits++;
      end = first + 2 ** (HASH_BITS - bits);
    }
    if (bits > maxBits) return undefined;
    let to = from;
    while (to < hashes.length && hashes[to] < end) to++;
    partitions.push({ first, bits, from, to });
    first = end;
    from = to;
  }
  return partitions;
}

function trailingZeros(value: number): number {
  return HASH_BITS - Math.clz32(value & -value);
}

/**
 * Divides bins of hashes into parts of at most so many records that end where a bucket ends: between two halves of a range
 * that has more records than a bucket holds. Where hashes are far from even, parts are larger.
 *
 * @param counts records of each bin
 * @returns the bin past the last of each part
 */
export function divideBins(counts: Uint32Array, most: number, { capacity, maxBits }: Division): number[] {
  const bins = counts.length;
  const bits = Math.log2(bins);
  const before = new Float64Array(bins + 1);
  for (let bin = 0; bin < bins; bin++) before[bin + 1] = before[bin] + counts[bin];
  const isSplitAt = (bin: number) => {
    const alignment = bin & -bin;
    return (
      bits - Math.log2(alignment) <= maxBits && before[bin + alignment] - before[bin - alignment] > capacity
    );
  };
  const ends: number[] = [];
  let begin = 0;
  let last = 0;
  for (let bin = 1; bin < bins; bin++) {
    if (!isSplitAt(bin)) continue;
    if (before[bin] - before[begin] > most && last > begin) {
      ends.push(last);
      begin = last;
    }
    last = bin;
  }
  if (before[bins] - before[begin] > most && last > begin) ends.push(last);
  return [...ends, bins];
}

/** Records of a chunk, as a power of two. */
const CHUNK_BITS = 16;
const IN_CHUNK = (1 << CHUNK_BITS) - 1;
/* The words of a record: its hash, sizes, file offset in two, the key's first bytes and a second hash of the key. */
const WORDS = 7;
const HASH = 0;
const KEY_SIZE = 1;
const DATA_SIZE = 2;
const OFFSET_LOW = 3;
const OFFSET_HIGH = 4;
const START = 5;
const DIGEST = 6;

/** Lower bits of a hash; records are put into bins by the upper ones before each bin is sorted. */
const REST_BITS = 20;
const REST = (1 << REST_BITS) - 1;
const SORT_BINS = 1 << (HASH_BITS - REST_BITS);

/** Bytes of a spilled index that are read together: whole records. */
const PIECE = 4 * WORDS * (1 << 14);
const BIN_SHIFT = HASH_BITS - BIN_BITS;

/**
 * The data that a builder keeps of each record until the buckets are written: 28 bytes, no object. They are in chunks, because
 * one list would be copied, and be in memory twice for a while, each time it is full.
 */
export class RecordIndex {
  #count = 0;
  readonly #chunks: Int32Array<ArrayBuffer>[] = [];

  get count(): number {
    return this.#count;
  }

  /**
   * @param bytes has the key's first bytes at `at`
   * @param digest a second hash of the key, which tells most keys of one hash apart without reading them
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

  /** Adds a record as {@link pieces} gives it: {@link WORDS} numbers from `from` on. */
  addWords(words: Int32Array, from: number): void {
    const i = this.#count++;
    const chunk = this.#chunkOf(i);
    const base = (i & IN_CHUNK) * WORDS;
    for (let n = 0; n < WORDS; n++) chunk[base + n] = words[from + n];
  }

  /** Removes all records; keeps memory for about `room` others. */
  clear(room: number): void {
    this.#count = 0;
    // Some more, because many records come at once.
    this.#chunks.length = Math.min(this.#chunks.length, Math.ceil((1.5 * room) / (IN_CHUNK + 1)));
  }

  /** The words of all records, in pieces. */
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

  /** True unless two keys are known to differ. */
  maySameKey(a: number, b: number): boolean {
    return this.#word(a, DIGEST) === this.#word(b, DIGEST) && this.keySize(a) === this.keySize(b);
  }

  /** Puts a record into a bucket as an element. */
  putElement(i: number, bucket: BucketFiller): void {
    const chunk = this.#chunks[i >>> CHUNK_BITS];
    const at = (i & IN_CHUNK) * WORDS;
    bucket.writer.put(
      bucket.placeFor(chunk[at + HASH]),
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
    // Records are put into bins by the upper bits of their hashes. Then each bin is sorted: the lower bits and the record's
    // number are one number of 52 bits, for which the engine has a fast sort.
    const count = this.#count;
    const ends = new Uint32Array(SORT_BINS + 1);
    for (let i = 0; i < count; i++) ends[(this.hash(i) >>> REST_BITS) + 1]++;
    for (let bin = 0; bin < SORT_BINS; bin++) ends[bin + 1] += ends[bin];
    const packed = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const hash = this.hash(i);
      packed[ends[hash >>> REST_BITS]++] = (hash & REST) * 2 ** 32 + i;
    }
    // The result goes into the same memory: a number of 64 bits is as large as two of 32.
    const pairs = new Uint32Array(packed.buffer, packed.byteOffset, 2 * count);
    for (let bin = 0, from = 0; bin < SORT_BINS; from = ends[bin++]) {
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

/** Records in order of their hashes: the number and the hash of each, 8 bytes. */
export class HashOrder {
  length: number;
  readonly #pairs: Uint32Array;

  /** @param pairs the number and the hash of each record, in order */
  constructor(pairs: Uint32Array) {
    this.#pairs = pairs;
    this.length = pairs.length / 2;
  }

  /** The number of the record at a place of the order. */
  number(n: number): number {
    return this.#pairs[2 * n];
  }

  hash(n: number): number {
    return this.#pairs[2 * n + 1];
  }

  /** Copies the record at place `from` over the one at place `to`. */
  move(from: number, to: number): void {
    this.#pairs[2 * to] = this.#pairs[2 * from];
    this.#pairs[2 * to + 1] = this.#pairs[2 * from + 1];
  }

  numbers(): Uint32Array {
    return Uint32Array.from({ length: this.length }, (_, n) => this.number(n));
  }

  hashes(): Int32Array {
    const hashes = new Int32Array(this.length);
    for (let n = 0; n < hashes.length; n++) hashes[n] = this.hash(n);
    return hashes;
  }
}

/** All records whose hashes are from `begin` to before `limit`. */
interface IndexPart {
  readonly index: RecordIndex;
  readonly begin: number;
  readonly limit: number;
}

/**
 * An index of records with a bound on its memory: the others are in a file beside the one that is being made, 28 bytes each,
 * and are read back by their hashes, a part at a time.
 */
export class SpillingIndex {
  /** Takes the next records. */
  readonly current = new RecordIndex();
  readonly #makeSpill: (() => Promise<Spill>) | undefined;
  #held: number;
  #spill: Spill | undefined;
  /** Spilled records by the leading bits of their hashes. */
  readonly #counts = new Uint32Array(1 << BIN_BITS);

  /**
   * @param makeSpill makes the file; without it all records stay in memory
   * @param held records in memory at most, apart from those that come at once; half as many after the first spill
   */
  constructor(makeSpill: (() => Promise<Spill>) | undefined, held: number) {
    this.#makeSpill = makeSpill;
    this.#held = held;
  }

  /** Spills the records in memory if there are too many; to be called before others are added. */
  async makeRoom(): Promise<void> {
    if (this.current.count < this.#held || this.#makeSpill === undefined) return;
    if (this.#spill === undefined) {
      this.#spill = await this.#makeSpill();
      // With so many records, other structures need more memory, too.
      this.#held = Math.ceil(this.#held / 2);
    }
    await this.#moveTo(this.#spill);
  }

  /** All records, the lowest hashes first. A part is valid until the next one is asked for. */
  async *parts(division: Division): AsyncGenerator<IndexPart> {
    const spill = this.#spill;
    if (spill === undefined) {
      yield { index: this.current, begin: 0, limit: HASH_RANGE };
      return;
    }
    await this.#moveTo(spill);
    let begin = 0;
    for (const end of divideBins(this.#counts, this.#held, division)) {
      await this.#readBack(spill, begin, end);
      yield { index: this.current, begin: begin << BIN_SHIFT, limit: end * 2 ** BIN_SHIFT };
      begin = end;
    }
  }

  /** Gives the file's room back. */
  async close(): Promise<void> {
    await this.#spill?.close();
  }

  async #moveTo(spill: Spill): Promise<void> {
    for (const words of this.current.pieces()) {
      for (let at = HASH; at < words.length; at += WORDS) this.#counts[words[at] >>> BIN_SHIFT]++;
      await spill.write(spill.size, new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
    }
    this.current.clear(this.#held);
  }

  /** Reads the records of some bins back into the index, in the order in which they were added. */
  async #readBack(spill: Spill, begin: number, end: number): Promise<void> {
    const index = this.current;
    index.clear(this.#held);
    for await (const { buffer, byteOffset, byteLength } of passChunks(spill, 0, spill.size, PIECE)) {
      const words = new Int32Array(buffer, byteOffset, byteLength / 4);
      for (let at = 0; at < words.length; at += WORDS) {
        const bin = words[at + HASH] >>> BIN_SHIFT;
        if (bin >= begin && bin < end) index.addWords(words, at);
      }
    }
  }
}
