import type { RecordRuns } from '../check/sound/recordruns.js';

/** Where the records of a database go in its fresh copy: their runs one after the other, from `base` on. */
export class Places {
  readonly #runs: RecordRuns;
  readonly #base: number;
  /** Of each run where it begins in the copy. */
  readonly #starts: Float64Array;
  /** Bytes of all records. */
  readonly bytes: number;

  /** @param base file offset of the first record in the copy */
  constructor(runs: RecordRuns, base: number) {
    this.#runs = runs;
    this.#base = base;
    this.#starts = new Float64Array(runs.length);
    let at = base;
    for (let run = 0; run < runs.length; run++) {
      this.#starts[run] = at;
      at += runs.end(run) - runs.start(run);
    }
    this.bytes = at - base;
  }

  /** File offset in the copy of a record that is at `offset`; one of no bytes may be anywhere. */
  of(offset: number, length: number): number {
    if (length === 0) return this.#base;
    const run = this.#runs.runAt(offset);
    return this.#starts[run] + offset - this.#runs.start(run);
  }
}
