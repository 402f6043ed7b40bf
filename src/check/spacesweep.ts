import { Gaps } from './gaps.js';
import { RecordRuns } from './sound/recordruns.js';
import type { Extent, Overlap, SpaceAccount, SpaceKind } from './space.js';
import { extentName, MAX_CLAIMS, MAX_OVERLAPS, SPACE_KINDS } from './space.js';
import { UnusedSpace } from './unused.js';

/** Lists of free space may be wrong themselves; the others prove what they are. */
const IN_FORCE = SPACE_KINDS.map((kind) => kind !== 'free' && kind !== 'avail');
const RECORD = SPACE_KINDS.indexOf('record');

interface OpenExtent extends Extent {
  readonly end: number;
  readonly rank: number;
}

interface OpenOverlap {
  readonly offset: number;
  length: number;
  /** The first claims by rank, in its order. */
  readonly first: OpenExtent[];
  /** The longest of the other ones. */
  longest: OpenExtent | undefined;
  readonly kinds: Set<SpaceKind>;
}

/**
 * Accounts for every byte of a file in one sweep over extents that come in order of their offsets, whether they overlap
 * or not. An extent is forgotten when it has ended, so memory does not grow with their number: 8 bytes for each run of
 * bytes in force, and objects only for extents that overlap.
 */
export class SpaceSweep {
  /** Where what is in force follows each other without a byte between. */
  readonly #inForce: RecordRuns;
  readonly #records: RecordRuns;
  #recordsApart = true;
  readonly #size: number;
  readonly #totals = new Float64Array(SPACE_KINDS.length);
  /** Accounted for up to here. */
  #at = 0;
  #overlapping = 0;
  readonly #gaps = new Gaps();
  readonly #overlaps: OpenOverlap[] = [];
  #overlapCount = 0;
  // What is open, as long as it is one: no object is made of it.
  #alone = false;
  #kind = 0;
  #offset = 0;
  #length = 0;
  #end = 0;
  #rank = 0;
  /** What is open, a heap by the end, as soon as there are several. */
  readonly #open: OpenExtent[] = [];
  /** What was opened since the last byte was accounted for. */
  #fresh: OpenExtent[] = [];
  /** The records that began last, all at one offset, as their ends. */
  readonly #lastEnds: number[] = [];
  #lastRecord = -1;
  readonly #overreaching = new Set<string>();

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.#size = size;
    this.#inForce = new RecordRuns(size);
    this.#records = new RecordRuns(size);
  }

  /**
   * Takes an extent, which must not begin before the last one. Empty ones claim nothing.
   *
   * @param kind an index of SPACE_KINDS
   * @param rank by which the claims of an overlap are ordered
   */
  add(kind: number, offset: number, length: number, rank: number): void {
    if (length <= 0 || offset >= this.#size) return;
    const end = Math.min(offset + length, this.#size);
    if (IN_FORCE[kind]) {
      if (this.#lastRecord < offset && this.#lastEnds.length > 0) this.#judgeLast(offset);
      this.#inForce.cover(offset, end);
    }
    if (this.#open.length === 0 && (!this.#alone || this.#end <= offset)) {
      this.#closeAlone();
      this.#begin(kind, offset, length, end, rank);
    } else {
      if (this.#alone) this.#toHeap();
      this.#advance(offset);
      if (this.#open.length === 0) this.#begin(kind, offset, length, end, rank);
      else this.#push({ kind: SPACE_KINDS[kind], offset, length, end, rank });
    }
    if (kind !== RECORD) return;
    this.#lastRecord = offset;
    this.#lastEnds.push(offset + length);
    this.#recordsApart &&= this.#records.add(offset, end);
  }

  /** What every byte is. */
  finish(): SpaceAccount {
    this.#closeAlone();
    this.#advance(this.#size);
    this.#skipTo(this.#size);
    const bytes = Object.fromEntries(SPACE_KINDS.map((kind, i) => [kind, this.#totals[i]]));
    return {
      bytes: {
        ...(bytes as Record<SpaceKind, number>),
        overlapping: this.#overlapping,
        unaccounted: this.#gaps.bytes,
      },
      overlaps: this.#overlaps.map(told),
      overlapCount: this.#overlapCount,
      overreaching: this.#overreaching,
      runs: this.#recordsApart ? this.#records : undefined,
      isUsed: (offset, length) => this.#isUsed(offset, length),
      unused: () => new UnusedSpace(this.#inForce, this.#size),
      gaps: this.#gaps.largest(),
    };
  }

  #begin(kind: number, offset: number, length: number, end: number, rank: number): void {
    this.#skipTo(offset);
    this.#alone = true;
    this.#kind = kind;
    this.#offset = offset;
    this.#length = length;
    this.#end = end;
    this.#rank = rank;
  }

  #closeAlone(): void {
    if (!this.#alone) return;
    this.#totals[this.#kind] += this.#end - this.#at;
    this.#at = this.#end;
    this.#alone = false;
    if (this.#fresh.length > 0) this.#fresh = [];
  }

  #toHeap(): void {
    this.#alone = false;
    const kind = SPACE_KINDS[this.#kind];
    this.#push({ kind, offset: this.#offset, length: this.#length, end: this.#end, rank: this.#rank });
  }

  /** Accounts for what is open up to an offset, and closes what ends there. */
  #advance(to: number): void {
    while (this.#open.length > 0 && this.#open[0].end <= to) {
      this.#account(this.#open[0].end);
      this.#pop();
    }
    if (this.#open.length > 0) this.#account(to);
  }

  #account(to: number): void {
    const length = to - this.#at;
    if (length <= 0) return;
    if (this.#open.length === 1) this.#totals[SPACE_KINDS.indexOf(this.#open[0].kind)] += length;
    else this.#overlap(length);
    this.#at = to;
    this.#fresh = [];
  }

  #overlap(length: number): void {
    this.#overlapping += length;
    const last = this.#overlaps.at(-1);
    if (last !== undefined && last.offset + last.length === this.#at) {
      last.length += length;
      for (const one of this.#fresh) claim(last, one);
      return;
    }
    this.#overlapCount++;
    if (this.#overlaps.length === MAX_OVERLAPS) return;
    const range = { offset: this.#at, length, first: [], longest: undefined, kinds: new Set<SpaceKind>() };
    for (const one of this.#open) claim(range, one);
    this.#overlaps.push(range);
  }

  #skipTo(offset: number): void {
    const length = offset - this.#at;
    if (length <= 0) return;
    this.#gaps.add(this.#at, length);
    this.#at = offset;
  }

  /** Something in force begins: of the records before it those that have not ended reach over its beginning. */
  #judgeLast(offset: number): void {
    for (const end of this.#lastEnds) {
      if (end > offset) this.#overreaching.add(extentName(this.#lastRecord, end - this.#lastRecord));
    }
    this.#lastEnds.length = 0;
  }

  #push(one: OpenExtent): void {
    const heap = this.#open;
    this.#fresh.push(one);
    let i = heap.push(one) - 1;
    while (i > 0) {
      const parent = (i - 1) >>> 1;
      if (heap[parent].end <= one.end) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = one;
  }

  #pop(): void {
    const heap = this.#open;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].end < heap[child].end) child++;
      if (heap[child].end >= last.end) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
  }

  #isUsed(offset: number, length: number): boolean {
    if (length <= 0) return false;
    const run = this.#inForce.runAt(offset + length - 1);
    return run >= 0 && this.#inForce.end(run) > offset;
  }
}

/** Of the claims of an overlap the first ones are kept, and the longest of the rest. */
function claim(range: OpenOverlap, one: OpenExtent): void {
  const { first } = range;
  range.kinds.add(one.kind);
  let rest: OpenExtent | undefined = one;
  if (first.length < MAX_CLAIMS - 1 || one.rank < first[first.length - 1].rank) {
    let i = first.length;
    while (i > 0 && first[i - 1].rank > one.rank) i--;
    first.splice(i, 0, one);
    rest = first.length === MAX_CLAIMS ? first.pop() : undefined;
  }
  if (rest === undefined) return;
  const { longest } = range;
  const isLonger = longest === undefined || rest.length > longest.length;
  if (isLonger || (rest.length === longest.length && rest.rank < longest.rank)) range.longest = rest;
}

function told({ offset, length, first, longest, kinds }: OpenOverlap): Overlap {
  const claims = longest === undefined ? first : [...first, longest];
  return {
    offset,
    length,
    claims: claims.map((one) => ({ kind: one.kind, offset: one.offset, length: one.length })),
    kinds,
  };
}
