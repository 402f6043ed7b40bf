import { OVERLAPPING, UNACCOUNTED, UseSweep } from '../check/account.js';
import { divide, RecordHistogram } from '../source/regions.js';
import { SPACE_KINDS } from '../check/space.js';
import { NumberList, OffsetList, OffsetSorter } from '../numbers.js';
import type { RowView, StructureView } from './structures.js';
import { derived } from './structures.js';

/**
 * The kinds of bytes in the map of a file. `record`: in force. `deleted`: the bytes of a record that was deleted or
 * replaced, in space that nothing in force has. `damaged`: what should be a structure or a record and is none.
 * `overlapping`: claimed more than once.
 */
export const AREA_KINDS = [
  'header',
  'directory',
  'bucket',
  'avail',
  'record',
  'deleted',
  'free',
  'unaccounted',
  'damaged',
  'overlapping',
] as const;
export type AreaKind = (typeof AREA_KINDS)[number];

/**
 * Sees the whole of a file in ranges of one kind each, in order and without a gap.
 *
 * @param kind an index of {@link AREA_KINDS}
 * @param from file offset
 * @param to file offset of its end
 */
export type AreaVisitor = (kind: number, from: number, to: number) => void;

/** Counts the ranges of a file, and the bytes of each kind. */
export class AreaTotals {
  /** Ranges. */
  count = 0;
  /** Bytes of each kind, in the order of {@link AREA_KINDS}; together they are the file. */
  readonly bytes: number[] = AREA_KINDS.map(() => 0);

  readonly visit: AreaVisitor = (kind, from, to) => {
    this.count++;
    this.bytes[kind] += to - from;
  };
}

/** Kinds of claims; `unaccounted` and `overlapping` follow from the claims. */
export type ClaimKind = Exclude<AreaKind, 'unaccounted' | 'overlapping'>;

/** Claims of a range; parts outside of the file, and empty ones, count for nothing. */
export type Claim = (kind: ClaimKind, offset: number, length: number) => void;

/** Tells all that claims bytes of a file, in any order, and the same each time it is asked. */
export type Claims = (claim: Claim) => Promise<void> | void;

/** The kinds of claims of the account of bytes, then those that show only where none of these is in force. */
const CLAIMS: readonly ClaimKind[] = [...SPACE_KINDS, 'damaged', 'deleted'];
const FREE = CLAIMS.indexOf('free');
const DAMAGED = CLAIMS.indexOf('damaged');
/** Numbers of all kinds by those of the account of bytes. */
const AREA_OF_USE = [...SPACE_KINDS, 'overlapping' as const, 'unaccounted' as const].map((kind) =>
  AREA_KINDS.indexOf(kind),
);
/** Kinds whose ranges are one where they touch, whatever claims them. */
const JOINED = [AREA_OF_USE[OVERLAPPING], AREA_OF_USE[UNACCOUNTED]];

/** The kind of a claim is in the low bits of the number of its beginning; exact up to 2^50 bytes. */
const KINDS = 8;

/** Claims held at a time: 24 bytes each. */
const HELD = 1 << 19;

interface PaintOptions {
  /** Claims remembered at a time, where fewer are wanted. */
  readonly held?: number;
  /** Waited for when a part of the file was seen, so that what was made of it need not be kept. */
  readonly afterPart?: () => Promise<void>;
}

/**
 * Cuts a file of `size` bytes into ranges of one kind, by the account of bytes: a byte that two in force claim, or that is
 * in force and listed as free, is overlapping; damage and what was deleted show only where nothing in force is.
 *
 * The claims are asked for once, and where they are more than are held at a time again for each part of the file, so that
 * memory does not grow with their number.
 */
export async function paint(
  claims: Claims,
  size: number,
  visit: AreaVisitor,
  { held = HELD, afterPart = () => Promise.resolve() }: PaintOptions = {},
): Promise<void> {
  const painter = new Painter(size, visit);
  const histogram = new RecordHistogram(size);
  const list = new ClaimList(held);
  const each = async (take: TakeClaim) =>
    claims((kind, offset, length) => {
      const from = Math.max(0, offset);
      const to = Math.min(offset + length, size);
      if (to > from) take(CLAIMS.indexOf(kind), from, to);
    });
  await each((kind, from, to) => {
    histogram.add(from);
    list.add(kind, from, to);
  });
  if (histogram.records === list.length) list.each(painter.add);
  else {
    for (const part of await divide(histogram, held, (take) => each((_, from) => take(from)))) {
      list.clear();
      await each((kind, from, to) => {
        if (from < part.from || from >= part.to) return;
        // All of more than are held begin at one place, in whichever order.
        if (part.records > held) painter.add(kind, from, to);
        else list.add(kind, from, to);
      });
      list.each(painter.add);
      await afterPart();
    }
  }
  painter.finish();
  await afterPart();
}

/** Takes a claim that is in the file: its kind by number, its beginning and its end. */
type TakeClaim = (kind: number, from: number, to: number) => void;

/** Claims, to be visited in order of their beginnings. */
class ClaimList {
  readonly #beginnings = new OffsetList();
  readonly #ends = new OffsetList();
  readonly #sorter = new OffsetSorter();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get length(): number {
    return this.#beginnings.length;
  }

  clear(): void {
    this.#beginnings.clear();
    this.#ends.clear();
  }

  /** Adds one, if there is room. */
  add(kind: number, from: number, to: number): void {
    if (this.length >= this.#most) return;
    this.#beginnings.push(from * KINDS + kind);
    this.#ends.push(to);
  }

  each(take: TakeClaim): void {
    const beginnings = this.#beginnings.values();
    const last = beginnings.reduce((most, one) => Math.max(most, one), 0);
    for (const i of this.#sorter.orderOf(beginnings, beginnings.length, 0, last + 1)) {
      const beginning = beginnings[i];
      take(beginning % KINDS, Math.floor(beginning / KINDS), this.#ends.at(i));
    }
  }
}

/** Lays damage and what was deleted under the account of bytes, and joins what is one range. */
class Painter {
  readonly #visit: AreaVisitor;
  readonly #sweep: UseSweep;
  /** Ends of the last damaged and of the last deleted range that have begun. */
  #damagedEnd = 0;
  #deletedEnd = 0;
  /** The last place at which something in force, or listed as free, begins. */
  #cut = 0;
  /** The range that may still become longer: its kind, the use of its bytes, and its borders. */
  #kind = -1;
  #use = -1;
  #from = 0;
  #to = 0;

  constructor(size: number, visit: AreaVisitor) {
    this.#visit = visit;
    this.#sweep = new UseSweep(size, (use, from, to) => this.#show(use, from, to));
  }

  /** Takes claims in order of their beginnings. */
  readonly add: TakeClaim = (kind, from, to) => {
    if (kind <= FREE) {
      this.#sweep.add(kind, from, to);
      this.#cut = from;
      return;
    }
    this.#sweep.advance(from);
    if (kind === DAMAGED) this.#damagedEnd = Math.max(this.#damagedEnd, to);
    else this.#deletedEnd = Math.max(this.#deletedEnd, to);
  };

  finish(): void {
    this.#sweep.finish();
    if (this.#to > this.#from) this.#visit(this.#kind, this.#from, this.#to);
  }

  #show(use: number, from: number, to: number): void {
    if (use === FREE || use === UNACCOUNTED) {
      this.#add(AREA_KINDS.indexOf('damaged'), use, from, Math.min(to, this.#damagedEnd));
      this.#add(
        AREA_KINDS.indexOf('deleted'),
        use,
        Math.max(from, this.#damagedEnd),
        Math.min(to, this.#deletedEnd),
      );
      from = Math.max(from, this.#damagedEnd, this.#deletedEnd);
    }
    this.#add(AREA_OF_USE[use], use, from, to);
  }

  #add(kind: number, use: number, from: number, to: number): void {
    if (to <= from) return;
    // Records that touch stay two ranges; what shows through nowhere cuts none in two.
    const isOne = JOINED.includes(kind) || (use === this.#use && from !== this.#cut);
    if (kind !== this.#kind || !isOne) {
      if (this.#to > this.#from) this.#visit(this.#kind, this.#from, this.#to);
      this.#from = from;
    }
    this.#kind = kind;
    this.#use = use;
    this.#to = to;
  }
}

/** Ranges that are shown unless each is wanted. */
const SHOWN_RANGES = 100;

/** Bytes of each kind, and the ranges of a file in order. */
export interface MapView {
  readonly view: StructureView;
  /** True if all ranges are wanted and are too many to hold: then the view has none. */
  readonly isLong: boolean;
  /** The largest numbers of any row, as wide as its columns are. */
  readonly widest: RowView;
}

/**
 * Bytes of each kind, and the first ranges of a file in order; where each is wanted and there are many, none of them: then
 * {@link eachMapRow} gives them.
 *
 * @param size of the file in bytes
 * @param all whether each range is wanted
 */
export async function inspectMap(claims: Claims, size: number, all: boolean): Promise<MapView> {
  const most = all ? 10 * SHOWN_RANGES : SHOWN_RANGES;
  const totals = new AreaTotals();
  const rows: RowView[] = [];
  const widest = { offset: 0, bytes: 0, kind: '' };
  await paint(claims, size, (kind, from, to) => {
    totals.visit(kind, from, to);
    widest.offset = from;
    widest.bytes = Math.max(widest.bytes, to - from);
    if (rows.length < most) rows.push(rowOf(kind, from, to));
  });
  const { bytes, count } = totals;
  const isLong = all && rows.length < count;
  const shown =
    rows.length === count || all ? 'all follow' : `the first ${rows.length} follow; --all shows each`;
  const view = {
    structure: 'map',
    offset: 0,
    size,
    fields: [
      ...AREA_KINDS.map((kind, i) => derived(kind, bytes[i], 'bytes')),
      derived('ranges', count, shown),
    ],
    rows: isLong ? [] : rows,
  };
  return { view, isLong, widest };
}

/**
 * Gives each range of a file as a row.
 *
 * @param take waited for where it gives something to wait for, before more of the file is looked at
 */
export async function eachMapRow(
  claims: Claims,
  size: number,
  take: (row: RowView) => Promise<void> | undefined,
  options: Pick<PaintOptions, 'held'> = {},
): Promise<void> {
  // Numbers, because lines that wait to be written would be ten times as large.
  const kinds = new NumberList();
  const ends = new OffsetList();
  let from = 0;
  const visit: AreaVisitor = (kind, _, to) => {
    kinds.push(kind);
    ends.push(to);
  };
  const afterPart = async () => {
    for (let i = 0; i < kinds.length; i++) {
      const to = ends.at(i);
      const busy = take(rowOf(kinds.at(i), from, to));
      if (busy !== undefined) await busy;
      from = to;
    }
    kinds.clear();
    ends.clear();
  };
  await paint(claims, size, visit, { ...options, afterPart });
}

function rowOf(kind: number, from: number, to: number): RowView {
  return { offset: from, bytes: to - from, kind: AREA_KINDS[kind] };
}
