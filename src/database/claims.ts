import { HASH_BITS, HASH_RANGE } from '../format/hash.js';

/** All hashes that share their first `bits` bits with `first`, the lowest of them. */
export interface HashRange {
  readonly first: number;
  readonly bits: number;
}

/** The range of the hashes that share their first `bits` bits with `hash`. */
export function rangeOf(hash: number, bits: number): HashRange {
  const size = 2 ** (HASH_BITS - bits);
  return { first: Math.floor(hash / size) * size, bits };
}

const rangeName = ({ first, bits }: HashRange) => bits * HASH_RANGE + first;

/**
 * Which bucket rules over which hashes. A bucket's range is one of those that halving all hashes again and again
 * gives, so two ranges are apart or one lies inside the other.
 */
export class HashClaims {
  readonly #owners = new Map<number, number>();
  /** Ranges inside which, however deep, something is claimed. */
  readonly #partly = new Set<number>();
  #firsts: Float64Array | undefined;
  #sorted: { first: number; end: number; owner: number }[] = [];

  /** Whether any hash of the range is claimed. */
  overlaps(range: HashRange): boolean {
    if (this.#partly.has(rangeName(range))) return true;
    for (let bits = range.bits; bits >= 0; bits--) {
      if (this.#owners.has(rangeName(rangeOf(range.first, bits)))) return true;
    }
    return false;
  }

  /** Claims a range for a bucket, if no hash of it is claimed yet. */
  claim(range: HashRange, owner: number): boolean {
    if (this.overlaps(range)) return false;
    this.#owners.set(rangeName(range), owner);
    for (let bits = range.bits - 1; bits >= 0; bits--) {
      const name = rangeName(rangeOf(range.first, bits));
      if (this.#partly.has(name)) break;
      this.#partly.add(name);
    }
    this.#firsts = undefined;
    return true;
  }

  /** The bucket that a hash belongs to; undefined where none claims it. */
  ownerOf(hash: number): number | undefined {
    const firsts = this.#sort();
    let low = 0;
    let high = firsts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (firsts[middle] > hash) high = middle;
      else low = middle + 1;
    }
    const claim = this.#sorted[low - 1];
    return claim !== undefined && hash < claim.end ? claim.owner : undefined;
  }

  /** The hashes that nobody claims, in order: from `first` to before `end`. */
  *open(): Generator<{ first: number; end: number }> {
    this.#sort();
    let first = 0;
    for (const claim of this.#sorted) {
      if (claim.first > first) yield { first, end: claim.first };
      first = claim.end;
    }
    if (first < HASH_RANGE) yield { first, end: HASH_RANGE };
  }

  #sort(): Float64Array {
    if (this.#firsts !== undefined) return this.#firsts;
    this.#sorted = [...this.#owners]
      .map(([name, owner]) => {
        const bits = Math.floor(name / HASH_RANGE);
        const first = name % HASH_RANGE;
        return { first, end: first + 2 ** (HASH_BITS - bits), owner };
      })
      .sort((a, b) => a.first - b.first);
    this.#firsts = Float64Array.from(this.#sorted, ({ first }) => first);
    return this.#firsts;
  }
}
