import type { RangeList } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { CandidateList } from './candidatelist.js';
import type { LongKeyBudget } from './keyhashes.js';
import { OffsetList } from '../numbers.js';
import { proveElements } from './prove.js';

/** Places that wait until their keys are read in one pass through the file: 28 bytes each. */
const BATCH = 1 << 19;
/** So many less are enough, as a few more may come at once, and the list grows by doubling. */
const SLACK = 1 << 14;
/** Bytes of keys over 64 KiB that are read: in any file so many, in large ones twice the file, whose keys do not overlap. */
const LONG_KEYS = 64 << 20;
/** And so many of those that are doubtful. */
const DOUBTFUL_KEYS = 4 << 20;
/** Proved elements that are remembered at most: 16 bytes each. */
const MAX_PROVED = 1 << 23;

/** Collects places at which an element may stand and keeps those whose key gives their hash. */
export class LooseList {
  readonly #source: Source;
  #waiting = new CandidateList();
  readonly #at = new OffsetList();
  readonly #hashes = new OffsetList();
  readonly #budget: LongKeyBudget;

  /** @param taken ranges, sorted and apart, that no record has a byte of */
  constructor(source: Source, taken: RangeList = []) {
    this.#source = source;
    this.#budget = { bytes: Math.max(LONG_KEYS, 2 * source.size), doubtful: DOUBTFUL_KEYS, taken };
  }

  /** Places to be looked at; push them here and call {@link settle}. */
  get waiting(): CandidateList {
    return this.#waiting;
  }

  /** Proved elements so far. */
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

  /** The first proved element at this file offset or behind it: they are in order. */
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

  /** Proves what waits, if it is enough to be worth a pass through the file, or if it is the last. */
  async settle(last: boolean): Promise<void> {
    if (this.#waiting.length < BATCH - SLACK && !last) return;
    for (let from = 0; from < this.#waiting.length && !this.isFull; from += BATCH) {
      const elements = this.#waiting.part(from, from + BATCH);
      for (const i of await proveElements(this.#source, elements, this.#budget)) {
        this.#at.push(elements.at[i]);
        this.#hashes.push(elements.hashes[i]);
      }
    }
    // No more come: it has a room of some MiB.
    if (last) this.#waiting = new CandidateList();
    else this.#waiting.clear();
  }
}
