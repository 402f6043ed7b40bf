import { HASH_BITS, HASH_RANGE } from '../format/hash.js';

/** One bucket to be: all hashes from `first` that share its first `bits` bits. */
export interface Partition {
  /** The lowest hash of its range. */
  readonly first: number;
  /** Leading bits that its hashes share. */
  readonly bits: number;
  /** Its records are those from here … */
  readonly from: number;
  /** … to before here, in order of their hashes. */
  readonly to: number;
}

/**
 * Divides all hashes into the ranges of buckets, each the largest aligned range that holds no more records than
 * a bucket has elements: the buckets that splitting would lead to.
 *
 * @param hashes in ascending order, all of them from `begin` to before `limit`
 * @param capacity elements of a bucket
 * @param maxBits the deepest split that the directory can show
 * @param begin of all hashes those from here
 * @param limit to before here are divided
 * @returns undefined where more records than a bucket holds share `maxBits` bits
 */
export function partitionHashes(
  hashes: ArrayLike<number>,
  capacity: number,
  maxBits: number,
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
    // Too many if the record past the bucket's last element is still in the range.
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
