import { firstIndex, OffsetSorter } from '../numbers.js';
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

/**
 * Reads many ranges in order of their offsets, neighbours together. Memory, used again for the next ranges: 8 bytes for
 * each, and one joint read, of 256 KiB or of the longest range.
 */
export class RangeReader {
  readonly #source: Source;
  readonly #sorter = new OffsetSorter();
  #buffer = new Uint8Array(0);

  constructor(source: Source) {
    this.#source = source;
  }

  /**
   * @param sizes bytes of each range; negative for one that is not wanted
   * @param visit gets each number with the place of the range's first byte in `bytes`, which are only valid during the call
   */
  async read(
    offsets: Float64Array,
    sizes: ArrayLike<number>,
    visit: (index: number, bytes: Uint8Array, at: number) => void,
  ): Promise<void> {
    const { length } = offsets;
    const order = this.#sorter.orderOf(offsets, length, 0, this.#source.size + 1);
    for (let n = 0; n < length;) {
      if (sizes[order[n]] < 0) {
        n++;
        continue;
      }
      const start = offsets[order[n]];
      let end = start + sizes[order[n]];
      let next = n + 1;
      for (; next < length; next++) {
        const offset = offsets[order[next]];
        const size = sizes[order[next]];
        if (size < 0) continue;
        if (offset > end + MAX_GAP || Math.max(end, offset + size) - start > MAX_READ) break;
        if (offset + size > end) end = offset + size;
      }
      const bytes = await this.#fill(start, end - start);
      for (; n < next; n++) {
        const index = order[n];
        if (sizes[index] >= 0) visit(index, bytes, offsets[index] - start);
      }
    }
  }

  #fill(offset: number, length: number): Promise<Uint8Array> {
    if (this.#source.readInto !== undefined && this.#buffer.length < length) {
      // Most readers read a few ranges: each with the largest buffer, they would leave much garbage.
      this.#buffer = new Uint8Array(Math.max(length, Math.min(MAX_READ, 4 * this.#buffer.length)));
    }
    return fill(this.#source, offset, length, this.#buffer);
  }
}

/**
 * Reads ranges in any order with few reads; see {@link RangeReader}.
 *
 * @param visit gets each range's index and bytes, in order of offset; the bytes are only valid during the call
 */
export async function gather(
  source: Source,
  ranges: readonly Range[],
  visit: (index: number, bytes: Uint8Array) => void,
): Promise<void> {
  const offsets = Float64Array.from(ranges, ({ offset }) => offset);
  const sizes = Float64Array.from(ranges, ({ length }) => length);
  await new RangeReader(source).read(offsets, sizes, (i, bytes, at) =>
    visit(i, bytes.subarray(at, at + sizes[i])),
  );
}

/** Offsets are first sorted by so many steps. */
const STEPS = 2 ** 16;
/** Up to so many offsets are sorted by comparison: a counting sort takes milliseconds for its empty steps. */
const FEW = 1 << 10;

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
