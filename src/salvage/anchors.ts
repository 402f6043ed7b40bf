import type { Format } from '../format/format.js';
import { offsetSize } from '../format/format.js';
import type { DirectoryPlace } from '../format/header.js';
import { elementStruct, elementsStart } from '../format/bucket.js';
import { decodeDirectory, endOfRun, slotOf } from '../format/directory.js';
import { firstIndex } from '../numbers.js';
import { CandidateList } from '../orphans/candidatelist.js';
import { ElementFilter } from '../orphans/elements.js';
import { SHORTEST } from '../orphans/findkeys.js';
import { hashRanges } from '../orphans/keyhashes.js';
import type { Source } from '../source/source.js';
import type { Progress } from '../source/sweep.js';
import { lastPlace, sweep } from '../source/sweep.js';
import { weights } from '../weights.js';

/*
 * Evidence of where bytes belong: an element names the offset, the size, the hash and the first four bytes of its key. Each
 * place in the file at which such a key stands is an anchor: the key belongs at one offset and stands at another, or the same.
 * Where the keys are is known, the elements, the buckets and the directory's entries between them are anchors as well.
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

/** Minimum size in bytes of a key that is looked for at likely places: the hash of one byte is weak evidence. */
const SHORT = 2;
/** Maximum number of elements: 28 bytes each, and 24 for each place of their keys. */
const MOST = 1 << 20;
/** Number of places, from its home on, at which an element is looked for. */
const NEAR_HOME = 8;
/** Maximum bits of a directory whose entries are placed: 8 MiB of them. */
const MOST_BITS = 20;

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
      (i - (hash % this.elements) + this.elements) % this.elements <=
      Math.min(weights.align.fromHome, this.elements / 2)
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

/** Keys that {@link findKeys} found, each of weight 1; for other evidence the hashes of the list are −1. */
export function anchorsOf({ length, offsets, at, sizes, hashes }: CandidateList): Anchors {
  return {
    length,
    belongs: offsets.subarray(0, length),
    at: at.subarray(0, length),
    sizes: sizes.subarray(0, length),
    elements: hashes.subarray(0, length),
    weights: new Float32Array(length).fill(1),
  };
}
