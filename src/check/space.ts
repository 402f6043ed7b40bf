import { OrderedOffsets } from '../numbers.js';
import type { Range, RangeList } from '../source/ranges.js';
import type { Finding, FindingList } from './finding.js';
import { finding } from './finding.js';

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

/** Faults of a list of free space that keep libgdbm from knowing all of the list. */
const UNREAD_FREE = ['avail-count', 'avail-chain', 'avail-loop', 'avail-entry', 'bucket-avail'] as const;

/**
 * Findings from the account of a file's bytes: ranges that are claimed twice, and bytes that nothing claims.
 *
 * @param earlier findings of the structures
 */
export function* judgeSpace(account: SpaceAccount, earlier: FindingList): Generator<Finding> {
  for (const overlap of account.overlaps) yield judgeOverlap(overlap);
  if (account.bytes.unaccounted > 0) {
    const largest = account.gaps.reduce((a, b) => (b.length > a.length ? b : a));
    yield finding(
      'space-unaccounted',
      largest.offset,
      `${account.bytes.unaccounted} bytes, the largest range ${largest.length} at ${largest.offset}`,
      'each byte in use or listed as free',
      UNREAD_FREE.find((code) => earlier.standsByItself(code)),
    );
  }
}

function judgeOverlap({ offset, length, claims, kinds }: Overlap): Finding {
  const free = kinds.has('free');
  const code = !free ? 'space-overlap' : kinds.size === 1 ? 'avail-overlap' : 'avail-live';
  const found = `${length} bytes claimed by ${claims.map(describe).join(' and ')}`;
  return finding(code, offset, found, 'one claim');
}

function describe({ kind, offset, length }: Extent): string {
  return `${kind === 'free' ? 'free space' : kind} ${offset}-${offset + length}`;
}
