import { HASH_BITS, HASH_RANGE } from '../format/hash.js';

/** The range of hashes of one bucket, and its records: those from number `from` to before `to` in order of hashes. */
export interface Partition {
  /** The lowest hash of the range. */
  readonly first: number;
  /** Leading bits that its hashes share. */
  readonly bits: number;
  readonly from: number;
  readonly to: number;
}

/** The limits by which records are divided into buckets. */
export interface Division {
  /** Elements of a bucket. */
  readonly capacity: number;
  /** The deepest split that the directory can show. */
  readonly maxBits: number;
}

/** Spilled records are counted by so many leading bits of their hashes. */
export const BIN_BITS = 11;

/**
 * Divides the hashes from `begin` to before `limit` into the ranges of buckets, each the largest aligned range that holds no
 * more records than a bucket has elements: the buckets that splitting would lead to.
 *
 * @param hashes in ascending order
 * @returns undefined where more records than a bucket holds share `maxBits` bits
 */
export function partitionHashes(
  hashes: ArrayLike<number>,
  { capacity, maxBits }: Division,
  begin = 0,
  limit = HASH_RANGE,
): Partition[] | undefined {
  const partitions: Partition[] = [];
  let first = begin;
  let from = 0;
  while (first < limit) {
    let bits = first === 0 ? 0 : HASH_BITS - trailingZeros(first);
    let end = first + 2 ** (HASH_BITS - bits);
    while (end > limit) {
      bits++;
      end = first + 2 ** (HASH_BITS - bits);
    }
    // Split while the record past the bucket's last element is still in the range.
    while (from + capacity < hashes.length && hashes[from + capacity] < end) {
      bits++;
      end = first + 2 ** (HASH_BITS - bits);
    }
    if (bits > maxBits) return undefined;
    let to = from;
    while (to < hashes.length && hashes[to] < end) to++;
    partitions.push({ first, bits, from, to });
    first = end;
    from = to;
  }
  return partitions;
}

function trailingZeros(value: number): number {
  return HASH_BITS - Math.clz32(value & -value);
}

/**
 * Divides bins of hashes into parts of at most so many records that end where a bucket ends: between two halves of a range
 * that has more records than a bucket holds. Where hashes are far from even, parts are larger.
 *
 * @param counts records of each bin
 * @returns the bin past the last of each part
 */
export function divideBins(counts: Uint32Array, most: number, { capacity, maxBits }: Division): number[] {
  const bins = counts.length;
  const bits = Math.log2(bins);
  const before = new Float64Array(bins + 1);
  for (let bin = 0; bin < bins; bin++) before[bin + 1] = before[bin] + counts[bin];
  const isSplitAt = (bin: number) => {
    const alignment = bin & -bin;
    return (
      bits - Math.log2(alignment) <= maxBits && before[bin + alignment] - before[bin - alignment] > capacity
    );
  };
  const ends: number[] = [];
  let begin = 0;
  let last = 0;
  for (let bin = 1; bin < bins; bin++) {
    if (!isSplitAt(bin)) continue;
    if (before[bin] - before[begin] > most && last > begin) {
      ends.push(last);
      begin = last;
    }
    last = bin;
  }
  if (before[bins] - before[begin] > most && last > begin) ends.push(last);
  return [...ends, bins];
}
