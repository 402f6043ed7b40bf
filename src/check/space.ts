import { OrderedOffsets } from '../numbers.js';
import type { Range, RangeList } from '../source/ranges.js';
import type { Finding, FindingList } from './finding.js';
import { finding } from './finding.js';

/** What bytes of a file are. */
export const SPACE_KINDS = ['header', 'directory', 'bucket', 'avail', 'record', 'free'] as const;
export type SpaceKind = (typeof SPACE_KINDS)[number];

/** Of each kind whether it proves what it is; lists of free space may be wrong themselves. */
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
  /** Ranges that are claimed more than once, all of them. */
  readonly overlapCount: number;
  readonly overreaching: OverreachingRecords;
  /** Where records follow each other without a byte between; undefined where two share a byte, or nobody asked. */
  readonly runs?: RecordRuns | undefined;
  /** Whether a structure or a record in force has any byte of a range. */
  readonly isUsed: (offset: number, length: number) => boolean;
  /** Ranges that no structure or record in force has any byte of, in order. */
  readonly unused: () => RangeList;
  /** The largest ranges that nothing claims, in order of offset. */
  readonly gaps: readonly { offset: number; length: number }[];
}

/**
 * Records inside which another record, a bucket or the directory begins. Both say that they were stored; the one that reaches
 * over the other's beginning has a wrong size.
 */
export interface OverreachingRecords {
  /** How many there are. */
  readonly size: number;
  /** Whether a record of so many bytes, key and value, at a file offset is one. */
  readonly has: (offset: number, length: number) => boolean;
}

/** A range claimed more than once, and by which extents. */
export interface Overlap {
  readonly offset: number;
  readonly length: number;
  /** At most {@link MAX_CLAIMS}, the longest among them. */
  readonly claims: readonly Extent[];
  /** What kinds all of its claims are. */
  readonly kinds: ReadonlySet<SpaceKind>;
}

export const MAX_OVERLAPS = 1000;
export const MAX_CLAIMS = 8;

export const NONE_OVERREACHING: OverreachingRecords = { size: 0, has: () => false };

/** The space between runs of bytes in use, in order: there may be millions of them, and no object is kept of any. */
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

/** What is wrong with a list of free space, so that libgdbm does not know all that it lists. */
const UNREAD_FREE = ['avail-count', 'avail-chain', 'avail-loop', 'avail-entry', 'bucket-avail'] as const;

/**
 * Findings from the account of a file's bytes: what is claimed twice, and what nothing claims.
 *
 * @param earlier what was found in the structures
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

/** More runs than this are another kind of file: 32 MiB of memory. */
const MAX_RUNS = 1 << 23;

/**
 * Where records follow each other without a byte between them, as runs in order of their file offsets: 4 bytes for each, and
 * 4 for each 8 KiB of the file, see {@link OrderedOffsets}.
 */
export class RecordRuns {
  length = 0;
  /** Where runs begin and end by turns, but for the end of the last one. */
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

  /**
   * Adds a range of a byte or more that is not before the last one.
   *
   * @returns false where it begins before the last one ends, or there are too many runs to remember
   */
  add(offset: number, end: number): boolean {
    if (offset > this.#lastEnd) {
      if (this.length === MAX_RUNS) return false;
      this.#begin(offset);
    } else if (offset < this.#lastEnd) return false;
    this.#lastEnd = end;
    return true;
  }

  /** Adds a range of a byte or more that does not begin before the last one began, and may overlap it. */
  cover(offset: number, end: number): void {
    if (offset > this.#lastEnd) this.#begin(offset);
    if (end > this.#lastEnd) this.#lastEnd = end;
  }

  /** The last run that begins at or before an offset; −1 where none does. */
  runAt(offset: number): number {
    // Half of the borders up to there are ends, or one less than half.
    return ((this.#borders.firstAfter(offset) + 1) >>> 1) - 1;
  }

  #begin(offset: number): void {
    if (this.length++ > 0) this.#borders.push(this.#lastEnd);
    this.#borders.push(offset);
  }
}
