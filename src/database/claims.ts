import { HASH_BITS, HASH_RANGE } from '../format/hash.js';
import { firstAfter, NumberSet, OffsetSorter } from '../numbers.js';

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

/** A whole number unique to the range. */
export const rangeName = ({ first, bits }: HashRange) => bits * HASH_RANGE + first;

/** Ranges by their names. */
interface Names {
  readonly claimed: NumberSet;
  /** Ranges that contain a claimed range at any depth. */
  readonly partly: NumberSet;
}

/**
 * Maps hashes to the buckets that own them. Halving the range of all hashes again and again gives each bucket's
 * range, so two ranges are disjoint or nested. Memory: some 60 bytes a claim, 20 after a release, and no object.
 */
export class HashClaims {
  /** Built for the first claim or query, freed by {@link release}. */
  #names: Names | undefined;
  // One entry for each claim; a query sorts them by first hash.
  #firsts = new Float64Array(64);
  #ends = new Float64Array(64);
  #owners = new Int32Array(64);
  #count = 0;
  #sorted = true;

  /** Returns true if any hash of the range is claimed. */
  overlaps(range: HashRange): boolean {
    const { claimed, partly } = this.#named();
    if (partly.has(rangeName(range))) return true;
    for (let bits = range.bits; bits >= 0; bits--) {
      if (claimed.has(rangeName(rangeOf(range.first, bits)))) return true;
    }
    return false;
  }

  /** Claims a range for a bucket; returns false if any hash of it is already claimed. */
  claim(range: HashRange, owner: number): boolean {
    if (this.overlaps(range)) return false;
    addName(this.#named(), range);
    if (this.#count === this.#firsts.length) this.#grow();
    this.#firsts[this.#count] = range.first;
    this.#ends[this.#count] = range.first + 2 ** (HASH_BITS - range.bits);
    this.#owners[this.#count++] = owner;
    this.#sorted = false;
    return true;
  }

  /** Frees the 40 bytes a claim that only further claims need; the next claim builds them again. */
  release(): void {
    this.#names = undefined;
  }

  /** The bucket that a hash belongs to; undefined where none claims it. */
  ownerOf(hash: number): number | undefined {
    this.#sort();
    const claim = firstAfter(this.#firsts.subarray(0, this.#count), hash) - 1;
    return claim >= 0 && hash < this.#ends[claim] ? this.#owners[claim] : undefined;
  }

  /** Unclaimed hash ranges in order, from `first` to before `end`. */
  *open(): Generator<{ first: number; end: number }> {
    this.#sort();
    let first = 0;
    for (let claim = 0; claim < this.#count; claim++) {
      if (this.#firsts[claim] > first) yield { first, end: this.#firsts[claim] };
      first = this.#ends[claim];
    }
    if (first < HASH_RANGE) yield { first, end: HASH_RANGE };
  }

  #named(): Names {
    if (this.#names !== undefined) return this.#names;
    const names = { claimed: new NumberSet(), partly: new NumberSet() };
    for (let claim = 0; claim < this.#count; claim++) {
      const first = this.#firsts[claim];
      addName(names, { first, bits: HASH_BITS - Math.log2(this.#ends[claim] - first) });
    }
    return (this.#names = names);
  }

  #sort(): void {
    if (this.#sorted) return;
    const firsts = this.#firsts;
    const order = new OffsetSorter().orderOf(firsts, this.#count, 0, HASH_RANGE);
    this.#firsts = Float64Array.from(order, (claim) => firsts[claim]);
    this.#ends = Float64Array.from(order, (claim) => this.#ends[claim]);
    this.#owners = Int32Array.from(order, (claim) => this.#owners[claim]);
    this.#sorted = true;
  }

  #grow(): void {
    const room = 2 * this.#count;
    const [firsts, ends, owners] = [this.#firsts, this.#ends, this.#owners];
    this.#firsts = new Float64Array(room);
    this.#ends = new Float64Array(room);
    this.#owners = new Int32Array(room);
    this.#firsts.set(firsts);
    this.#ends.set(ends);
    this.#owners.set(owners);
  }
}

function addName({ claimed, partly }: Names, range: HashRange): void {
  claimed.add(rangeName(range));
  for (let bits = range.bits - 1; bits >= 0; bits--) {
    const name = rangeName(rangeOf(range.first, bits));
    if (partly.has(name)) break;
    partly.add(name);
  }
}
