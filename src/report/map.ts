import { divide, RecordHistogram } from '../check/regions.js';
import { OffsetList, NumberList } from '../numbers.js';
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

const CLAIMS: readonly ClaimKind[] = [
  'header',
  'directory',
  'bucket',
  'avail',
  'record',
  'free',
  'damaged',
  'deleted',
];
const FREE = CLAIMS.indexOf('free');
const DAMAGED = CLAIMS.indexOf('damaged');
const DELETED = CLAIMS.indexOf('deleted');
const UNACCOUNTED = AREA_KINDS.indexOf('unaccounted');
const OVERLAPPING = AREA_KINDS.indexOf('overlapping');
/** As which of all kinds the bytes of one claim are shown. */
const SHOWN = CLAIMS.map((kind) => AREA_KINDS.indexOf(kind));

/** In the number of a border its kind, and whether a claim begins or ends there, ride in the low bits; exact up to 2^49 bytes. */
const KINDS = 8;

/** Borders of claims held at a time: 8 bytes each. */
const HELD = 1 << 20;

interface PaintOptions {
  /** Borders remembered at a time, where fewer are wanted; each claim has two. */
  readonly held?: number;
  /** Waited for when a part of the file was seen, so that what was made of it need not be kept. */
  readonly afterPart?: () => Promise<void>;
}

/**
 * Cuts a file of `size` bytes into ranges of one kind. A byte that two in force claim, or that is in force and listed as
 * free, is overlapping; damage and what was deleted show only where nothing in force is.
 *
 * The claims are asked for once, and where they have more borders than are held at a time again for each part of the file, so
 * that memory does not grow with their number.
 */
export async function paint(
  claims: Claims,
  size: number,
  visit: AreaVisitor,
  { held = HELD, afterPart = () => Promise.resolve() }: PaintOptions = {},
): Promise<void> {
  const painter = new Painter(size, visit);
  const histogram = new RecordHistogram(size);
  const borders = new Borders(held);
  const each = async (take: TakeBorder) =>
    claims((kind, offset, length) => {
      const from = Math.max(0, offset);
      const to = Math.min(offset + length, size);
      if (to <= from) return;
      const number = CLAIMS.indexOf(kind);
      take(from, number, true);
      take(to, number, false);
    });
  await each((at, kind, begins) => {
    histogram.add(at);
    borders.add(at, kind, begins);
  });
  if (histogram.records === borders.length) borders.each(painter.pass);
  else {
    for (const { from, to, records } of await divide(histogram, held, each)) {
      borders.clear();
      await each((at, kind, begins) => {
        if (at < from || at >= to) return;
        // All of more than are held are at one place, in whichever order.
        if (records > held) painter.pass(at, kind, begins);
        else borders.add(at, kind, begins);
      });
      borders.each(painter.pass);
      await afterPart();
    }
  }
  painter.end();
  await afterPart();
}

/** Is told where a claim of a kind begins, or ends. */
type TakeBorder = (at: number, kind: number, begins: boolean) => void;

/** The beginnings and ends of claims. */
class Borders {
  readonly #list = new OffsetList();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get length(): number {
    return this.#list.length;
  }

  clear(): void {
    this.#list.clear();
  }

  /** Adds one, if there is room. */
  add(at: number, kind: number, begins: boolean): void {
    if (this.length < this.#most) this.#list.push((at * KINDS + kind) * 2 + Number(begins));
  }

  /** Tells them in order of their places. */
  each(take: TakeBorder): void {
    for (const border of this.#list.values().sort()) {
      const claim = Math.floor(border / 2);
      take(Math.floor(claim / KINDS), claim % KINDS, border % 2 === 1);
    }
  }
}

/** Goes over the borders of claims in order of their places, and tells the ranges between. */
class Painter {
  readonly #size: number;
  readonly #visit: AreaVisitor;
  /** Claims of each kind that have begun and not ended. */
  readonly #open = new Int32Array(CLAIMS.length);
  #at = 0;
  /** Records that touch stay two ranges; what shows through nowhere cuts none in two. */
  #cut = true;
  /** The range that may still become longer; none as long as its kind is below 0. */
  #kind = -1;
  #from = 0;

  constructor(size: number, visit: AreaVisitor) {
    this.#size = size;
    this.#visit = visit;
  }

  /** Takes the next border. */
  readonly pass: TakeBorder = (at, kind, begins) => {
    this.#advance(at);
    this.#open[kind] += begins ? 1 : -1;
    this.#cut ||= kind <= FREE;
  };

  end(): void {
    this.#advance(this.#size);
    if (this.#kind >= 0) this.#visit(this.#kind, this.#from, this.#at);
  }

  #advance(to: number): void {
    if (to <= this.#at) return;
    const kind = judge(this.#open);
    const joins = kind === UNACCOUNTED || kind === OVERLAPPING || !this.#cut;
    if (kind !== this.#kind || !joins) {
      if (this.#kind >= 0) this.#visit(this.#kind, this.#from, this.#at);
      this.#kind = kind;
      this.#from = this.#at;
    }
    this.#at = to;
    this.#cut = false;
  }
}

/** The kind of a byte by the number of its claims of each kind. */
function judge(open: Int32Array): number {
  let claims = open[FREE];
  for (let kind = 0; kind < FREE; kind++) claims += open[kind];
  if (claims > 1) return OVERLAPPING;
  if (claims === 1 && open[FREE] === 0) return SHOWN[open.findIndex((n) => n > 0)];
  if (open[DAMAGED] > 0) return AREA_KINDS.indexOf('damaged');
  if (open[DELETED] > 0) return AREA_KINDS.indexOf('deleted');
  return open[FREE] > 0 ? AREA_KINDS.indexOf('free') : UNACCOUNTED;
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
