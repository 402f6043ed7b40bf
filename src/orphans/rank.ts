import type { HashClaims, HashRange } from '../database/claims.js';
import { rangeOf } from '../database/claims.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/survey.js';
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
/** Of a longer record only so many bytes count as in use. */
const REACH = 4096;

/**
 * The buckets that are in force although nothing leads to them: whole, with most of their keys, and the only candidates
 * for hashes that no other bucket claims. What their records and free lists say tells others apart.
 */
export function unrivalled(candidates: readonly Candidate[], claims: HashClaims): BucketSite[] {
  const nameOf = ({ first, bits }: HashRange) => first * (HASH_BITS + 1) + bits;
  /** How many candidates have a range, and how many have one inside it. */
  const exact = new Map<number, number>();
  const inside = new Map<number, number>();
  const count = (counts: Map<number, number>, name: number) => counts.set(name, (counts.get(name) ?? 0) + 1);
  const open: { site: BucketSite; range: HashRange; proved: number }[] = [];
  for (const { site, range, proved } of candidates) {
    if (range === undefined || claims.overlaps(range)) continue;
    open.push({ site, range, proved });
    count(exact, nameOf(range));
    for (let bits = range.bits - 1; bits >= 0; bits--) count(inside, nameOf(rangeOf(range.first, bits)));
  }
  const isAlone = (range: HashRange) => {
    if (exact.get(nameOf(range)) !== 1 || inside.has(nameOf(range))) return false;
    for (let bits = range.bits - 1; bits >= 0; bits--) {
      if (exact.has(nameOf(rangeOf(range.first, bits)))) return false;
    }
    return true;
  };
  return open
    .filter(({ site, range, proved }) => site.state === 'sound' && proved >= MOSTLY_PROVED && isAlone(range))
    .map(({ site }) => site);
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
  const contradicted: boolean[] = [];
  for (const { site } of candidates) contradicted.push(await inUse.isContradicted(site));
  const worth = candidates.map((candidate, n) => ({
    candidate,
    proved: candidate.proved < ENOUGH_PROVED ? 0 : candidate.proved < MOSTLY_PROVED ? 1 : 2,
    used: overwritten.has(candidate.site.offset) || free.covers(candidate.site.offset, bucketSize) ? 0 : 1,
    consistent: contradicted[n] ? 0 : 1,
    // A bucket keeps its place until it is split: elements with its very range are left of one that was split before.
    whole: candidate.site.state === 'sound' ? 1 : 0,
    // Of few elements the shared bits say little; still the deeper one is more likely the newer one.
    depth:
      candidate.range?.bits ??
      (candidate.site.used >= FEW ? candidate.site.bits - HASH_BITS : -HASH_BITS) - 1,
  }));
  worth.sort(
    (a, b) =>
      b.proved - a.proved ||
      b.used - a.used ||
      b.consistent - a.consistent ||
      b.depth - a.depth ||
      b.whole - a.whole ||
      b.candidate.proved - a.candidate.proved ||
      a.candidate.site.offset - b.candidate.site.offset,
  );
  return worth.map(({ candidate }) => candidate);
}
