import type { Range } from '../source/gather.js';
import type { RangeList } from '../source/ranges.js';
import type { RecordRuns } from './sound/recordruns.js';

/** The space between runs of bytes in use, in order: there may be millions of them, and no object is kept of any. */
export class UnusedSpace implements RangeList {
  readonly #runs: RecordRuns;
  readonly #size: number;
  /** The run before which the first range is. */
  readonly #first: number;
  readonly length: number;

  /** @param size of the file in bytes, in which all runs end */
  constructor(runs: RecordRuns, size: number) {
    this.#runs = runs;
    this.#size = size;
    const count = runs.length;
    this.#first = count > 0 && runs.start(0) === 0 ? 1 : 0;
    const last = (count > 0 ? runs.end(count - 1) : 0) < size ? count : count - 1;
    this.length = Math.max(0, last - this.#first + 1);
  }

  at(index: number): Range | undefined {
    if (!(index >= 0 && index < this.length)) return undefined;
    const run = this.#first + index;
    const offset = run === 0 ? 0 : this.#runs.end(run - 1);
    const end = run === this.#runs.length ? this.#size : this.#runs.start(run);
    return { offset, length: end - offset };
  }

  *[Symbol.iterator](): Generator<Range> {
    for (let i = 0; i < this.length; i++) yield this.at(i)!;
  }
}
