import type { RangeList } from '../source/ranges.js';
import type { RecordRuns } from './sound/recordruns.js';

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
