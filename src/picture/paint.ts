import { divide, RecordHistogram } from '../check/regions.js';
import { OffsetList } from '../numbers.js';
import type { AreaVisitor } from './areas.js';
import { AREA_KINDS } from './areas.js';
import type { ClaimKind, Claims } from './claims.js';

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

export interface PaintOptions {
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

/** Where claims begin and end. */
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

/** What a byte is that has so many claims of each kind. */
function judge(open: Int32Array): number {
  let claims = open[FREE];
  for (let kind = 0; kind < FREE; kind++) claims += open[kind];
  if (claims > 1) return OVERLAPPING;
  if (claims === 1 && open[FREE] === 0) return SHOWN[open.findIndex((n) => n > 0)];
  if (open[DAMAGED] > 0) return AREA_KINDS.indexOf('damaged');
  if (open[DELETED] > 0) return AREA_KINDS.indexOf('deleted');
  return open[FREE] > 0 ? AREA_KINDS.indexOf('free') : UNACCOUNTED;
}
