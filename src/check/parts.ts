import type { BucketWords } from '../format/bucketwords.js';
import type { Source } from '../source/source.js';
import { readInto } from '../source/source.js';
import { APART, READ } from './marks.js';
import type { RecordSpace } from './space.js';

/*
 * Elements and their keys, one part of the file after the other.
 *
 * 1. `RecordParts` holds the elements of all buckets by the part of the file that their records begin in.
 * 2. `PartKeys` reads the keys of a part together.
 * 3. `RecordStarts` puts the records of a part in order, and adds them to the bytes of all records.
 */

/** Bytes of a part, as a power of two: the keys of a part fit a processor's cache. */
const PART_BITS = 16;
export const PART = 1 << PART_BITS;
const PARTS_EACH = 1 / PART;
/**
 * Size in bytes of the shortest key that is read by itself; the size of a shorter one shares a number with its place.
 */
export const LARGE_KEY = 2 ** (32 - PART_BITS) - 1;
/** Parts held at a time: a file of 256 GiB. */
export const MAX_PARTS = 1 << 22;

/** Rows of a chunk, as a power of two. */
const CHUNK_BITS = 5;
const CHUNK_ROWS = 1 << CHUNK_BITS;
/** Maximum number of chunks added for parts whose last chunk is not full: 8 MiB. */
const MAX_SPARE = 1 << 14;
/** Numbers of a row: place and key size, hash, `key_start`, data size, number of the element. */
export const ROW = 5;
const CHUNK = CHUNK_ROWS * ROW;

/** Highest bit of a row's hash, set if another element of its bucket may have the same hash. */
export const SHARED = 1 << 31;

/** Highest bit of a row's data size, set if another bucket rules over its element. */
export const APART_ROW = 1 << 31;

/** A range of parts of a file, from `first` to before `end`. */
export interface PartRange {
  readonly first: number;
  readonly end: number;
}

/**
 * Elements of many buckets by the part of the file in which their records begin: 20 bytes for each, and none an
 * object. The elements of a part lie in chunks of {@link CHUNK_ROWS} and are not sorted, because sorting would take
 * longer than everything else that is done with them. If a file has more parts than {@link MAX_PARTS}, that many are
 * held at a time.
 */
export class RecordParts {
  /** {@link ROW} numbers for each element; {@link placeOf} and {@link keySizeOf} read the first. */
  readonly rows: Int32Array;
  /**
   * Number of records that begin in each slice of the file: a part, or several of a file with very many. They are not
   * counted as long as all have room.
   */
  readonly #counts: Uint32Array;
  readonly #partsOfSlice: number;
  readonly #slicesEach: number;
  /** Number of the first part that may have rows. */
  #first = 0;
  /** Previous chunk of the same part, for each chunk; −1 for none. */
  readonly #before: Int32Array;
  /** Number of the next row of each part; a multiple of a chunk's rows if no chunk has room. */
  readonly #next: Int32Array;
  #chunks = 0;
  /** True if all elements that were added have room. */
  areAllHeld = true;
  /** Bytes of each large key, by row. */
  readonly #large = new Map<number, number>();

  /**
   * @param size of the file in bytes
   * @param capacity minimum number of elements held, unless they are very far apart
   * @param spread bytes of the parts in which the records of all elements held at a time begin, if that is known
   */
  constructor(size: number, capacity: number, spread: number) {
    const parts = Math.floor(size / PART) + 1;
    // A power of two, so that multiplication by its inverse is exact.
    this.#partsOfSlice = 2 ** Math.ceil(Math.log2(Math.max(1, parts / MAX_PARTS)));
    this.#slicesEach = PARTS_EACH / this.#partsOfSlice;
    this.#counts = new Uint32Array(Math.ceil(parts / this.#partsOfSlice));
    this.#next = new Int32Array(Math.min(parts, MAX_PARTS));
    // Each part may have one chunk that is not full. If records are very far apart, such chunks exceed the spare
    // ones, and not all elements have room.
    const spare = Math.min(Math.floor(spread / PART) + 2, parts, capacity, MAX_SPARE);
    const chunks = Math.ceil(capacity / CHUNK_ROWS) + spare;
    this.#before = new Int32Array(chunks);
    this.rows = new Int32Array(chunks * CHUNK);
  }

  /**
   * Divides the file into ranges of parts whose elements all have room at a time. Only a range of a single part may
   * have more elements, if a file was crafted so that very many begin there.
   */
  ranges(): PartRange[] {
    const each = this.#partsOfSlice;
    const room = this.#before.length;
    const ranges: PartRange[] = [];
    let first = 0;
    let chunks = 0;
    const endRange = (end: number) => {
      if (chunks > 0) ranges.push({ first, end });
      first = end;
      chunks = 0;
    };
    for (const [slice, count] of this.#counts.entries()) {
      const from = slice * each;
      // Each part of the slice may have one chunk that is not full.
      const needed = Math.ceil(count / CHUNK_ROWS) + Math.min(count, each - 1);
      if (chunks + needed > room || from + each - first > MAX_PARTS) endRange(from);
      chunks += needed;
      if (chunks <= room) continue;
      for (let part = from; part < from + each; part++) ranges.push({ first: part, end: part + 1 });
      first = from + each;
      chunks = 0;
    }
    endRange(this.#counts.length * each);
    return ranges;
  }

  /** Removes the elements; from then on, takes those of a range of parts. */
  begin(first: number): void {
    this.#first = first;
    this.#next.fill(0);
    this.#chunks = 0;
    this.#large.clear();
  }

  /** Tells whether a part has rows. */
  has(part: number): boolean {
    return this.#next[part - this.#first] > 0;
  }

  /**
   * Counts the elements of a bucket whose keys are to be read, and holds them if there is room. A loop of its own,
   * because each element goes to another place in memory, and a processor waits for several of these at a time.
   *
   * @param flags of all elements, those of the bucket from `first` on
   * @param shared bits of the elements that may share their hash, those of the bucket from word `firstWord` on
   */
  addAll(
    { used, usedCount, pointers, hashes, keySizes, dataSizes, starts }: BucketWords,
    flags: Uint8Array,
    first: number,
    shared: Int32Array,
    firstWord: number,
  ): void {
    for (let n = 0; n < usedCount; n++) {
      const i = used[n];
      const found = flags[first + i];
      if ((found & READ) === 0) continue;
      const pointer = pointers[i];
      if (this.areAllHeld) {
        const hash = hashes[i] | (((shared[firstWord + (i >>> 5)] >>> (i & 31)) & 1) << 31);
        const dataSize = (found & APART) === 0 ? dataSizes[i] : dataSizes[i] | APART_ROW;
        if (this.hold(pointer, hash, keySizes[i], dataSize, starts[i], first + i)) continue;
        this.areAllHeld = false;
        this.#countHeld();
      }
      this.#counts[Math.floor(pointer * this.#slicesEach)]++;
    }
  }

  #countHeld(): void {
    for (let part = 0; part < this.#next.length; part++) {
      this.each(part, (from, end) => {
        this.#counts[Math.floor(part / this.#partsOfSlice)] += (end - from) / ROW;
      });
    }
  }

  /**
   * Holds an element.
   *
   * @param hash with {@link SHARED} if another element of its bucket may have the same one
   * @param dataSize with {@link APART_ROW} if another bucket rules over the element, so that it proves no record in
   *   force
   * @param ordinal number of the element, below 2^32
   * @returns false if there is no room
   */
  hold(
    pointer: number,
    hash: number,
    keySize: number,
    dataSize: number,
    start: number,
    ordinal: number,
  ): boolean {
    const rows = this.rows;
    const part = Math.floor(pointer * PARTS_EACH);
    const slot = part - this.#first;
    let row = this.#next[slot];
    if ((row & (CHUNK_ROWS - 1)) === 0) {
      const chunk = this.#chunks;
      if (chunk === this.#before.length || slot >= this.#next.length) return false;
      this.#chunks++;
      // `row` is the end of the part's previous chunk; it is 0 only if there is none, which gives −1.
      this.#before[chunk] = row / CHUNK_ROWS - 1;
      row = chunk * CHUNK_ROWS;
    }
    this.#next[slot] = row + 1;
    const at = row * ROW;
    const isLarge = keySize >= LARGE_KEY;
    rows[at] = (pointer - part * PART) | ((isLarge ? LARGE_KEY : keySize) << PART_BITS);
    rows[at + 1] = hash;
    rows[at + 2] = start;
    rows[at + 3] = dataSize;
    rows[at + 4] = ordinal;
    if (isLarge) this.#large.set(at, keySize);
    return true;
  }

  /** Visits the rows of a part, some at a time; `visit` gets their beginning and end in {@link rows}. */
  each(part: number, visit: (from: number, end: number) => void): void {
    let end = this.#next[part - this.#first];
    while (end > 0) {
      const chunk = (end - 1) >>> CHUNK_BITS;
      visit(chunk * CHUNK, end * ROW);
      end = (this.#before[chunk] + 1) * CHUNK_ROWS;
    }
  }

  /** Bytes of the large key of a row. */
  largeKeySize(row: number): number {
    return this.#large.get(row) ?? 0;
  }
}

/** The place of a record in its part, from the first number of its row. */
export function placeOf(first: number): number {
  return first & (PART - 1);
}

/** Tells from the data size of a row whether another bucket rules over its element. */
export function isApart(dataSize: number): boolean {
  return dataSize < 0;
}

/** Bytes of a key, from the first number of its row; {@link LARGE_KEY} for one that is as large or larger. */
export function keySizeOf(first: number): number {
  return first >>> PART_BITS;
}

/** Average distance of records, in bytes, beyond which each key is read by itself. */
const FAR = 16 * 1024;

/** The keys of one part of a file in memory, each at its place in the part. */
export class PartKeys {
  readonly bytes: Uint8Array;
  /** View of the same memory. */
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
    });
    if (count * FAR >= last - first) {
      if (last > first) await readInto(this.#source, base + first, this.bytes.subarray(first, last));
      return;
    }
    const few: number[] = [];
    this.#parts.each(part, (from, end) => {
      for (let row = from; row < end; row += ROW) if (keySizeOf(rows[row]) !== LARGE_KEY) few.push(row);
    });
    for (const row of few) {
      const place = placeOf(rows[row]);
      const end = place + keySizeOf(rows[row]);
      await readInto(this.#source, base + place, this.bytes.subarray(place, end));
    }
  }
}

/** Maximum number of beginnings and ends of stretches that are remembered. */
const MAX_STRETCHES = 1 << 12;

/** Beginnings and lengths of the records of one part of a file, to visit the records in order. */
export class RecordStarts {
  /** A bit for each byte of the part. */
  readonly #bits = new Int32Array(PART / 32);
  readonly #lengths = new Uint32Array(PART);
  /** Alternating beginnings and ends of stretches. */
  readonly #stretches = new Uint32Array(MAX_STRETCHES);
  /** Length of the second longest record at places at which several records begin. */
  readonly #seconds = new Map<number, number>();
  #count = 0;

  /** Adds a record of a byte or more. */
  add(place: number, length: number): void {
    const bit = 1 << (place & 31);
    const bits = this.#bits[place >>> 5];
    if ((bits & bit) !== 0) {
      this.#addSecond(place, length);
      return;
    }
    this.#bits[place >>> 5] = bits | bit;
    this.#lengths[place] = length;
    this.#count++;
  }

  #addSecond(place: number, length: number): void {
    const longest = this.#lengths[place];
    const second = Math.min(longest, length);
    if (second > (this.#seconds.get(place) ?? 0)) this.#seconds.set(place, second);
    if (length > longest) this.#lengths[place] = length;
  }

  /**
   * Moves the records to the space of all records.
   *
   * @param base file offset of the part
   */
  moveTo(space: RecordSpace, base: number): void {
    const stretches = this.#findStretches();
    if (stretches !== undefined) {
      for (let n = 0; n < stretches; n += 2)
        space.add(base + this.#stretches[n], base + this.#stretches[n + 1]);
    } else {
      for (let start = this.#nextFrom(0); start >= 0; start = this.#nextFrom(start + 1)) {
        space.add(base + start, base + start + this.#lengths[start]);
        // The two longest records at a place decide which of its bytes several records have.
        const second = this.#seconds.get(start);
        if (second !== undefined) space.add(base + start, base + start + second);
        if (start === PART - 1) break;
      }
    }
    this.#bits.fill(0);
    this.#seconds.clear();
    this.#count = 0;
  }

  /**
   * Finds the stretches of records that follow each other without a byte between.
   *
   * @returns the number of their beginnings and ends; undefined if there are many, or if a record begins inside of
   *   another one
   */
  #findStretches(): number | undefined {
    if (this.#seconds.size > 0) return undefined;
    const [bits, lengths, stretches] = [this.#bits, this.#lengths, this.#stretches];
    let found = 0;
    let left = this.#count;
    for (let start = this.#nextFrom(0); start >= 0;) {
      if (found === MAX_STRETCHES) return undefined;
      let end = start;
      do {
        end += lengths[end];
        left--;
      } while (end < PART && (bits[end >>> 5] & (1 << (end & 31))) !== 0);
      stretches[found++] = start;
      stretches[found++] = end;
      start = end < PART ? this.#nextFrom(end) : -1;
    }
    return left === 0 ? found : undefined;
  }

  /** Returns the first place from `place` on at which a record begins; −1 for none. */
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
