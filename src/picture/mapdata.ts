import type { AreaVisitor } from './areas.js';
import { AREA_KINDS, AreaTotals } from './areas.js';
import { AroundPlaces } from './around.js';
import type { MapData } from './pagedata.js';

/** So many ranges are given one by one; a file with more is summarised. */
const MAX_EXACT = 40_000;
const MAX_CELLS = 4096;
const LEAST_CELL = 512;

/**
 * What bytes are, for a page: every range where there are not too many, and otherwise cells of equal size, with every
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
