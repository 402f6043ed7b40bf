import { large } from './large.js';

/** Bits of the digit of one pass of the sort. */
const DIGIT = 11;

/** Puts offsets in order again and again, in memory that is used again: 8 bytes for each. */
export class OffsetSorter {
  #one = new Uint32Array(0);
  #other = new Uint32Array(0);

  /**
   * The numbers of the first `length` offsets in their order, all of them from `base` to before `end`; valid until it is asked
   * again.
   */
  orderOf(offsets: Float64Array, length: number, base: number, end: number): Uint32Array {
    if (this.#one.length < length) {
      // The next ones may be a few more.
      const room = length + (length >>> 4);
      this.#one = large(Uint32Array, room);
      this.#other = large(Uint32Array, room);
    }
    const [order, target] = [this.#one.subarray(0, length), this.#other.subarray(0, length)];
    for (let i = 0; i < length; i++) order[i] = i;
    return sortByDigits(offsets, base, end, order, target);
  }
}

function sortByDigits(
  offsets: Float64Array,
  base: number,
  end: number,
  order: Uint32Array,
  target: Uint32Array,
): Uint32Array {
  const { length } = order;
  const starts = new Uint32Array((1 << DIGIT) + 1);
  // A radix sort from the lowest digit: stable, and linear in the number of elements.
  for (let unit = 1; unit < end - base; unit *= 1 << DIGIT) {
    starts.fill(0);
    for (let i = 0; i < length; i++) starts[digitOf(offsets[i] - base, unit) + 1]++;
    for (let d = 0; d < 1 << DIGIT; d++) starts[d + 1] += starts[d];
    for (let n = 0; n < length; n++) {
      const i = order[n];
      target[starts[digitOf(offsets[i] - base, unit)]++] = i;
    }
    [order, target] = [target, order];
  }
  return order;
}

function digitOf(value: number, unit: number): number {
  // Exact below 2^53; the conversion takes what is below 2^32 of the quotient.
  return Math.floor(value / unit) & ((1 << DIGIT) - 1);
}
