import type { Range } from './gather.js';

/** The index of the first of the sorted numbers that is larger. */
export function firstAfter(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The index of the first of the ranges that ends after an offset; they are in order and do not overlap. */
export function firstEndingAfter(ranges: readonly Range[], offset: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle].offset + ranges[middle].length > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}
