import type { Format } from '../format/format.js';
import { offsetSize } from '../format/format.js';
import type { DirectoryPlace } from '../format/header.js';
import { KeyHasher } from '../format/hash.js';
import { elementStruct, elementsStart } from '../format/bucket.js';
import { decodeDirectory, endOfRun, slotOf } from '../format/directory.js';
import { firstIndex } from '../numbers.js';
import { CandidateList } from '../orphans/candidatelist.js';
import { ElementFilter } from '../orphans/elements.js';
import { hashRanges } from '../orphans/keyhashes.js';
import { endOfZeros } from '../orphans/zeros.js';
import type { RangeList } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import type { Progress } from '../source/sweep.js';
import { lastPlace, sweep } from '../source/sweep.js';

/*
 * Evidence of where bytes belong: an element names the offset, the size, the hash and the first four bytes of its key. Each
 * place in the file at which such a key stands is an anchor: the key belongs at one offset and stands at another, or the same.
 *
 * 1. Collect all places that may be an element, at every byte of the file.
 * 2. Sort them by the first bytes, the size and the hash of their keys.
 * 3. Sweep the file; where the first bytes of a key stand, hash as many bytes as the keys have that begin so.
 */

/** Places at which bytes stand, with the offsets at which they belong, as parallel lists. */
export interface Anchors {
  readonly length: number;
  /** Offset at which the bytes belong. */
  readonly belongs: Float64Array;
  /** File offset at which they stand. */
  readonly at: Float64Array;
  /** Bytes. */
  readonly sizes: Int32Array;
  /** Index of the element that names the bytes as its key; −1 for other evidence. */
  readonly elements: Int32Array;
  /** Weight of each as evidence: 1, or more for what cannot be chance. */
  readonly weights: Float32Array;
}

/** Minimum size in bytes of a key that is searched for: shorter ones stand at many places by chance. */
export const SHORTEST = 4;
/** Minimum size in bytes of a key that is looked for at likely places: the hash of one byte is weak evidence. */
const SHORT = 2;
/** Maximum size in bytes. */
const LONGEST = 0xffff;
/** Maximum number of elements: 28 bytes each, and 24 for each place of their keys. */
const MOST = 1 << 20;
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
/** Maximum number of elements between an element and the place that its hash gives: a full bucket has longer ways. */
const FROM_HOME = 32;
/** Maximum bits of a directory whose entries are placed: 8 MiB of them. */
const MOST_BITS = 20;
/** Number of places at which an element most likely is, from its home on. */
const NEAR_HOME = 8;
/** Bits by which the first bytes of keys are told from others before they are searched for. */
const FILTER_BITS = 22;

/**
 * Finds the places at which an element may stand.
 *
 * @param end maximum offset to which an element may lead; larger than the file's size where bytes may be missing
 * @param isWanted selects elements by their file offset, the offset of their key, and its hash
 */
export async function findElements(
  source: Source,
  { layout, byteOrder }: Format,
  end: number,
  isWanted: (at: number, pointer: number, hash: number) => boolean,
  progress?: Progress,
): Promise<CandidateList> {
  const filter = new ElementFilter(layout, byteOrder, end, undefined, SHORT);
  const { size } = elementStruct(layout);
  const seen = new CandidateList();
  const found = new CandidateList();
  for await (const window of sweep(source, size, progress)) {
    filter.find(window.view, 0, lastPlace(window, size), window.base, seen);
    for (let n = 0; n < seen.length && found.length < MOST; n++) {
      const [at, hash, pointer] = [seen.at[n], seen.hashes[n], seen.offsets[n]];
      if (isWanted(at, pointer, hash)) found.push(at, hash, pointer, seen.sizes[n], seen.starts[n]);
    }
    seen.clear();
  }
  return found;
}

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
 */
export async function findKeys(
  source: Source,
  keys: CandidateList,
  progress?: Progress,
  within?: RangeList,
): Promise<Anchors> {
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
  return anchorsOf(found);
}

/** Finds keys that are too short for a search, if they are displaced by a distance that is likely where they belong. */
export async function placeKeys(
  source: Source,
  { length, hashes, offsets, sizes }: CandidateList,
  distances: Distances,
): Promise<Anchors> {
  const asked = new CandidateList();
  for (let n = 0; n < length; n++) {
    if (sizes[n] >= SHORTEST) continue;
    for (const distance of distances(offsets[n])) {
      const at = offsets[n] - distance;
      if (at >= 0 && at + sizes[n] <= source.size) asked.push(at, n, offsets[n], sizes[n], 0);
    }
  }
  const found = new CandidateList();
  const ranges = { length: asked.length, offsets: asked.at, sizes: asked.sizes };
  const { signed, unsigned } = await hashRanges(source, ranges);
  for (let i = 0; i < asked.length; i++) {
    const n = asked.hashes[i];
    const isThere = hashes[n] === signed[i] || hashes[n] === unsigned[i];
    if (isThere) found.push(asked.at[i], n, asked.offsets[i], asked.sizes[i], 0);
  }
  return anchorsOf(found);
}

/** The places at which a bucket has its elements. */
export class BucketPlaces {
  readonly #start: number;

  /** @param elements number of elements of a bucket */
  constructor(
    format: Format,
    readonly elements: number,
    readonly size = elementStruct(format.layout).size,
  ) {
    this.#start = elementsStart(format);
  }

  /** The first offsets at which an element may be in a bucket: its home, and the places behind that. */
  *near(bucket: number, hash: number): Generator<number> {
    const home = hash % this.elements;
    for (let k = 0; k < Math.min(NEAR_HOME, this.elements); k++) {
      yield bucket + this.#start + ((home + k) % this.elements) * this.size;
    }
  }

  /** Returns true if an element may be at an offset of a bucket: not far behind the place that its hash gives. */
  has(bucket: number, hash: number, offset: number): boolean {
    const i = (offset - bucket - this.#start) / this.size;
    if (!(Number.isInteger(i) && i >= 0 && i < this.elements)) return false;
    return (
      (i - (hash % this.elements) + this.elements) % this.elements <= Math.min(FROM_HOME, this.elements / 2)
    );
  }
}

/** Likely distances of what stands, or belongs, at an offset. */
export type Distances = (offset: number) => readonly number[];

/** Returns true if an element stands in a bucket, displaced by one of its likely distances. */
export function isInBucket(
  { at, hashes }: CandidateList,
  n: number,
  bucket: number,
  places: BucketPlaces,
  distances: Distances,
): boolean {
  return distances(at[n]).some((distance) => places.has(bucket, hashes[n], at[n] + distance));
}

/** Finds the elements that stand where the directory and their hash say, if they are displaced by a likely distance. */
export function placeElements(
  { length, at, hashes }: CandidateList,
  directory: Float64Array,
  places: BucketPlaces,
  distances: Distances,
): Anchors {
  const found = new CandidateList();
  const bits = Math.log2(directory.length);
  for (let n = 0; n < length; n++) {
    const bucket = directory[slotOf(hashes[n], bits)];
    for (const distance of distances(at[n])) {
      const belongs = at[n] + distance;
      if (places.has(bucket, hashes[n], belongs)) found.push(at[n], -1, belongs, places.size, 0);
    }
  }
  return anchorsOf(found);
}

/**
 * Finds the directory's entries that lead to a bucket with an element of their slot, or of one that leads there as well.
 *
 * @param likely likely distances of the directory's entries
 */
export async function placeEntries(
  source: Source,
  format: Format,
  { offset, bits }: DirectoryPlace,
  elements: CandidateList,
  places: BucketPlaces,
  distances: Distances,
  likely: readonly number[],
): Promise<Anchors> {
  const { hashes } = elements;
  const found = new CandidateList();
  if (bits > MOST_BITS) return anchorsOf(found);
  const width = offsetSize(format.layout);
  const order = Uint32Array.from({ length: elements.length }, (_, n) => n).sort(
    (a, b) => hashes[a] - hashes[b],
  );
  for (const distance of likely) {
    // A part of the directory, in whole entries, may be outside of the file.
    const first = Math.max(0, Math.ceil((distance - offset) / width));
    const last = Math.min(2 ** bits, Math.floor((source.size + distance - offset) / width));
    if (last <= first) continue;
    const bytes = await source.read(offset + first * width - distance, (last - first) * width);
    const entries = decodeDirectory(bytes, format.layout, format.byteOrder);
    let next = firstIndex(0, order.length, (i) => slotOf(hashes[order[i]], bits) >= first);
    for (let from = 0, to: number; from < entries.length; from = to) {
      to = endOfRun(entries, from);
      let isRight = false;
      for (; next < order.length && slotOf(hashes[order[next]], bits) < first + to; next++) {
        isRight ||= isInBucket(elements, order[next], entries[from], places, distances);
      }
      if (!isRight) continue;
      for (let slot = first + from; slot < first + to; slot++) {
        const belongs = offset + slot * width;
        found.push(belongs - distance, -1, belongs, width, 0);
      }
    }
  }
  return anchorsOf(found);
}

function anchorsOf({ length, offsets, at, sizes, hashes }: CandidateList): Anchors {
  return {
    length,
    belongs: offsets.subarray(0, length),
    at: at.subarray(0, length),
    sizes: sizes.subarray(0, length),
    elements: hashes.subarray(0, length),
    weights: new Float32Array(length).fill(1),
  };
}
