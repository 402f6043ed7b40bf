import { planRegions, RecordHistogram } from '../check/sound/regions.js';
import { OffsetList } from '../columns/offsetlist.js';
import type { AreaVisitor } from './areas.js';
import { AREA_KINDS } from './areas.js';
import type { ClaimKind, Claims } from './claims.js';

/** In a claim's number the kind rides in the low bits; exact up to files of 2^50 bytes. */
const KIND_BITS = 8;
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

/** Claims held at a time: 16 bytes each. */
const HELD = 1 << 19;

export interface PaintOptions {
  /** Claims remembered at a time, where fewer are wanted. */
  readonly held?: number;
  /** Waited for when a part of the file was seen, so that what was made of it need not be kept. */
  readonly afterPart?: () => Promise<void>;
}

/**
 * Cuts a file of `size` bytes into ranges of one kind. A byte that two in force claim, or that is in force and listed as
 * free, is overlapping; damage and what was deleted show only where nothing in force is.
 *
 * The claims are asked for once, and where there are more than are held at a time again for each part of the file, so that
 * memory does not grow with their number, unless very many begin in one place, or end in another part than they begin in.
 */
export async function paint(
  claims: Claims,
  size: number,
  visit: AreaVisitor,
  { held = HELD, afterPart = () => Promise.resolve() }: PaintOptions = {},
): Promise<void> {
  const painter = new Painter(size, visit);
  const histogram = new RecordHistogram(size);
  const part = new PartClaims(held);
  const each = (take: (kind: ClaimKind, from: number, to: number) => void) =>
    claims((kind, offset, length) => {
      const from = Math.max(0, offset);
      const to = Math.min(offset + length, size);
      if (to > from) take(kind, from, to);
    });
  await each((kind, from, to) => {
    histogram.add(from);
    part.add(kind, from, to);
  });
  if (histogram.records === part.length) painter.take(part, size + 1);
  else {
    // Where too many begin in one place there are no parts.
    const regions = planRegions(histogram, held) ?? [{ from: 0, to: size + 1 }];
    for (const region of regions) {
      part.clear(regions.length === 1 ? histogram.records : held);
      await each((kind, from, to) => {
        if (from >= region.from && from < region.to) part.add(kind, from, to);
      });
      painter.take(part, region.to);
      await afterPart();
    }
  }
  painter.end();
  await afterPart();
}

/** Claims that begin in one part of a file: where they begin and where they end, each with its kind. */
class PartClaims {
  readonly #starts = new OffsetList();
  readonly #ends = new OffsetList();
  #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get length(): number {
    return this.#starts.length;
  }

  /** Forgets them; so many may come. */
  clear(most: number): void {
    this.#starts.clear();
    this.#ends.clear();
    this.#most = most;
  }

  /** Adds one, if there is room. */
  add(kind: ClaimKind, from: number, to: number): void {
    if (this.length === this.#most) return;
    const kindNumber = CLAIMS.indexOf(kind);
    this.#starts.push(from * KIND_BITS + kindNumber);
    this.#ends.push(to * KIND_BITS + kindNumber);
  }

  /** Where they begin, sorted. */
  starts(): Float64Array {
    return this.#starts.values().sort();
  }

  /** Where they end, sorted, together with those that ended behind the part before. */
  ends(carried: Float64Array): Float64Array {
    for (const end of carried) this.#ends.push(end);
    return this.#ends.values().sort();
  }
}

/** Goes over claims in order of where they begin and end, and tells the ranges between. */
class Painter {
  readonly #size: number;
  readonly #visit: AreaVisitor;
  /** Claims of each kind that have begun and not ended. */
  readonly #open = new Int32Array(CLAIMS.length);
  #carried: Float64Array = new Float64Array(0);
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

  /** Takes what begins in the next part of the file, which ends before `to`. */
  take(part: PartClaims, to: number): void {
    const starts = part.starts();
    const ends = part.ends(this.#carried);
    const open = this.#open;
    let [s, e] = [0, 0];
    while (s < starts.length || e < ends.length) {
      const next = s < starts.length ? Math.floor(starts[s] / KIND_BITS) : Infinity;
      const end = e < ends.length ? Math.floor(ends[e] / KIND_BITS) : Infinity;
      const begins = next < end;
      // What ends later waits for what begins in the next part.
      if (!begins && end >= to) break;
      this.#advance(begins ? next : end);
      const kind = (begins ? starts[s++] : ends[e++]) % KIND_BITS;
      open[kind] += begins ? 1 : -1;
      this.#cut ||= kind <= FREE;
    }
    // A copy: what it is cut out of is used again.
    this.#carried = ends.slice(e);
  }

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
