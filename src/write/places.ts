import { numbersBelow } from '../numbers.js';
import type { RecordRuns } from '../check/space.js';

/** Of so many runs one is remembered where they are many, as a power of two. */
const STEP_BITS = 3;
const MANY = 1 << 20;

/**
 * Where the records of a database go in its fresh copy: their runs one after the other, from `base` on. Memory: 4 bytes for
 * each run, half a byte where there are more than 2^20; twice that for a file of more than 4 GiB.
 */
export class Places {
  readonly #runs: RecordRuns;
  readonly #base: number;
  readonly #stepBits: number;
  /** Of one run of each step how many bytes before it are in no run. */
  readonly #skipped: Uint32Array | Float64Array;
  /** Bytes of all records. */
  readonly bytes: number;

  /** @param base file offset of the first record in the copy */
  constructor(runs: RecordRuns, base: number) {
    this.#runs = runs;
    this.#base = base;
    this.#stepBits = runs.length > MANY ? STEP_BITS : 0;
    const size = runs.length === 0 ? 0 : runs.end(runs.length - 1);
    const step = 1 << this.#stepBits;
    this.#skipped = numbersBelow(size + 1, Math.ceil(runs.length / step));
    let skipped = 0;
    for (let run = 0, end = 0; run < runs.length; run++) {
      skipped += runs.start(run) - end;
      end = runs.end(run);
      if (run % step === 0) this.#skipped[run >>> this.#stepBits] = skipped;
    }
    this.bytes = size - skipped;
  }

  /** File offset in the copy of a record that is at `offset`; one of no bytes may be anywhere. */
  of(offset: number, length: number): number {
    if (length === 0) return this.#base;
    const runs = this.#runs;
    const run = runs.runAt(offset);
    const step = run >>> this.#stepBits;
    let skipped = this.#skipped[step];
    for (let n = step << this.#stepBits; n < run; n++) skipped += runs.start(n + 1) - runs.end(n);
    return this.#base + offset - skipped;
  }
}
