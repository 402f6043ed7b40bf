import type { HashRange } from '../database/claims.js';
import { rangeOf } from '../database/claims.js';
import { HASH_BITS } from '../format/hash.js';
import { firstAfter } from '../numbers.js';

/** Factor that leaves room for a number of bits: greater than any range's. */
const DEPTHS = 64;

/** Hashes that a set of buckets has together: 8 bytes for each bucket. */
export class Cover {
  /**
   * Ranges as `first * DEPTHS + bits`, in order of their first hash, larger ranges first, without duplicates. Damage
   * or an attack may make a directory lead to very many buckets that claim the same hashes; without duplicates, each
   * range is inside of at most as many others as a hash has bits.
   */
  readonly #ranges: Float64Array;
  /** Cached answers: a manipulated directory may ask the same again and again. */
  readonly #known = new Map<number, boolean>();

  constructor(...ranges: readonly Iterable<HashRange>[]) {
    const sorted = Float64Array.from(placesOf(ranges)).sort();
    this.#ranges = sorted.filter((place, n) => n === 0 || place !== sorted[n - 1]);
  }

  /** Returns true if deeper buckets have every hash of a range. */
  splits(range: HashRange): boolean {
    const place = placeOf(range);
    let splits = this.#known.get(place);
    if (splits === undefined) {
      splits = this.#isSplit(range);
      this.#known.set(place, splits);
    }
    return splits;
  }

  /** Returns true if a deeper bucket has hashes of a range. */
  reachesInto(range: HashRange): boolean {
    return !this.inside(range).next().done;
  }

  /** Returns true if buckets of at least `leastBits` bits have every hash of a range. */
  covers(range: HashRange, leastBits: number): boolean {
    for (let bits = range.bits; bits >= leastBits; bits--) {
      const place = placeOf(rangeOf(range.first, bits));
      if (this.#ranges[firstAfter(this.#ranges, place - 1)] === place) return true;
    }
    return this.splits(range);
  }

  /** Ranges of deeper buckets that have hashes of a range, in order. */
  *inside(range: HashRange): Generator<HashRange> {
    const end = endOf(range);
    for (let n = firstAfter(this.#ranges, range.first * DEPTHS - 1); n < this.#ranges.length; n++) {
      const first = Math.floor(this.#ranges[n] / DEPTHS);
      const bits = this.#ranges[n] % DEPTHS;
      if (first >= end) return;
      if (bits > range.bits) yield { first, bits };
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

function* placesOf(lists: readonly Iterable<HashRange>[]): Generator<number> {
  for (const ranges of lists) for (const range of ranges) yield placeOf(range);
}

function placeOf({ first, bits }: HashRange): number {
  return first * DEPTHS + bits;
}

function endOf({ first, bits }: HashRange): number {
  return first + 2 ** (HASH_BITS - bits);
}
