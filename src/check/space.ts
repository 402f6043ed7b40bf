import { NumberList, OffsetList, OrderedOffsets, addRoom } from '../numbers.js';
import type { Range, RangeList } from '../source/ranges.js';
import { orderByOffsets } from '../source/ranges.js';
import { MAX_PARTS, PART } from './parts.js';

/*
 * Ranges of a file in little memory: no range is an object, because a file has millions of them.
 *
 * - `RecordRuns`: ranges that come in order; those that touch become one. `RecordSpace` is the bytes of all records.
 * - `Structures`: ranges that come in any order. Short ranges of free space are held by the part of the file that they
 *   begin in (`FreeParts`), all others as columns (`Extents`).
 * - `UnusedSpace`: what lies between runs.
 */

/** Kinds of bytes in a file. */
export const SPACE_KINDS = ['header', 'directory', 'bucket', 'avail', 'record', 'free'] as const;
export type SpaceKind = (typeof SPACE_KINDS)[number];

/** True for each kind that is in force; lists of free space may be wrong themselves. */
export const IN_FORCE: readonly boolean[] = SPACE_KINDS.map((kind) => kind !== 'free' && kind !== 'avail');

/** A range that a structure or a record claims. */
export interface Extent {
  readonly kind: SpaceKind;
  /** File offset. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** Bytes of each kind; together they are the file. Overlapping bytes are counted once, as `overlapping`. */
export interface SpaceAccount {
  readonly bytes: Record<SpaceKind | 'overlapping' | 'unaccounted', number>;
  /** Ranges that more than one extent claims, in order, at most {@link MAX_OVERLAPS}. */
  readonly overlaps: readonly Overlap[];
  /** Number of ranges that are claimed more than once. */
  readonly overlapCount: number;
  readonly overreaching: OverreachingRecords;
  /** Records that follow each other without a byte between, as runs; undefined where two records share a byte. */
  readonly runs?: RecordRuns | undefined;
  /** Tells whether a structure or a record in force has any byte of a range. */
  readonly isUsed: (offset: number, length: number) => boolean;
  /** Returns the ranges that no structure or record in force has any byte of, in order. */
  readonly unused: () => RangeList;
  /** The largest ranges that nothing claims, in order of offset. */
  readonly gaps: readonly { offset: number; length: number }[];
}

/**
 * Records inside which another record, a bucket or the directory begins. Both seem to be stored; the one that reaches
 * over the other's beginning has a wrong size.
 */
export interface OverreachingRecords {
  /** Number of such records. */
  readonly size: number;
  /** Tells whether a record of so many bytes, key and value, at a file offset is one. */
  readonly has: (offset: number, length: number) => boolean;
}

/** A range claimed more than once, and by which extents. */
export interface Overlap {
  readonly offset: number;
  readonly length: number;
  /** At most {@link MAX_CLAIMS}, the longest among them. */
  readonly claims: readonly Extent[];
  /** The kinds of all its claims. */
  readonly kinds: ReadonlySet<SpaceKind>;
}

export const MAX_OVERLAPS = 1000;
export const MAX_CLAIMS = 8;

/**
 * Ranges in order of their file offsets; those that touch or overlap are joined to one run. Takes 4 bytes for each
 * run, and 4 for each 8 KiB of the file, see {@link OrderedOffsets}.
 */
export class RecordRuns {
  length = 0;
  /** Alternating beginnings and ends of runs, without the end of the last one. */
  readonly #borders: OrderedOffsets;
  #lastEnd = -1;

  /** @param size of the file in bytes, in which all runs end */
  constructor(size: number) {
    this.#borders = new OrderedOffsets(size);
  }

  start(run: number): number {
    return this.#borders.at(2 * run);
  }

  end(run: number): number {
    return run === this.length - 1 ? this.#lastEnd : this.#borders.at(2 * run + 1);
  }

  /** Adds a range of a byte or more that does not begin before the last one began, and may overlap it. */
  cover(offset: number, end: number): void {
    if (offset > this.#lastEnd) {
      if (this.length++ > 0) this.#borders.push(this.#lastEnd);
      this.#borders.push(offset);
    }
    if (end > this.#lastEnd) this.#lastEnd = end;
  }

  /** Returns the last run that begins at or before an offset; −1 if none does. */
  runAt(offset: number): number {
    // Half of the borders up to there are ends, or one less than half.
    return ((this.#borders.firstAfter(offset) + 1) >>> 1) - 1;
  }

  /** Tells whether a run has any byte of a range. */
  touches(offset: number, length: number): boolean {
    if (length <= 0) return false;
    const run = this.runAt(offset + length - 1);
    return run >= 0 && this.end(run) > offset;
  }
}

/**
 * Maximum number of beginnings inside of records that are remembered, 8 MiB of memory: no honest file has more.
 * Records with beginnings beyond these are not recognised as overreaching.
 */
const MAX_BEGINNINGS = 1 << 22;

/** Offsets inside of records at which something else begins, in order. */
export class Beginnings {
  readonly #offsets: OrderedOffsets;

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.#offsets = new OrderedOffsets(size);
  }

  get isEmpty(): boolean {
    return this.#offsets.length === 0;
  }

  add(offset: number): void {
    if (this.#offsets.length < MAX_BEGINNINGS) this.#offsets.push(offset);
  }

  /** Tells whether one of them is inside a record. */
  areIn(offset: number, length: number): boolean {
    const next = this.#offsets.firstAfter(offset);
    return next < this.#offsets.length && this.#offsets.at(next) < offset + length;
  }
}

/** The bytes of all records: added in order of their offsets, whether they overlap or not. */
export class RecordSpace {
  /** Bytes that any record has. */
  readonly runs: RecordRuns;
  /** Bytes that more than one record has. */
  readonly shared: RecordRuns;
  /** Offsets at which a record begins inside of another one. */
  readonly beginnings: Beginnings;
  #start = -1;
  #end = -1;

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.runs = new RecordRuns(size);
    this.shared = new RecordRuns(size);
    this.beginnings = new Beginnings(size);
  }

  /** Adds a record, or several that follow each other without a byte between. */
  add(offset: number, end: number): void {
    if (offset < this.#end) {
      this.shared.cover(offset, Math.min(end, this.#end));
      if (offset > this.#start) this.beginnings.add(offset);
    }
    this.runs.cover(offset, end);
    this.#start = offset;
    if (end > this.#end) this.#end = end;
  }
}

/** Space between runs of bytes in use, in order. There may be millions of ranges, so no object is kept for any. */
export class UnusedSpace implements RangeList {
  readonly #runs: RecordRuns;
  readonly #size: number;
  /** The run before which the first range is. */
  readonly #first: number;
  readonly length: number;

  /** @param size of the file in bytes, in which all runs end */
  constructor(runs: RecordRuns, size: number) {
    this.#runs = runs;
    this.#size = size;
    const count = runs.length;
    this.#first = count > 0 && runs.start(0) === 0 ? 1 : 0;
    const last = (count > 0 ? runs.end(count - 1) : 0) < size ? count : count - 1;
    this.length = Math.max(0, last - this.#first + 1);
  }

  at(index: number): Range | undefined {
    if (!(index >= 0 && index < this.length)) return undefined;
    const run = this.#first + index;
    const offset = run === 0 ? 0 : this.#runs.end(run - 1);
    const end = run === this.#runs.length ? this.#size : this.#runs.start(run);
    return { offset, length: end - offset };
  }

  *[Symbol.iterator](): Generator<Range> {
    for (let i = 0; i < this.length; i++) yield this.at(i)!;
  }
}

/** Ranges of a file and their kinds, to be sorted by their offsets. */
export class Extents {
  readonly #size: number;
  readonly #offsets = new OffsetList();
  readonly #lengths = new OffsetList();
  readonly #kinds = new NumberList();
  /** Numbers of the ranges in order of their offsets, once they are sorted. */
  #order: Uint32Array = new Uint32Array(0);

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.#size = size;
  }

  get length(): number {
    return this.#offsets.length;
  }

  /** Adds a range; ignores one that is empty or begins outside of the file. */
  add(kind: SpaceKind, offset: number, length: number): void {
    if (!(length > 0 && offset >= 0 && offset < this.#size)) return;
    this.#offsets.push(offset);
    this.#lengths.push(length);
    this.#kinds.push(SPACE_KINDS.indexOf(kind));
  }

  offset(i: number): number {
    return this.#offsets.at(this.#order[i]);
  }

  /** Bytes. */
  size(i: number): number {
    return this.#lengths.at(this.#order[i]);
  }

  /** An index of SPACE_KINDS. */
  kind(i: number): number {
    return this.#kinds.at(this.#order[i]);
  }

  /** Sorts the ranges by offset; those with the same offset stay in the order in which they were added. */
  sort(): this {
    this.#order = orderByOffsets(this.length, (n) => this.#offsets.at(n), this.#size);
    return this;
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
