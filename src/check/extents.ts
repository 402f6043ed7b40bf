import { numbersBelow, NumberList, addRoom } from '../numbers.js';
import { orderByOffsets } from '../source/ranges.js';
import { MAX_PARTS, PART } from './parts.js';
import type { SpaceKind } from './space.js';
import { SPACE_KINDS } from './space.js';

/** Ranges of a chunk, as a power of two: chunks are never copied to make room. */
const CHUNK_BITS = 14;
const CHUNK = 1 << CHUNK_BITS;

/** A part of the columns. */
interface Chunk {
  readonly offsets: Uint32Array | Float64Array;
  readonly lengths: Uint32Array | Float64Array;
  readonly kinds: Uint8Array;
}

/** Ranges of a file and their kinds, as columns in typed arrays: 13 bytes each, 21 in a file of more than 4 GiB. */
export class Extents {
  length = 0;
  readonly #size: number;
  readonly #chunks: Chunk[] = [];
  /** Numbers of the ranges in order of their offsets; undefined until they are sorted. */
  #order: Uint32Array | undefined;

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.#size = size;
  }

  /** Adds a range; ignores one that is empty or begins outside of the file. */
  add(kind: SpaceKind, offset: number, length: number): void {
    if (!(length > 0 && offset >= 0 && offset < this.#size)) return;
    const at = this.length & (CHUNK - 1);
    if (at === 0) {
      const numbers = () => numbersBelow(this.#size + 1, CHUNK);
      const kinds = new Uint8Array(CHUNK);
      this.#chunks.push({ offsets: numbers(), lengths: numbers(), kinds });
    }
    const chunk = this.#chunks[this.length++ >>> CHUNK_BITS];
    chunk.offsets[at] = offset;
    // A range may reach beyond the file's end, but its length must fit the column.
    chunk.lengths[at] = Math.min(length, Math.max(this.#size, 2 ** 32 - 1));
    chunk.kinds[at] = SPACE_KINDS.indexOf(kind);
  }

  offset(i: number): number {
    const n = this.#numberOf(i);
    return this.#chunks[n >>> CHUNK_BITS].offsets[n & (CHUNK - 1)];
  }

  /** Bytes. */
  size(i: number): number {
    const n = this.#numberOf(i);
    return this.#chunks[n >>> CHUNK_BITS].lengths[n & (CHUNK - 1)];
  }

  /** An index of SPACE_KINDS. */
  kind(i: number): number {
    const n = this.#numberOf(i);
    return this.#chunks[n >>> CHUNK_BITS].kinds[n & (CHUNK - 1)];
  }

  /** Sorts the ranges by offset; those with the same offset stay in the order in which they were added. */
  sort(): this {
    this.#order = undefined;
    this.#order = orderByOffsets(this.length, (n) => this.offset(n), this.#size);
    return this;
  }

  #numberOf(i: number): number {
    return this.#order === undefined ? i : this.#order[i];
  }
}

/** Longest range, in bytes, that fits one number together with its place. */
export const LONGEST = 2 ** 16 - 1;
const SIZES = 2 ** 16;

/** Numbers of a chunk, as a power of two. */
const FREE_CHUNK_BITS = 5;
const FREE_CHUNK = 1 << FREE_CHUNK_BITS;
/** Numbers of a piece of memory, as a power of two; only the first piece is ever copied to make room. */
const PIECE_BITS = 18;
const PIECE = 1 << PIECE_BITS;

/**
 * Short ranges of free space by the part of the file in which they begin: 4 bytes for each, because a file that was
 * much changed has half as many of them as records. They are visited in order of their offsets, and sorted a part at
 * a time.
 */
export class FreeParts {
  /** Index of the next number of each part; a multiple of a chunk's length if no chunk has room. */
  readonly #next: Int32Array;
  readonly #pieces = [new Uint32Array(1024)];
  /** Previous chunk of the same part, for each chunk; −1 for none. */
  readonly #before = new NumberList();
  #part = -1;
  /** Ranges of the current part: each has its place in the part and its length. */
  #sorted = new Uint32Array(0);
  #given = 0;

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.#next = new Int32Array(Math.floor(size / PART) + 1);
  }

  /** Memory of the ranges, in bytes. */
  get room(): number {
    return 4 * PIECE * (this.#pieces.length - 1) + 4 * this.#pieces[this.#pieces.length - 1].length;
  }

  /** Adds a range inside the file of 1 to {@link LONGEST} bytes. */
  add(offset: number, length: number): void {
    const part = Math.floor(offset / PART);
    let at = this.#next[part];
    if ((at & (FREE_CHUNK - 1)) === 0) {
      // `at` is the end of the part's previous chunk; it is 0 only if there is none, which gives −1.
      this.#before.push(at / FREE_CHUNK - 1);
      at = (this.#before.length - 1) * FREE_CHUNK;
      const last = this.#pieces.length - 1;
      if (at === last * PIECE + this.#pieces[last].length) {
        addRoom(this.#pieces, PIECE, (length) => new Uint32Array(length));
      }
    }
    this.#pieces[at >>> PIECE_BITS][at & (PIECE - 1)] = (offset - part * PART) * SIZES + length;
    this.#next[part] = at + 1;
  }

  /** Goes to the first range, when all have been added. */
  begin(): void {
    this.#part = -1;
    this.#given = this.#sorted.length;
    this.advance();
  }

  /** File offset of the current range; infinite behind the last one. */
  get offset(): number {
    if (this.#given === this.#sorted.length) return Number.POSITIVE_INFINITY;
    return this.#part * PART + Math.floor(this.#sorted[this.#given] / SIZES);
  }

  /** Bytes of the current range. */
  get length(): number {
    return this.#sorted[this.#given] % SIZES;
  }

  /** Goes to the next range. */
  advance(): void {
    if (this.#given < this.#sorted.length && ++this.#given < this.#sorted.length) return;
    while (++this.#part < this.#next.length) {
      if (this.#next[this.#part] === 0) continue;
      this.#sorted = this.#numbersOf(this.#part).sort();
      this.#given = 0;
      return;
    }
    this.#sorted = new Uint32Array(0);
    this.#given = 0;
  }

  /** Returns the parts of all ranges that may have bytes from one offset to before another. */
  partsOver(from: number, to: number): readonly [first: number, end: number] {
    const first = Math.max(0, Math.floor((from - LONGEST) / PART));
    return [first, Math.min(this.#next.length, Math.floor((to - 1) / PART) + 1)];
  }

  /**
   * Returns alternating beginnings and ends of a part's ranges, in order; those that touch or overlap are joined to
   * one.
   */
  joined(part: number): Float64Array {
    const numbers = this.#numbersOf(part).sort();
    const borders = new Float64Array(2 * numbers.length);
    let used = 0;
    for (const number of numbers) {
      const offset = part * PART + Math.floor(number / SIZES);
      const end = offset + (number % SIZES);
      if (used > 0 && offset <= borders[used - 1]) borders[used - 1] = Math.max(end, borders[used - 1]);
      else {
        borders[used++] = offset;
        borders[used++] = end;
      }
    }
    return borders.slice(0, used);
  }

  #numbersOf(part: number): Uint32Array<ArrayBuffer> {
    let count = 0;
    this.#eachChunk(part, (numbers) => (count += numbers.length));
    const all = new Uint32Array(count);
    this.#eachChunk(part, (numbers) => all.set(numbers, (count -= numbers.length)));
    return all;
  }

  #eachChunk(part: number, visit: (numbers: Uint32Array) => void): void {
    let end = this.#next[part];
    while (end > 0) {
      const chunk = (end - 1) >>> FREE_CHUNK_BITS;
      const from = chunk * FREE_CHUNK;
      const piece = this.#pieces[from >>> PIECE_BITS];
      visit(piece.subarray(from & (PIECE - 1), ((end - 1) & (PIECE - 1)) + 1));
      end = (this.#before.at(chunk) + 1) * FREE_CHUNK;
    }
  }
}

const FREE = SPACE_KINDS.indexOf('free');

/** Ranges that are no record, to be visited in order of their offsets. */
export class Structures {
  /** All but short ranges of free space. */
  readonly extents: Extents;
  /** Short ranges of free space; there may be half as many of them as records. */
  readonly free: FreeParts;
  #offset = 0;
  #length = 0;
  #kind = 0;
  readonly #isParted: boolean;
  #next = 0;
  /** File offset of the next one of {@link extents}. */
  #nextOffset = 0;

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.extents = new Extents(size);
    // A larger file would have more parts than there is room for.
    this.#isParted = size / PART < MAX_PARTS;
    this.free = new FreeParts(this.#isParted ? size : 0);
  }

  /** Adds a range; ignores one that is empty or begins outside of the file. */
  add(kind: SpaceKind, offset: number, length: number): void {
    if (this.#isParted && kind === 'free' && length > 0 && length <= LONGEST) this.free.add(offset, length);
    else this.extents.add(kind, offset, length);
  }

  /** Goes to the first range, when all have been added. */
  begin(): void {
    this.extents.sort();
    this.free.begin();
    this.#next = -1;
    this.#advanceExtents();
    this.advance();
  }

  /** File offset of the current range; infinite behind the last one. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes of the current range. */
  get length(): number {
    return this.#length;
  }

  /** Kind of the current range, an index of SPACE_KINDS. */
  get kind(): number {
    return this.#kind;
  }

  /** Goes to the next range. */
  advance(): void {
    const { extents, free } = this;
    const short = free.offset;
    if (this.#nextOffset <= short) {
      this.#offset = this.#nextOffset;
      if (this.#offset === Number.POSITIVE_INFINITY) return;
      this.#length = extents.size(this.#next);
      this.#kind = extents.kind(this.#next);
      this.#advanceExtents();
    } else {
      this.#offset = short;
      this.#length = free.length;
      this.#kind = FREE;
      free.advance();
    }
  }

  #advanceExtents(): void {
    const next = ++this.#next;
    this.#nextOffset = next < this.extents.length ? this.extents.offset(next) : Number.POSITIVE_INFINITY;
  }
}
