import { firstIndex } from '../numbers.js';
import type { Source } from './source.js';
import { fill } from './source.js';

/** A range of bytes of a file. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** Ranges in order that do not overlap; an array of them is one. */
export interface RangeList extends Iterable<Range> {
  readonly length: number;
  /** The range of an index from 0 to before `length`. */
  at(index: number): Range | undefined;
}

/** The index of the first of the ranges that ends after an offset. */
export function firstEndingAfter(ranges: RangeList, offset: number): number {
  return firstIndex(0, ranges.length, (index) => {
    const { offset: start, length } = ranges.at(index)!;
    return start + length > offset;
  });
}

/** Neighbours closer than this are read together: a seek costs more than the bytes between. */
export const MAX_GAP = 16 * 1024;
/** A joint read is at most so large, unless a single range is larger. */
const MAX_READ = 1 << 18;

/** Ranges are sorted by so many steps of their offset: what is in one step is read at once anyhow. */
const STEPS = 2 ** 16;

/** Many ranges of a source, by number, and the order in which to read them: nearly that of their offsets. */
export interface OrderedRanges {
  readonly offsetOf: (index: number) => number;
  readonly sizeOf: (index: number) => number;
  readonly order: ArrayLike<number>;
}

/**
 * Reads ranges, neighbours together. Memory: one joint read, of 256 KiB or of the longest range; no object for each.
 *
 * @param visit gets each index with where its bytes begin in `bytes`, which are only valid during the call
 */
export async function readInOrder(
  source: Source,
  { offsetOf, sizeOf, order }: OrderedRanges,
  visit: (index: number, bytes: Uint8Array, at: number) => void,
): Promise<void> {
  let buffer = new Uint8Array(0);
  for (let i = 0; i < order.length;) {
    // Sorted by steps of offset, so that the first may not be the lowest.
    let start = offsetOf(order[i]);
    let end = start + sizeOf(order[i]);
    let j = i + 1;
    for (; j < order.length; j++) {
      const offset = offsetOf(order[j]);
      const low = Math.min(start, offset);
      const high = Math.max(end, offset + sizeOf(order[j]));
      if (offset > end + MAX_GAP || high - low > MAX_READ) break;
      start = low;
      end = high;
    }
    if (source.readInto !== undefined && buffer.length < end - start) {
      // Most calls are for a few ranges: each with the largest buffer, they would leave much garbage.
      buffer = new Uint8Array(Math.max(end - start, Math.min(MAX_READ, 4 * buffer.length)));
    }
    const bytes = await fill(source, start, end - start, buffer);
    for (; i < j; i++) visit(order[i], bytes, offsetOf(order[i]) - start);
  }
}

/** A window of a source, 2 to the power of so many bytes: its ranges are read together. */
const WINDOW_BITS = 18;
/** Bytes of a window for each wanted byte, and for each range, up to which one read is quicker than one for each range. */
const SPARSE = 8;
const SPARSE_RANGES = 8 * 1024;

/**
 * Reads very many short ranges, a window of 256 KiB after the other; within a window in the order of their numbers. Its memory,
 * 16 bytes for each range, is used again for each list of ranges.
 */
export class WindowReader {
  readonly #source: Source;
  /** The place behind the ranges of each window. */
  readonly #ends: Uint32Array;
  /** Columns in the order of the windows: to look up each range by its number once more would take longer. */
  #order = new Uint32Array(0);
  #places = new Float64Array(0);
  #lengths = new Int32Array(0);
  #buffer = new Uint8Array(0);

  constructor(source: Source) {
    this.#source = source;
    this.#ends = new Uint32Array(Math.ceil(source.size / 2 ** WINDOW_BITS) + 2);
  }

  /**
   * @param sizes bytes of each range; negative for one that is not wanted
   * @param visit gets each number with the place of the range's first byte in `bytes`, which are only valid during the call
   */
  async read(
    offsets: Float64Array,
    sizes: Int32Array,
    visit: (index: number, bytes: Uint8Array, at: number) => void,
  ): Promise<void> {
    const count = this.#sort(offsets, sizes);
    const [order, places, lengths] = [this.#order, this.#places, this.#lengths];
    for (let w = 0, from = 0; from < count; from = this.#ends[w++]) {
      const to = this.#ends[w];
      let [low, high, wanted] = [Infinity, 0, 0];
      for (let n = from; n < to; n++) {
        low = Math.min(low, places[n]);
        high = Math.max(high, places[n] + lengths[n]);
        wanted += lengths[n];
      }
      if (high - low > SPARSE * wanted + SPARSE_RANGES * (to - from)) {
        for (let n = from; n < to; n++) visit(order[n], await this.#fill(places[n], lengths[n]), 0);
      } else if (to > from) {
        const bytes = await this.#fill(low, high - low);
        for (let n = from; n < to; n++) visit(order[n], bytes, places[n] - low);
      }
    }
  }

  /** Puts the wanted ranges in the order of their windows, by a counting sort; gives their number. */
  #sort(offsets: Float64Array, sizes: Int32Array): number {
    const ends = this.#ends.fill(0);
    const windowSize = 2 ** WINDOW_BITS;
    const { length } = offsets;
    if (this.#order.length < length) {
      this.#order = new Uint32Array(length);
      this.#places = new Float64Array(length);
      this.#lengths = new Int32Array(length);
    }
    const [order, places, lengths] = [this.#order, this.#places, this.#lengths];
    for (let i = 0; i < length; i++) if (sizes[i] >= 0) ends[Math.floor(offsets[i] / windowSize) + 1]++;
    for (let w = 1; w < ends.length; w++) ends[w] += ends[w - 1];
    const count = ends[ends.length - 1];
    for (let i = 0; i < length; i++) {
      if (sizes[i] < 0) continue;
      const n = ends[Math.floor(offsets[i] / windowSize)]++;
      order[n] = i;
      places[n] = offsets[i];
      lengths[n] = sizes[i];
    }
    return count;
  }

  #fill(offset: number, length: number): Promise<Uint8Array> {
    if (this.#source.readInto !== undefined && this.#buffer.length < length) {
      this.#buffer = new Uint8Array(Math.max(length, 2 ** WINDOW_BITS));
    }
    return fill(this.#source, offset, length, this.#buffer);
  }
}

/**
 * Reads ranges in any order with few reads; see {@link readInOrder}.
 *
 * @param visit gets each range's index and bytes, in order of offset; the bytes are only valid during the call
 */
export async function gather(
  source: Source,
  ranges: readonly Range[],
  visit: (index: number, bytes: Uint8Array) => void,
): Promise<void> {
  const offsetOf = (index: number) => ranges[index].offset;
  const order = orderByOffsets(ranges.length, offsetOf, source.size);
  const sizeOf = (index: number) => ranges[index].length;
  await readInOrder(source, { offsetOf, sizeOf, order }, (i, bytes, at) =>
    visit(i, bytes.subarray(at, at + sizeOf(i))),
  );
}

/** Up to so many offsets are sorted by comparison: a counting sort takes milliseconds for its empty steps. */
const FEW = 1 << 10;

/** The indexes in order of the steps that their offsets are in, by a counting sort; within a step as they come. */
export function orderBySteps(length: number, offsetOf: (index: number) => number, size: number): Uint32Array {
  return length <= FEW ? orderOfFew(length, offsetOf) : inSteps(length, offsetOf, stepOf(size)).order;
}

/**
 * Numbers in order of their offsets, those with the same one in order of the numbers.
 *
 * @param offsetOf gives the offset of each number from 0 to before `length`
 */
export function orderByOffsets(
  length: number,
  offsetOf: (number: number) => number,
  size: number,
): Uint32Array {
  if (length <= FEW) return orderOfFew(length, offsetOf);
  const { order, ends } = inSteps(length, offsetOf, stepOf(size));
  let from = 0;
  for (const to of ends) {
    if (to - from > 1) order.subarray(from, to).sort((a, b) => offsetOf(a) - offsetOf(b) || a - b);
    from = to;
  }
  return order;
}

function orderOfFew(length: number, offsetOf: (number: number) => number): Uint32Array {
  const order = Uint32Array.from({ length }, (_, n) => n);
  return order.sort((a, b) => offsetOf(a) - offsetOf(b) || a - b);
}

/** The numbers by the steps that their offsets are in, and where those of each step end. */
function inSteps(
  length: number,
  offsetOf: (number: number) => number,
  step: number,
): { order: Uint32Array; ends: Uint32Array } {
  const next = new Uint32Array(STEPS + 1);
  for (let n = 0; n < length; n++) next[Math.floor(offsetOf(n) / step) + 1]++;
  for (let i = 0; i < STEPS; i++) next[i + 1] += next[i];
  const order = new Uint32Array(length);
  for (let n = 0; n < length; n++) order[next[Math.floor(offsetOf(n) / step)]++] = n;
  return { order, ends: next.subarray(0, STEPS) };
}

const stepOf = (size: number) => Math.max(1, Math.ceil((size + 1) / STEPS));
