import type { HashRange } from '../database/claims.js';
import { rangeOf } from '../database/claims.js';
import type { BucketSite } from '../database/site.js';
import { HASH_BITS } from '../format/hash.js';
import type { Candidate } from './candidates.js';
import { Cover } from './cover.js';
import { holdsAny } from './free.js';

/**
 * Takes their hashes from emptied buckets that cannot be for them. What tells them are free elements, and libgdbm leaves in a new
 * bucket what stood in its memory: elements of others. Two buckets come of a split, so that beside a bucket there is another one,
 * or deeper ones; and none has hashes of its own.
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
  // Of which hashes another one is may not be known.
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

/** A bucket with fewer of its keys, as a share of those looked at, may be none. */
const PROVED = 0.5;

/**
 * Leaves out what looks like the emptied only bucket of a database where evidence contradicts it. Free elements and zero bytes
 * look like that, so it explains nothing. The only bucket keeps its place from the beginning, and no other one was ever there:
 * an element anywhere else that is proved by its key, or the directory leading to a place less than a bucket away, says that
 * this is none.
 *
 * @param led places that the directory leads to
 * @param hasElements whether elements were found that are in none of the candidates
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
    hasElements || candidates.some(({ site, proved }) => site.used > 0 && proved >= PROVED);
  const places = Float64Array.from(led, ({ offset }) => offset).sort();
  const isWithin = ({ site: { offset } }: Candidate) =>
    holdsAny(places, offset - bucketSize, offset + bucketSize) && !holdsAny(places, offset - 1, offset + 1);
  return candidates.filter((one) => !isOnly(one) || !(isContradicted || isWithin(one)));
}

/** Whether all records of a bucket were deleted. */
function isEmptied({ site }: Candidate): boolean {
  return site.state === 'sound' && site.used === 0;
}

/** The other half of what was split. */
function siblingOf({ first, bits }: HashRange): HashRange {
  const size = 2 ** (HASH_BITS - bits);
  const parent = rangeOf(first, bits - 1).first;
  return { first: parent === first ? first + size : parent, bits };
}
