import type { Source } from '../source/source.js';
import { readInto } from '../source/source.js';
import type { BucketWords } from '../format/bucketwords.js';
import type { SharedHashes } from './duplicates.js';

/** Bytes of a part as a power of two: its keys are looked at in a processor's cache. */
const PART_BITS = 16;
export const PART = 1 << PART_BITS;
const PARTS_EACH = 1 / PART;
/** Bytes of the shortest key that is read by itself: shorter ones have their size beside their place in one number. */
export const LARGE_KEY = 2 ** (32 - PART_BITS) - 1;
/** A larger file, 256 GiB, would have more parts than there is room for. */
export const MAX_PARTS = 1 << 22;

/** Rows that lie beside each other, as a power of two. */
const CHUNK_BITS = 5;
const CHUNK_ROWS = 1 << CHUNK_BITS;
/** Chunks that are not full: 8 MiB. */
const MAX_SPARE = 1 << 14;
/** Numbers of a row: place and key size, hash, `key_start`, data size. */
export const ROW = 4;
const CHUNK = CHUNK_ROWS * ROW;

/** Set in the number of a row's hash, the highest bit, where another element of its bucket may have the same hash. */
export const SHARED = 1 << 31;

/**
 * Elements of many buckets by the part of the file that their records begin in, in no order within it: 16 bytes for each,
 * none an object, and all of a part's beside each other but for pieces of {@link CHUNK_ROWS}. To sort them would take
 * longer than all else that is done with them.
 */
export class RecordParts {
  /** How many records begin in each part, of all that were counted. */
  readonly counts: Uint32Array;
  readonly #rows: Int32Array;
  /** Of each chunk the one before it of the same part; −1 for none. */
  readonly #before: Int32Array;
  /** Of each part where its next row goes; a multiple of a chunk's length where none has room. */
  readonly #next: Int32Array;
  #chunks = 0;
  /** Of rows with a large key its bytes. */
  readonly #large = new Map<number, number>();
  /** Elements that had no room. */
  missed = 0;

  /**
   * @param size of the file in bytes
   * @param capacity elements held at least, unless they are very far apart
   * @param spread bytes of the parts of the file that all that are held at a time begin in, where that is known
   */
  constructor(size: number, capacity: number, spread = size) {
    const parts = Math.floor(size / PART) + 1;
    this.counts = new Uint32Array(parts);
    this.#next = new Int32Array(parts);
    // A part may have one chunk that is not full; where records are so far apart that very many are, not all have room.
    const spare = Math.min(Math.floor(spread / PART) + 2, parts, capacity, MAX_SPARE);
    const chunks = Math.ceil(capacity / CHUNK_ROWS) + spare;
    this.#before = new Int32Array(chunks);
    this.#rows = new Int32Array(chunks * CHUNK);
  }

  get length(): number {
    return this.counts.length;
  }

  /** Numbers that all rows together may have. */
  get room(): number {
    return this.#rows.length;
  }

  /** Of each part the rows that its elements need room for. */
  needed(): Uint32Array {
    return this.counts.map((count) => Math.ceil(count / CHUNK_ROWS) * CHUNK_ROWS);
  }

  /** Whether a part has rows. */
  has(part: number): boolean {
    return this.#next[part] > 0;
  }

  /** Forgets the elements, but not how many there were. */
  clear(): void {
    this.#next.fill(0);
    this.#chunks = 0;
    this.#large.clear();
    this.missed = 0;
  }

  /** Counts the elements in use of a bucket. */
  count(words: BucketWords): void {
    const { used, usedCount, pointers } = words;
    for (let n = 0; n < usedCount; n++) this.counts[Math.floor(pointers[used[n]] * PARTS_EACH)]++;
  }

  /**
   * Takes the elements in use of a bucket, as far as there is room.
   *
   * @param bucket its number in `shared`
   */
  take(words: BucketWords, bucket: number, shared: SharedHashes): void {
    const { bits } = shared;
    const first = bucket * shared.wordsEach;
    const { used, usedCount, pointers, hashes, keySizes, dataSizes, starts } = words;
    for (let n = 0; n < usedCount; n++) {
      const i = used[n];
      const hash = hashes[i] | (((bits[first + (i >>> 5)] >>> (i & 31)) & 1) << 31);
      if (this.push(pointers[i], hash, keySizes[i], dataSizes[i], starts[i]) < 0) this.missed++;
    }
  }

  /**
   * Takes an element.
   *
   * @param hash with {@link SHARED} where it may be another element's, too
   * @returns where its row begins; −1 where there is no room
   */
  push(pointer: number, hash: number, keySize: number, dataSize: number, start: number): number {
    const rows = this.#rows;
    const part = Math.floor(pointer * PARTS_EACH);
    let at = this.#next[part];
    if ((at & (CHUNK - 1)) === 0) {
      const chunk = this.#chunks;
      if (chunk === this.#before.length) return -1;
      this.#chunks++;
      // Where the last one ends; of the first one of all nothing could end at 0.
      this.#before[chunk] = at / CHUNK - 1;
      at = chunk * CHUNK;
    }
    const isLarge = keySize >= LARGE_KEY;
    rows[at] = (pointer - part * PART) | ((isLarge ? LARGE_KEY : keySize) << PART_BITS);
    rows[at + 1] = hash;
    rows[at + 2] = start;
    rows[at + 3] = dataSize;
    this.#next[part] = at + ROW;
    if (isLarge) this.#large.set(at, keySize);
    return at;
  }

  /**
   * Visits the rows of a part, some at a time.
   *
   * @param visit gets where they begin and end in {@link rows}; false ends it
   */
  each(part: number, visit: (from: number, end: number) => boolean): boolean {
    let end = this.#next[part];
    while (end > 0) {
      const chunk = ((end - 1) / CHUNK) | 0;
      if (!visit(chunk * CHUNK, end)) return false;
      end = (this.#before[chunk] + 1) * CHUNK;
    }
    return true;
  }

  /** {@link ROW} numbers for each element; {@link placeOf} and {@link keySizeOf} read the first. */
  get rows(): Int32Array {
    return this.#rows;
  }

  /** Bytes of the large key of a row. */
  largeKeySize(row: number): number {
    return this.#large.get(row) ?? 0;
  }
}

/** Where in its part a record begins, of the first number of its row. */
export function placeOf(first: number): number {
  return first & (PART - 1);
}

/** Bytes of a key, of the first number of its row; {@link LARGE_KEY} for one that is as large or larger. */
export function keySizeOf(first: number): number {
  return first >>> PART_BITS;
}

/** Where records are so far apart, in bytes, each key is read by itself. */
const FAR = 16 * 1024;

/** The keys of one part of a file in memory, each at its place in the part. */
export class PartKeys {
  readonly bytes: Uint8Array;
  /** The same memory. */
  readonly view: DataView;
  readonly #source: Source;
  readonly #parts: RecordParts;

  constructor(source: Source, parts: RecordParts) {
    this.#source = source;
    this.#parts = parts;
    this.bytes = new Uint8Array(PART + LARGE_KEY);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Reads the keys of the rows of a part, but for large ones. */
  async read(part: number): Promise<void> {
    const base = part * PART;
    const { rows } = this.#parts;
    let first = PART;
    let last = 0;
    let count = 0;
    this.#parts.each(part, (from, end) => {
      for (let row = from; row < end; row += ROW) {
        const place = placeOf(rows[row]);
        const length = keySizeOf(rows[row]);
        if (length === LARGE_KEY) continue;
        if (place < first) first = place;
        if (place + length > last) last = place + length;
        count++;
      }
      return true;
    });
    if (count * FAR >= last - first) {
      if (last > first) await readInto(this.#source, base + first, this.bytes.subarray(first, last));
      return;
    }
    const few: number[] = [];
    this.#parts.each(part, (from, end) => {
      for (let row = from; row < end; row += ROW) if (keySizeOf(rows[row]) !== LARGE_KEY) few.push(row);
      return true;
    });
    for (const row of few) {
      const place = placeOf(rows[row]);
      const end = place + keySizeOf(rows[row]);
      await readInto(this.#source, base + place, this.bytes.subarray(place, end));
    }
  }
}

/** Where the records of one part of a file begin, and how long they are: to walk through them in their order. */
export class RecordStarts {
  /** A bit for each byte of the part. */
  readonly #bits = new Int32Array(PART / 32);
  readonly #lengths = new Uint32Array(PART);
  #count = 0;

  /**
   * Adds a record.
   *
   * @param length bytes, at least one
   * @returns false where another one begins there
   */
  add(place: number, length: number): boolean {
    const bit = 1 << (place & 31);
    const bits = this.#bits[place >>> 5];
    if ((bits & bit) !== 0) return false;
    this.#bits[place >>> 5] = bits | bit;
    this.#lengths[place] = length;
    this.#count++;
    return true;
  }

  /**
   * Walks from record to record, and forgets them.
   *
   * @param base file offset of the part
   * @param take gets each stretch of records without a byte between them; false ends it
   * @returns whether no record begins in another one and every call said so
   */
  walk(base: number, take: (offset: number, length: number) => boolean): boolean {
    let left = this.#count;
    for (let start = this.#nextFrom(0); start >= 0;) {
      let end = start;
      do {
        end += this.#lengths[end];
        left--;
      } while (end < PART && (this.#bits[end >>> 5] & (1 << (end & 31))) !== 0);
      if (!take(base + start, end - start)) return false;
      start = end < PART ? this.#nextFrom(end) : -1;
    }
    this.#bits.fill(0);
    this.#count = 0;
    return left === 0;
  }

  /** The first place from one on at which a record begins; −1 for none. */
  #nextFrom(place: number): number {
    let word = place >>> 5;
    let bits = this.#bits[word] & (-1 << (place & 31));
    while (bits === 0) {
      if (++word === this.#bits.length) return -1;
      bits = this.#bits[word];
    }
    return (word << 5) + 31 - Math.clz32(bits & -bits);
  }
}
