import { firstIndex } from '../numbers.js';
import { KeyHasher } from '../format/hash.js';
import type { RangeList } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import type { Progress } from '../source/sweep.js';
import { lastPlace, sweep } from '../source/sweep.js';
import { CandidateList } from './candidatelist.js';
import { endOfZeros } from './zeros.js';

/*
 * Finds keys wherever they stand in a file, by the first bytes, the size and the hash that an element names.
 *
 * 1. Sort the elements by the first bytes, the size and the hash of their keys.
 * 2. Sweep the file; where the first bytes of a key stand, hash as many bytes as the keys have that begin so.
 */

/** Minimum size in bytes of a key that is searched for: shorter ones stand at many places by chance. */
export const SHORTEST = 4;
/** Maximum size in bytes. */
export const LONGEST = 0xffff;
/** Maximum number of places of keys for each element: a manipulated file may have one key at a million places. */
const MOST_PLACES = 4;
/**
 * Maximum number of bytes that are hashed for each byte of the file, for keys up to a size. What only looks like an element
 * mostly has a long key, and must not use up the budget of the others.
 */
const HASHED_PER_BYTE = [
  { longest: 64, bytes: 16 },
  { longest: 1024, bytes: 4 },
  { longest: LONGEST, bytes: 4 },
] as const;
/** Maximum number of lengths of keys that begin alike: a manipulated file may have thousands. */
const MOST_LENGTHS = 64;
/** Number of lengths of keys that begin with four zeros. */
const MOST_ZERO_LENGTHS = 2;
/** Maximum size in bytes of a key that begins so. */
const LONGEST_FROM_ZERO = 64;
/** Bits by which the first bytes of keys are told from others before they are searched for. */
const FILTER_BITS = 22;

/** Keys in order of their first bytes, sizes and hashes. */
class KeyIndex {
  readonly order: Uint32Array;
  readonly #keys: CandidateList;
  readonly #filter = new Uint8Array(1 << (FILTER_BITS - 3));
  /** For each pair of bytes 1 if a key begins so. */
  readonly pairs = new Uint8Array(1 << 16);

  constructor(keys: CandidateList) {
    this.#keys = keys;
    const { starts, sizes, hashes, length } = keys;
    const lengths = zeroLengths(keys);
    this.order = Uint32Array.from({ length }, (_, n) => n)
      .filter((n) => sizes[n] >= SHORTEST && sizes[n] <= LONGEST)
      .filter((n) => starts[n] !== 0 || lengths.has(sizes[n]))
      .sort((a, b) => starts[a] - starts[b] || sizes[a] - sizes[b] || hashes[a] - hashes[b]);
    for (const n of this.order) {
      this.pairs[starts[n] >>> 16] = 1;
      const bit = filterBit(starts[n]);
      this.#filter[bit >>> 3] |= 1 << (bit & 7);
    }
  }

  /** Returns false if no key begins so. */
  mayBegin(start: number): boolean {
    const bit = filterBit(start);
    return (this.#filter[bit >>> 3] & (1 << (bit & 7))) !== 0;
  }

  /** Indexes in {@link order} of the keys that begin so. */
  group(start: number): [from: number, to: number] {
    const { starts } = this.#keys;
    const { order } = this;
    const from = firstIndex(0, order.length, (i) => starts[order[i]] >= start);
    return [from, firstIndex(from, order.length, (i) => starts[order[i]] > start)];
  }

  /** Index of the first key of another size, from an index in a group on. */
  endOfSize(from: number, to: number): number {
    const { sizes } = this.#keys;
    const size = sizes[this.order[from]];
    return firstIndex(from, to, (i) => sizes[this.order[i]] > size);
  }

  /** Calls `visit` with each key of a hash among those of one size. */
  eachOf(hash: number, from: number, to: number, visit: (key: number) => void): void {
    const { hashes } = this.#keys;
    const { order } = this;
    for (let i = firstIndex(from, to, (i) => hashes[order[i]] >= hash); i < to; i++) {
      if (hashes[order[i]] !== hash) return;
      visit(order[i]);
    }
  }
}

/**
 * The most common lengths of keys that begin with zeros, as whole numbers do. Zeros that look like an element seem to have
 * such a key, too, but of any length.
 */
function zeroLengths({ length, starts, sizes }: CandidateList): ReadonlySet<number> {
  const counts = new Map<number, number>();
  for (let n = 0; n < length; n++) {
    if (starts[n] === 0 && sizes[n] <= LONGEST_FROM_ZERO)
      counts.set(sizes[n], (counts.get(sizes[n]) ?? 0) + 1);
  }
  const common = [...counts].sort(([, a], [, b]) => b - a).slice(0, MOST_ZERO_LENGTHS);
  return new Set(common.map(([size]) => size));
}

const filterBit = (start: number) => Math.imul(start, 0x9e3779b1) >>> (32 - FILTER_BITS);

/**
 * Finds the keys that elements name, wherever they stand.
 *
 * @param within ranges in which the keys begin; by default the whole file
 * @returns the places of keys in order of the file, in the place of the hash with the index of the element in `keys`
 */
export async function findKeys(
  source: Source,
  keys: CandidateList,
  progress?: Progress,
  within?: RangeList,
): Promise<CandidateList> {
  const index = new KeyIndex(keys);
  const { pairs } = index;
  // Not objects: there may be millions.
  const found = new CandidateList();
  const most = MOST_PLACES * keys.length;
  const hasher = new KeyHasher();
  const budgets = HASHED_PER_BYTE.map(({ bytes }) => bytes * source.size);
  const classOf = (size: number) => HASHED_PER_BYTE.findIndex((one) => size <= one.longest);
  let longest = SHORTEST;
  for (const n of index.order) longest = Math.max(longest, keys.sizes[n]);
  let last = -1;
  let [from, to] = [0, 0];
  for await (const window of sweep(source, longest, progress, within)) {
    const { view, base } = window;
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const places = lastPlace(window, SHORTEST);
    let start = places > 0 ? view.getUint32(0) >>> 8 : 0;
    let zerosEnd = 0;
    for (let at = 0; at < places; at++) {
      start = ((start << 8) | bytes[at + 3]) >>> 0;
      if (pairs[start >>> 16] === 0 || !index.mayBegin(start)) continue;
      if (start !== last) {
        last = start;
        [from, to] = index.group(start);
      }
      if (start === 0 && at >= zerosEnd) zerosEnd = endOfZeros(bytes, at);
      let lengths = 0;
      for (let i = from, next: number; i < to && lengths < MOST_LENGTHS; i = next, lengths++) {
        next = index.endOfSize(i, to);
        const size = keys.sizes[index.order[i]];
        // Nothing but zeros stands everywhere.
        if (at + size <= zerosEnd) continue;
        const budget = classOf(size);
        if (at + size > bytes.length || budgets[budget] <= 0 || found.length >= most) continue;
        budgets[budget] -= size;
        hasher.take(view, at, size);
        const visit = (n: number) => found.push(base + at, n, keys.offsets[n], size, 0);
        index.eachOf(hasher.unsigned, i, next, visit);
        if (!hasher.portable) index.eachOf(hasher.signed, i, next, visit);
      }
    }
  }
  return found;
}
