import type { AreaVisitor } from '../map.js';
import { AREA_KINDS, AreaTotals } from '../map.js';
import type { MapData, ExactData } from './pagedata.js';

/** Ranges given one by one at most; a file with more is summarised. */
const MAX_EXACT = 40_000;
const MAX_CELLS = 4096;
const LEAST_CELL = 512;

/**
 * The map of a page: every range where there are not too many, and otherwise cells of equal size, with every
 * range around the places of interest. Memory: some bytes for each range and each cell that is given.
 */
export class MapMaker {
  readonly totals = new AreaTotals();
  readonly #most: number;
  readonly #around: AroundPlaces;
  /** The first ranges, one more than are given at most. */
  readonly #lengths: number[] = [];
  readonly #kinds: number[] = [];
  readonly #cell: number;
  readonly #cells: (number | number[])[] = [];
  /** Bytes of each kind in the cell that is not yet full. */
  readonly #mix: number[] = AREA_KINDS.map(() => 0);
  #filled = 0;

  /**
   * @param size of the file in bytes
   * @param places file offsets inside of it, the most interesting first
   */
  constructor(size: number, places: readonly number[], most = MAX_EXACT) {
    this.#most = most;
    this.#around = new AroundPlaces(size, places, most);
    this.#cell = 2 ** Math.max(Math.log2(LEAST_CELL), Math.ceil(Math.log2(size / MAX_CELLS)));
  }

  readonly visit: AreaVisitor = (kind, from, to) => {
    this.totals.visit(kind, from, to);
    this.#around.visit(kind, from, to);
    if (this.#lengths.length <= this.#most) {
      this.#lengths.push(to - from);
      this.#kinds.push(kind);
    }
    for (let at = from; at < to;) {
      const bytes = Math.min(to - at, this.#cell - this.#filled);
      this.#mix[kind] += bytes;
      this.#filled += bytes;
      at += bytes;
      if (this.#filled === this.#cell) this.#endCell();
    }
  };

  finish(): MapData {
    const { count } = this.totals;
    if (count <= this.#most) {
      const whole = { offset: 0, lengths: this.#lengths, kinds: this.#kinds.join('') };
      return { exact: [whole], cell: 0, cells: [], ranges: count };
    }
    if (this.#filled > 0) this.#endCell();
    return { exact: this.#around.finish(), cell: this.#cell, cells: this.#cells, ranges: count };
  }

  #endCell(): void {
    const some = [...this.#mix.keys()].filter((kind) => this.#mix[kind] > 0);
    this.#cells.push(some.length === 1 ? some[0] : some.flatMap((kind) => [kind, this.#mix[kind]]));
    this.#mix.fill(0);
    this.#filled = 0;
  }
}

/** Bytes around a place of interest that are given exactly in a summarised file. */
export const AROUND = 64 * 1024;

/** The ranges around one place, as far as they came. */
interface Window {
  readonly from: number;
  readonly to: number;
  /** By how interesting the place is, beginning with 0. */
  readonly rank: number;
  /** File offset of the first range. */
  offset: number;
  readonly lengths: number[];
  readonly kinds: number[];
}

/** Keeps the ranges around places of interest, so many at most: what is too much costs the least interesting places. */
class AroundPlaces {
  readonly #most: number;
  /** In the order of the file. */
  #waiting: Window[];
  /** Those that the ranges have come to, in the same order. */
  #begun: Window[] = [];
  /** The first of them that ranges may still come to. */
  #open = 0;
  #kept = 0;

  /**
   * @param size of the file in bytes
   * @param places file offsets inside of it, the most interesting first
   * @param most ranges kept
   */
  constructor(size: number, places: readonly number[], most: number) {
    this.#most = most;
    const windows = places.map((place, rank) => ({
      from: Math.max(0, place - AROUND / 2),
      to: Math.min(size - 1, place + AROUND / 2) + 1,
      rank,
      offset: -1,
      lengths: [],
      kinds: [],
    }));
    this.#waiting = windows.sort((a, b) => b.from - a.from);
  }

  readonly visit: AreaVisitor = (kind, from, to) => {
    while (this.#waiting.length > 0 && this.#waiting.at(-1)!.from < to)
      this.#begun.push(this.#waiting.pop()!);
    // All windows are of one size, but for those at the file's ends.
    while (this.#open < this.#begun.length && this.#begun[this.#open].to <= from) this.#open++;
    for (let i = this.#open; i < this.#begun.length; i++) {
      const window = this.#begun[i];
      if (window.to <= from) continue;
      if (window.offset < 0) window.offset = from;
      window.lengths.push(to - from);
      window.kinds.push(kind);
      this.#kept++;
    }
    if (this.#kept > this.#most) this.#giveUp();
  };

  /** The ranges kept, those of places near each other together. */
  finish(): ExactData[] {
    const joined: { offset: number; lengths: number[]; kinds: number[] }[] = [];
    let end = -1;
    for (const { offset, lengths, kinds } of this.#begun) {
      let at = offset;
      for (const [i, length] of lengths.entries()) {
        const isNew = at >= end;
        if (isNew && at > end) joined.push({ offset: at, lengths: [], kinds: [] });
        if (isNew) {
          const last = joined[joined.length - 1];
          last.lengths.push(length);
          last.kinds.push(kinds[i]);
          end = at + length;
        }
        at += length;
      }
    }
    return joined.map(({ offset, lengths, kinds }) => ({ offset, lengths, kinds: kinds.join('') }));
  }

  /** Gives up the least interesting places, and all behind the first that is too much. */
  #giveUp(): void {
    const byRank = [...this.#begun].sort((a, b) => a.rank - b.rank);
    let left = this.#most;
    const limit = byRank.find(({ lengths }) => (left -= lengths.length) < 0)?.rank ?? Infinity;
    const isKept = ({ rank }: Window) => rank < limit;
    this.#waiting = this.#waiting.filter(isKept);
    this.#begun = this.#begun.filter(isKept);
    this.#open = 0;
    this.#kept = this.#begun.reduce((sum, { lengths }) => sum + lengths.length, 0);
  }
}
