import type { HashClaims, HashRange } from '../database/claims.js';
import { rangeName, rangeOf } from '../database/claims.js';
import type { Database } from '../database/database.js';
import { NumberSet } from '../numbers.js';
import type { BucketSite } from '../database/site.js';
import { HASH_BITS } from '../format/hash.js';
import type { Candidate } from './candidates.js';
import type { FreeSpace } from './free.js';
import { RecordsInUse } from './inuse.js';
import { placesInUse } from './overlaps.js';

/** A bucket with fewer of its keys is behind every other one. */
const ENOUGH_PROVED = 0.25;

/**
 * With fewer it is behind those with more: of two files whose blocks were mixed the one with fewer blocks here has fewer
 * of its buckets' keys, and an old bucket has those that were not moved since.
 */
const MOSTLY_PROVED = 0.6;

/** With fewer elements the bits that they share are chance. */
const FEW = 3;
/** More than there are different depths: from −32 to 31. */
const DEPTHS = 128;
/** Of a longer record only so many bytes count as in use. */
const REACH = 4096;

/**
 * The buckets that are in force although nothing leads to them: whole, with most of their keys, and the only candidates
 * for hashes that no other bucket claims. What their records and free lists say tells others apart.
 */
export function unrivalled(candidates: readonly Candidate[], claims: HashClaims): BucketSite[] {
  /** Ranges that a candidate has, that several have, and inside which one has its own. */
  const exact = new NumberSet();
  const several = new NumberSet();
  const inside = new NumberSet();
  for (const { range } of candidates) {
    if (range === undefined || claims.overlaps(range)) continue;
    if (!exact.add(rangeName(range))) several.add(rangeName(range));
    // What is around one that was seen was seen, too.
    for (let bits = range.bits - 1; bits >= 0; bits--) {
      if (!inside.add(rangeName(rangeOf(range.first, bits)))) break;
    }
  }
  const isAlone = (range: HashRange) => {
    if (several.has(rangeName(range)) || inside.has(rangeName(range))) return false;
    for (let bits = range.bits - 1; bits >= 0; bits--) {
      if (exact.has(rangeName(rangeOf(range.first, bits)))) return false;
    }
    return true;
  };
  const sites: BucketSite[] = [];
  for (const { site, range, proved } of candidates) {
    if (range === undefined || claims.overlaps(range)) continue;
    if (site.state === 'sound' && proved >= MOSTLY_PROVED && isAlone(range)) sites.push(site);
  }
  return sites;
}

/**
 * Puts the candidates first that are more likely in force.
 *
 * @param inForce buckets that surely are
 */
export async function rank(
  db: Database,
  candidates: readonly Candidate[],
  free: FreeSpace,
  inForce: readonly BucketSite[],
): Promise<Candidate[]> {
  const { bucketSize } = db.geometry;
  const inUse = await RecordsInUse.read(db, inForce);
  const places = candidates.map(({ site }) => site.offset);
  const overwritten = await placesInUse(db, places, inForce, REACH);
  // A number for each: of what follows the first that differs decides.
  const worth = new Float64Array(candidates.length);
  for (const [n, { site, range, proved }] of candidates.entries()) {
    let value = proved < ENOUGH_PROVED ? 0 : proved < MOSTLY_PROVED ? 1 : 2;
    const isUsed = !overwritten.has(site.offset) && !free.covers(site.offset, bucketSize);
    value = 2 * value + Number(isUsed);
    value = 2 * value + Number(!(await inUse.isContradicted(site)));
    // Of few elements the shared bits say little; still the deeper one is more likely the newer one.
    const depth = range?.bits ?? (site.used >= FEW ? site.bits - HASH_BITS : -HASH_BITS) - 1;
    value = DEPTHS * value + depth + DEPTHS / 2;
    // A bucket keeps its place until it is split: elements with its very range are left of one that was split before.
    worth[n] = 2 * value + Number(site.state === 'sound');
  }
  const order = Uint32Array.from(candidates, (_, n) => n).sort(
    (a, b) =>
      worth[b] - worth[a] ||
      candidates[b].proved - candidates[a].proved ||
      candidates[a].site.offset - candidates[b].site.offset,
  );
  return Array.from(order, (n) => candidates[n]);
}
