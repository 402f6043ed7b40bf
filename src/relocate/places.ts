import { numbersBelow } from '../columns/large.js';
import type { RecordRuns } from '../check/sound/recordruns.js';

/** Of so many runs, a power of two, one is remembered. */
const STEP_BITS = 3;
const STEP = 1 << STEP_BITS;

/**
 * Where the records of a database go in its fresh copy: their runs one after the other, from `base` on. Memory: half a byte
 * for each run, twice that where the copy is of more than 4 GiB.
 */
export class Places {
  readonly #runs: RecordRuns;
  readonly #base: number;
  /** Of each eighth run where it begins in the copy. */
  readonly #starts: Uint32Array | Float64Array;
  /** Bytes of all records. */
  readonly bytes: number;

  /** @param base file offset of the first record in the copy */
  constructor(runs: RecordRuns, base: number) {
    this.#runs = runs;
    this.#base = base;
    const size = runs.length === 0 ? 0 : runs.end(runs.length - 1);
    this.#starts = numbersBelow(base + size + 1, Math.ceil(runs.length / STEP));
    let at = base;
    for (let run = 0; run < runs.length; run++) {
      if (run % STEP === 0) this.#starts[run >>> STEP_BITS] = at;
      at += runs.end(run) - runs.start(run);
    }
    this.bytes = at - base;
  }

  /** File offset in the copy of a record that is at `offset`; one of no bytes may be anywhere. */
  of(offset: number, length: number): number {
    if (length === 0) return this.#base;
    const runs = this.#runs;
    const run = runs.runAt(offset);
    let at = this.#starts[run >>> STEP_BITS] + offset - runs.start(run);
    for (let n = run & -STEP; n < run; n++) at += runs.end(n) - runs.start(n);
    return at;
  }
}
