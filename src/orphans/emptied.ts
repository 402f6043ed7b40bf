import type { HashClaims, HashRange } from '../database/claims.js';
import { rangeOf } from '../database/claims.js';
import type { BucketSite } from '../database/site.js';
import { HASH_BITS } from '../format/hash.js';
import type { Candidate } from './candidates.js';
import { Cover } from './cover.js';
import { holdsAny } from './free.js';
import { weights } from '../weights.js';

/**
 * Removes the ranges of hashes from emptied buckets that cannot be right. Such a range is derived from free elements,
 * and libgdbm leaves uninitialized memory in a new bucket, which may hold elements of other buckets. A split makes
 * two buckets, so next to a bucket there is its sibling, or deeper ones. An emptied bucket also cannot share hashes
 * with a bucket in use.
 *
 * @param settled hashes of the buckets that the directory leads to
 */
export function withoutMisplaced(
  candidates: readonly Candidate[],
  settled: () => Iterable<HashRange>,
): readonly Candidate[] {
  const emptied = candidates.filter(isEmptied);
  if (emptied.length === 0) return candidates;
  const rangesOf = (some: readonly Candidate[]) => some.flatMap(({ range }) => range ?? []);
  const used = new Cover(settled(), rangesOf(candidates.filter((one) => !isEmptied(one))));
  const all = new Cover(settled(), rangesOf(candidates));
  // The range of the other bucket may be unknown.
  const [, depthOfOther = -1] = emptied.map(({ site }) => site.bits).sort((a, b) => b - a);
  const isIn = (cover: Cover, range: HashRange) =>
    cover.covers(range, range.bits) || cover.reachesInto(range);
  return candidates.map((one) => {
    const { range } = one;
    if (!isEmptied(one) || range === undefined || range.bits === 0) return one;
    const isBeside = isIn(all, siblingOf(range)) || depthOfOther >= range.bits;
    return !isIn(used, range) && isBeside ? one : { ...one, range: undefined };
  });
}

/**
 * Drops candidates that look like the emptied only bucket of a database, if evidence contradicts them. Free elements
 * and zero bytes look the same, so such a candidate explains nothing. The only bucket never moves, and no other
 * bucket ever existed. An element elsewhere that is proved by its key refutes the candidate, and so does a directory
 * entry that leads to an offset less than a bucket away.
 *
 * @param led places that the directory leads to
 * @param hasElements true if elements were found outside of all candidates
 */
export function withoutContradicted(
  candidates: readonly Candidate[],
  led: readonly BucketSite[],
  bucketSize: number,
  hasElements: boolean,
): readonly Candidate[] {
  const isOnly = (one: Candidate) => isEmptied(one) && one.site.bits === 0;
  if (!candidates.some(isOnly)) return candidates;
  const isContradicted =
    hasElements ||
    candidates.some(({ site, proved }) => site.used > 0 && proved >= weights.bucket.enoughProved);
  const places = Float64Array.from(led, ({ offset }) => offset).sort();
  const isWithin = ({ site: { offset } }: Candidate) =>
    holdsAny(places, offset - bucketSize, offset + bucketSize) && !holdsAny(places, offset - 1, offset + 1);
  return candidates.filter((one) => !isOnly(one) || !(isContradicted || isWithin(one)));
}

/**
 * Places emptied buckets whose elements do not tell their range: one that alone has as many bits as the only range
 * of its size without a bucket is the bucket of that range, because a bucket without records is never split.
 */
export function emptiedInGaps(
  candidates: readonly Candidate[],
  claims: HashClaims,
): [HashRange, BucketSite][] {
  const waiting = candidates.filter((one) => isEmptied(one) && one.range === undefined);
  if (waiting.length === 0) return [];
  const gaps: HashRange[][] = Array.from({ length: HASH_BITS + 1 }, () => []);
  for (const { first, end } of claims.open()) {
    const bits = HASH_BITS - Math.log2(end - first);
    if (Number.isInteger(bits) && rangeOf(first, bits).first === first) gaps[bits].push({ first, bits });
  }
  return gaps.flatMap((ranges, bits) => {
    const fitting = waiting.filter(({ site }) => site.bits === bits);
    return ranges.length === 1 && fitting.length === 1 ? [[ranges[0], fitting[0].site]] : [];
  });
}

/** Returns true if all records of a bucket were deleted. */
function isEmptied({ site }: Candidate): boolean {
  return site.state === 'sound' && site.used === 0;
}

/** The other half of the split range. */
function siblingOf({ first, bits }: HashRange): HashRange {
  const size = 2 ** (HASH_BITS - bits);
  const parent = rangeOf(first, bits - 1).first;
  return { first: parent === first ? first + size : parent, bits };
}
