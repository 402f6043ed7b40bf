import { numbersBelow } from '../columns/large.js';
import type { RecordRuns } from '../check/sound/recordruns.js';

/** Bytes of a slice at least, and slices at most. */
const MIN_SLICE = 1 << 14;
const MAX_SLICES = 1 << 20;

/** Where the records of a database go in its fresh copy: their runs one after the other, from `base` on. */
export class Places {
  readonly #runs: RecordRuns;
  readonly #base: number;
  /** Of each run where it begins in the copy. */
  readonly #starts: Uint32Array | Float64Array;
  /** Of each slice of the file the last run that begins before it or, for the first ones, the first. */
  readonly #slices: Int32Array;
  readonly #slice: number;
  /** Bytes of all records. */
  readonly bytes: number;

  /** @param base file offset of the first record in the copy */
  constructor(runs: RecordRuns, base: number) {
    this.#runs = runs;
    this.#base = base;
    const size = runs.length === 0 ? 0 : runs.end(runs.length - 1);
    this.#starts = numbersBelow(base + size + 1, runs.length);
    let at = base;
    for (let run = 0; run < runs.length; run++) {
      this.#starts[run] = at;
      at += runs.end(run) - runs.start(run);
    }
    this.bytes = at - base;
    this.#slice = Math.max(MIN_SLICE, 2 ** Math.ceil(Math.log2(Math.max(1, size / MAX_SLICES))));
    this.#slices = new Int32Array(Math.floor(size / this.#slice) + 1);
    for (let slice = 0, run = 0; slice < this.#slices.length; slice++) {
      while (run + 1 < runs.length && runs.start(run + 1) <= slice * this.#slice) run++;
      this.#slices[slice] = run;
    }
  }

  /** File offset in the copy of a record that is at `offset`; one of no bytes may be anywhere. */
  of(offset: number, length: number): number {
    if (length === 0) return this.#base;
    const runs = this.#runs;
    let run = this.#slices[Math.floor(offset / this.#slice)];
    while (run + 1 < runs.length && runs.start(run + 1) <= offset) run++;
    return this.#starts[run] + offset - runs.start(run);
  }
}
