import { Votes } from '../orphans/votes.js';
import type { Piece, Seam } from '../source/layout.js';
import { Layout } from '../source/layout.js';
import type { Range } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { joinRanges } from '../source/sweep.js';
import type { Anchors } from './anchors.js';
import { weights } from '../weights.js';

/*
 * Finds the places of a file's bytes after some were lost, put in or moved.
 *
 * 1. Each anchor has a distance: the offset at which its bytes belong, less the offset at which they stand. Distances of
 *    a single anchor are dropped: an old copy of a key stands anywhere.
 * 2. In the order of the file, the anchors are chosen whose weights, less a cost for each change of the distance, sum up
 *    to the most. From these, the same is chosen in the order in which the bytes belong, so that no two runs of bytes
 *    belong at one place.
 * 3. Runs of anchors with one distance are the cores of the pieces. All bytes of a core are proved to be in their place.
 * 4. Between two cores that belong one behind the other lies a seam. Its place is known as far as the cores allow, and
 *    to a multiple of a sector if the distances differ by whole sectors. The bytes about whose place the possible seams
 *    differ are in doubt.
 */

/** Unit in bytes in which a drive or a copy loses, repeats or moves data. */
export const SECTOR = 512;
/** Maximum number of pieces. */
export const MOST_PIECES = 1 << 12;
/** Number of times that cores grow to the seams whose place is known, which may tell the place of others. */
const GROWTHS = 2;
/** Maximum number of bytes between two cores that are compared as either piece gives them. */
const MOST_COMPARED = 1 << 20;

/** Bytes that are proved to be displaced by one distance. */
export interface Core {
  /** First offset at which they belong. */
  readonly start: number;
  /** Offset after the last one. */
  readonly end: number;
  /** Offset at which a byte belongs, less its present file offset. */
  readonly distance: number;
}

/** Returns true if not all bytes are in their places. */
export function isMoved(cores: readonly Core[]): boolean {
  return cores.length <= MOST_PIECES && cores.some(({ distance }) => distance !== 0);
}

/**
 * Steps 1 to 3.
 *
 * @param told distance of the end of the file, if the header gives it: a single anchor may have it
 */
export function coresOf({ length, belongs, at, sizes, weights }: Anchors, told = 0): Core[] {
  const votes = new Votes();
  for (let n = 0; n < length; n++) votes.add(belongs[n] - at[n]);
  const known = new Set([
    0,
    told,
    ...votes.all().flatMap(([distance, count]) => (count > 1 ? [distance] : [])),
  ]);
  for (let n = 0; n < length; n++) if (weights[n] > 1) known.add(belongs[n] - at[n]);
  const all = Uint32Array.from({ length }, (_, n) => n).filter((n) => known.has(belongs[n] - at[n]));
  const distanceOf = (n: number) => belongs[n] - at[n];
  const inFile = chain(all, at, distanceOf, weights);
  const chosen = chain(inFile, belongs, distanceOf, weights);

  const runs = runsOf(chosen, at, distanceOf);
  // Bytes that stand on both sides of a seam, each where they belong, do not tell where it is.
  const places = placesOfBytes(all, belongs, distanceOf);
  const isTwin = (n: number, distance: number) => places.get(belongs[n])?.includes(distance) === true;
  for (const [n, run] of runs.entries()) {
    const next = runs[n + 1];
    if (next === undefined) break;
    const [own, other] = [distanceOf(run[0]), distanceOf(next[0])];
    while (run.length > 1 && isTwin(run[run.length - 1], other)) run.pop();
    while (next.length > 1 && isTwin(next[0], own)) next.shift();
  }
  return runs.map((run, n) => {
    const end = run.reduce((last, one) => Math.max(last, belongs[one] + sizes[one]), 0);
    const next = runs[n + 1] === undefined ? Infinity : belongs[runs[n + 1][0]];
    // A core may name more bytes than are its own: the next one is where it is.
    return { start: belongs[run[0]], end: Math.min(end, next), distance: distanceOf(run[0]) };
  });
}

/** Anchors, in the order in which their bytes belong, in runs that have one distance and lie together in the file. */
function runsOf(chosen: Uint32Array, at: Float64Array, distanceOf: (anchor: number) => number): number[][] {
  const order = Uint32Array.from(chosen, (_, i) => i).sort((a, b) => at[chosen[a]] - at[chosen[b]]);
  const rank = new Uint32Array(chosen.length);
  for (const [place, i] of order.entries()) rank[i] = place;
  const runs: number[][] = [];
  for (const [i, n] of chosen.entries()) {
    const run = runs.at(-1);
    const isNext = run !== undefined && rank[i] === rank[i - 1] + 1;
    if (isNext && distanceOf(run[0]) === distanceOf(n)) run.push(n);
    else runs.push([n]);
  }
  return runs;
}

/** The distances of bytes that stand at several places, by the offset at which they belong. */
function placesOfBytes(
  some: Uint32Array,
  belongs: Float64Array,
  distanceOf: (anchor: number) => number,
): ReadonlyMap<number, readonly number[]> {
  const order = some.slice().sort((a, b) => belongs[a] - belongs[b]);
  const places = new Map<number, number[]>();
  for (const [i, n] of order.entries()) {
    if (i === 0 || belongs[order[i - 1]] !== belongs[n]) continue;
    const distances = places.get(belongs[n]) ?? [distanceOf(order[i - 1])];
    places.set(belongs[n], distances);
    if (!distances.includes(distanceOf(n))) distances.push(distanceOf(n));
  }
  return places;
}

/** Chooses those of some anchors that weigh most, less the cost of changes of the distance, in the order of `offsets`. */
function chain(
  some: Uint32Array,
  offsets: Float64Array,
  distanceOf: (anchor: number) => number,
  worth: Float32Array,
): Uint32Array {
  const order = some.slice().sort((a, b) => offsets[a] - offsets[b]);
  const sums = new Float64Array(order.length);
  const previous = new Int32Array(order.length);
  /** The best chain that ends with a distance, with one that differs from it by whole sectors, and with any. */
  const sameDistance = new Map<number, number>();
  const wholeSectors = new Map<number, number>();
  let best = -1;
  for (let from = 0, to: number; from < order.length; from = to) {
    const offset = offsets[order[from]];
    for (to = from; to < order.length && offsets[order[to]] === offset; to++) {
      const distance = distanceOf(order[to]);
      const part = remainder(distance);
      const ends: [number | undefined, number][] = [
        [sameDistance.get(distance), 0],
        [wholeSectors.get(part), weights.align.changeBySectors],
        [best, weights.align.change],
      ];
      let most = distance === 0 ? 0 : part === 0 ? -weights.align.changeBySectors : -weights.align.change;
      previous[to] = -1;
      for (const [n, cost] of ends) {
        if (n === undefined || n < 0 || sums[n] - cost < most) continue;
        most = sums[n] - cost;
        previous[to] = n;
      }
      sums[to] = most + worth[order[to]];
    }
    // At one place only one of them can be.
    for (let n = from; n < to; n++) {
      const distance = distanceOf(order[n]);
      const isBetter = (other: number | undefined) =>
        other === undefined || other < 0 || sums[n] > sums[other];
      if (isBetter(sameDistance.get(distance))) sameDistance.set(distance, n);
      if (isBetter(wholeSectors.get(remainder(distance)))) wholeSectors.set(remainder(distance), n);
      if (isBetter(best)) best = n;
    }
  }
  const chosen: number[] = [];
  for (let n = best; n >= 0; n = previous[n]) chosen.push(order[n]);
  return Uint32Array.from(chosen.reverse());
}

/** Step 4. */
export async function layOut(source: Source, known: readonly Core[]): Promise<Layout> {
  const cores = closeCircles(known, source.size);
  const grown = growToSeams(cores, source.size);
  const seams = seamsOf(grown, source.size);
  const pieces: Piece[] = [];
  const doubts: Range[] = [];
  const room = new Room(grown, source.size);
  let start = Math.max(0, grown[0].start - room.before(0));
  if (start > 0) doubts.push({ offset: 0, length: start });
  for (const [n, one] of grown.entries()) {
    const seam = seams[n];
    const end = seam?.first ?? one.end + room.behindLast(pieces[0]?.at);
    pieces.push({ start, at: start - one.distance, length: end - start });
    if (seam === undefined) break;
    const gone = Math.max(0, seam.missing);
    start = seam.first + gone;
    doubts.push(...(await doubtsAt(source, one, grown[n + 1], seam, gone)));
  }
  return new Layout(source, pieces, seams, joinRanges(doubts));
}

/** The bytes beside cores that are in no other core. */
class Room {
  readonly #cores: readonly Core[];
  /** Indexes of the cores in the order of the file. */
  readonly #inFile: Int32Array;
  /** For each core its place in that order. */
  readonly #placeOf: Int32Array;
  readonly #size: number;

  constructor(cores: readonly Core[], size: number) {
    this.#cores = cores;
    this.#size = size;
    this.#inFile = Int32Array.from(cores, (_, n) => n).sort(
      (a, b) => presentStart(cores[a]) - presentStart(cores[b]),
    );
    this.#placeOf = new Int32Array(cores.length);
    for (const [place, n] of this.#inFile.entries()) this.#placeOf[n] = place;
  }

  before(n: number): number {
    const place = this.#placeOf[n];
    const end = place === 0 ? 0 : presentEnd(this.#cores[this.#inFile[place - 1]]);
    return Math.max(0, presentStart(this.#cores[n]) - end);
  }

  behind(n: number): number {
    const next = this.#inFile[this.#placeOf[n] + 1];
    const start = next === undefined ? this.#size : presentStart(this.#cores[next]);
    return Math.max(0, start - presentEnd(this.#cores[n]));
  }

  /**
   * Room behind the core that belongs last.
   *
   * @param first present start of the first piece, which may stand behind the last one
   */
  behindLast(first: number | undefined): number {
    const n = this.#cores.length - 1;
    const isBesideFirst = this.#inFile[this.#placeOf[n] + 1] === 0;
    return first !== undefined && isBesideFirst ? first - presentEnd(this.#cores[n]) : this.behind(n);
  }

  /** Returns true if the next core in the order in which bytes belong is the next one in the file. */
  isBesideNext(n: number): boolean {
    return this.#placeOf[n + 1] === this.#placeOf[n] + 1;
  }
}

function seamsOf(cores: readonly Core[], size: number): Seam[] {
  const room = new Room(cores, size);
  return cores
    .slice(1)
    .map((other, n) =>
      seamBetween(cores[n], other, room.isBesideNext(n), room.behind(n), room.before(n + 1)),
    );
}

/**
 * The same cores, and those of blocks that moved in a circle and of which the others are known: the block that belongs
 * at a gap stands where the circle ends.
 */
function closeCircles(cores: readonly Core[], size: number): readonly Core[] {
  const grown = growToSeams(cores, size);
  const found: Core[] = [];
  for (const [n, { first, last, missing }] of seamsOf(grown, size).entries()) {
    const { distance } = grown[n];
    if (missing <= 0 || first !== last || grown[n + 1].distance !== distance) continue;
    const ownerOf = (offset: number) =>
      grown.find((core) => presentStart(core) <= offset && offset < presentEnd(core));
    let free = first - distance;
    let owner = ownerOf(free);
    for (let steps = 0; owner !== undefined && steps < grown.length; steps++) {
      free += owner.distance - distance;
      owner = ownerOf(free);
    }
    const isInside = free >= 0 && free + missing <= size;
    const isFree = grown.every((one) => presentEnd(one) <= free || presentStart(one) >= free + missing);
    const isMoved = free !== first - distance;
    if (isInside && isFree && isMoved)
      found.push({ start: first, end: first + missing, distance: first - free });
  }
  return [...cores, ...found].sort((a, b) => a.start - b.start);
}

/** The cores up to the seams whose place is known. These tell which of the bytes beside the cores are others'. */
function growToSeams(cores: readonly Core[], size: number): readonly Core[] {
  let grown = cores;
  for (let round = 0; round < GROWTHS; round++) grown = grow(grown, seamsOf(grown, size));
  return grown;
}

/** The same cores, each up to the seams whose place is known and at which nothing is missing. */
function grow(cores: readonly Core[], seams: readonly Seam[]): Core[] {
  const at = seams.map(({ first, last, missing }) => (first === last && missing === 0 ? first : undefined));
  return cores.map(({ start, end, distance }, n) => ({
    start: at[n - 1] ?? start,
    end: at[n] ?? end,
    distance,
  }));
}

export const presentStart = ({ start, distance }: Core) => start - distance;
export const presentEnd = ({ end, distance }: Core) => end - distance;

/** Cores in the order in which they stand in the file. */
export const inFileOrder = (cores: readonly Core[]) =>
  [...cores].sort((a, b) => presentStart(a) - presentStart(b));

/**
 * Finds the places at which the bytes that belong to one core may end.
 *
 * @param isBeside whether no other core lies between them in the file
 * @param behind bytes behind the first core that are in no other one
 * @param before bytes in front of the second core that are in no other one
 */
function seamBetween(one: Core, other: Core, isBeside: boolean, behind: number, before: number): Seam {
  const between = other.start - one.end;
  const change = other.distance - one.distance;
  // A piece that moved leaves no gap, unless neither core has bytes for all that is between them.
  const missing =
    isBeside && other.distance !== one.distance ? change : Math.max(0, between - behind - before);
  const gone = Math.max(0, missing);
  const first = Math.max(one.end, other.start - gone - before);
  const last = Math.max(first, Math.min(other.start - gone, one.end + behind));
  if (change % SECTOR !== 0) return { first, last, missing };
  // Sectors may be those of the file as it was, or of the file as it is.
  const phases = [0, remainder(one.distance)];
  const starts = phases.map((phase) => Math.ceil((first - phase) / SECTOR) * SECTOR + phase);
  const ends = phases.map((phase) => Math.floor((last - phase) / SECTOR) * SECTOR + phase);
  const [from, to] = [Math.min(...starts), Math.max(...ends)];
  return from > to ? { first, last, missing } : { first: from, last: to, missing };
}

/** Bytes by which a distance is more than whole sectors. */
export const remainder = (distance: number) => ((distance % SECTOR) + SECTOR) % SECTOR;

/** Bytes about whose place the possible places of a seam differ. */
async function doubtsAt(
  source: Source,
  one: Core,
  other: Core,
  { first, last }: Seam,
  gone: number,
): Promise<Range[]> {
  if (first === last && gone === 0) return [];
  const all = { offset: first, length: last + gone - first };
  if (gone > 0 || all.length > MOST_COMPARED) return [all];
  const mine = await source.read(first - one.distance, all.length);
  const others = await source.read(first - other.distance, all.length);
  const found: Range[] = [];
  for (let i = 0; i < all.length; i++) {
    if (mine[i] !== others[i]) found.push({ offset: first + i, length: 1 });
  }
  return found;
}
