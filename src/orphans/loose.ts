import type { RangeList } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { CandidateList } from './candidatelist.js';
import type { LongKeyBudget } from './keyhashes.js';
import { OffsetList } from '../numbers.js';
import { proveElements } from './prove.js';

/** Number of places that wait until one pass through the file reads their keys: 28 bytes each. */
const BATCH = 1 << 19;
/** Margin below a full batch at which a pass starts: the list grows by doubling, and a window may add a few more. */
const SLACK = 1 << 14;
/** Budget in bytes for keys over 64 KiB. Large files have twice their size instead, because keys do not overlap. */
const LONG_KEYS = 64 << 20;
/** Part of that budget, in bytes, for doubtful keys. */
const DOUBTFUL_KEYS = 4 << 20;
/** Maximum number of proved elements: 16 bytes each. */
const MAX_PROVED = 1 << 23;

/** Collects places at which an element may stand and keeps those whose key gives their hash. */
export class LooseList {
  readonly #source: Source;
  #waiting = new CandidateList();
  readonly #at = new OffsetList();
  readonly #hashes = new OffsetList();
  readonly #budget: LongKeyBudget;

  /** @param taken sorted, disjoint ranges that contain no byte of a record */
  constructor(source: Source, taken: RangeList = []) {
    this.#source = source;
    this.#budget = { bytes: Math.max(LONG_KEYS, 2 * source.size), doubtful: DOUBTFUL_KEYS, taken };
  }

  /** Places to be examined: push them here and call {@link settle}. */
  get waiting(): CandidateList {
    return this.#waiting;
  }

  /** Number of elements proved by now. */
  get length(): number {
    return this.#at.length;
  }

  get isFull(): boolean {
    return this.#at.length >= MAX_PROVED;
  }

  /** File offset of a proved element. */
  at(i: number): number {
    return this.#at.at(i);
  }

  /** Hash of a proved element. */
  hash(i: number): number {
    return this.#hashes.at(i);
  }

  /** Index of the first proved element at this file offset or after it: they are in order. */
  firstAtOrAfter(offset: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle) >= offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Proves the waiting places, if there are enough for a pass through the file, or if they are the last. */
  async settle(last: boolean): Promise<void> {
    if (this.#waiting.length < BATCH - SLACK && !last) return;
    for (let from = 0; from < this.#waiting.length && !this.isFull; from += BATCH) {
      const elements = this.#waiting.part(from, from + BATCH);
      for (const i of await proveElements(this.#source, elements, this.#budget)) {
        this.#at.push(elements.at[i]);
        this.#hashes.push(elements.hashes[i]);
      }
    }
    // No more places follow; free the list's buffers of some MiB.
    if (last) this.#waiting = new CandidateList();
    else this.#waiting.clear();
  }
}
