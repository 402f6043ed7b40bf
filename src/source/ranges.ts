import type { Range } from './gather.js';

/** The index of the first of the sorted numbers that is larger. */
export function firstAfter(sorted: Float64Array | Int32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Ranges in order that do not overlap; an array of them is one. */
export interface RangeList extends Iterable<Range> {
  readonly length: number;
  /** The range of an index from 0 to before `length`. */
  at(index: number): Range | undefined;
}

/** The index of the first of the ranges that ends after an offset; they are in order and do not overlap. */
export function firstEndingAfter(ranges: RangeList, offset: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { offset: start, length } = ranges.at(middle)!;
    if (start + length > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}
