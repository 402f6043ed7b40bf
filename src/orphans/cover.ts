import type { HashRange } from '../database/claims.js';
import { rangeName, rangeOf } from '../database/claims.js';
import { NumberSet } from '../columns/numberset.js';
import { HASH_BITS } from '../format/hash.js';
import { firstAfter } from '../source/ranges.js';

/** Which hashes some buckets have together. */
export class Cover {
  /** In order of their first hashes, those with more hashes first. */
  readonly #ranges: readonly HashRange[];
  readonly #firsts: Float64Array;
  readonly #names = new NumberSet();
  /** What was asked before: a directory may be made to ask the same again and again. */
  readonly #known = new Map<number, boolean>();

  constructor(ranges: readonly HashRange[]) {
    // Each once: a directory may be made to lead to very many buckets that all claim the same hashes. Then each is inside of as
    // many others as a hash has bits, and no more.
    this.#ranges = ranges
      .filter((range) => this.#names.add(rangeName(range)))
      .sort((a, b) => a.first - b.first || a.bits - b.bits);
    this.#firsts = Float64Array.from(this.#ranges, ({ first }) => first);
  }

  /** Whether deeper buckets have every hash of a range. */
  splits(range: HashRange): boolean {
    const name = rangeName(range);
    let splits = this.#known.get(name);
    if (splits === undefined) {
      splits = this.#isSplit(range);
      this.#known.set(name, splits);
    }
    return splits;
  }

  /** Whether a deeper bucket has hashes of a range. */
  reachesInto(range: HashRange): boolean {
    return !this.inside(range).next().done;
  }

  /** Whether buckets of at least so many bits have every hash of a range. */
  covers(range: HashRange, leastBits: number): boolean {
    for (let bits = range.bits; bits >= leastBits; bits--) {
      if (this.#names.has(rangeName(rangeOf(range.first, bits)))) return true;
    }
    return this.splits(range);
  }

  /** The ranges of deeper buckets that have hashes of a range, in order. */
  *inside(range: HashRange): Generator<HashRange> {
    const end = endOf(range);
    for (let n = firstAfter(this.#firsts, range.first - 1); n < this.#ranges.length; n++) {
      if (this.#ranges[n].first >= end) return;
      if (this.#ranges[n].bits > range.bits) yield this.#ranges[n];
    }
  }

  #isSplit(range: HashRange): boolean {
    let covered = range.first;
    for (const { first, bits } of this.inside(range)) {
      if (first > covered) return false;
      covered = Math.max(covered, endOf({ first, bits }));
    }
    return covered >= endOf(range);
  }
}

function endOf({ first, bits }: HashRange): number {
  return first + 2 ** (HASH_BITS - bits);
}
