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
import { weights } from '../weights.js';

/** Factor that leaves room for a depth: depths are from −32 to 31. */
const DEPTHS = 128;
/** Maximum number of bytes of a record that count as in use. */
const REACH = 4096;

/**
 * Buckets in force although nothing leads to them: whole, with most of their keys, and the only candidates for hashes
 * that no other bucket claims. Their records and free lists are evidence about the other candidates.
 */
export function unrivalled(candidates: readonly Candidate[], claims: HashClaims): BucketSite[] {
  /** Ranges of one or more candidates, ranges of several, and ranges that contain a candidate's smaller one. */
  const exact = new NumberSet();
  const several = new NumberSet();
  const inside = new NumberSet();
  for (const { range } of candidates) {
    if (range === undefined || claims.overlaps(range)) continue;
    if (!exact.add(rangeName(range))) several.add(rangeName(range));
    // If a range was seen, all ranges around it were seen too.
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
    if (site.state === 'sound' && proved >= weights.bucket.mostlyProved && isAlone(range)) sites.push(site);
  }
  return sites;
}

/**
 * Sorts the candidates, the likeliest in force first.
 *
 * @param inForce buckets that are surely in force
 * @param areMixed true if there are blocks of another file, of whose buckets fewer keys are there
 */
export async function rank(
  db: Database,
  candidates: readonly Candidate[],
  free: FreeSpace,
  inForce: readonly BucketSite[],
  areMixed: boolean,
): Promise<Candidate[]> {
  const { bucketSize } = db.geometry;
  const inUse = await RecordsInUse.read(db, inForce);
  const places = candidates.map(({ site }) => site.offset);
  const overwritten = await placesInUse(db, places, inForce, REACH);
  // One number per candidate encodes the criteria: the first one that differs decides.
  const worth = new Float64Array(candidates.length);
  for (const [n, { site, range, proved }] of candidates.entries()) {
    let value =
      proved < weights.bucket.enoughProved ? 0 : areMixed && proved < weights.bucket.mostlyProved ? 1 : 2;
    const isUsed = !overwritten.has(site.offset) && !free.covers(site.offset, bucketSize);
    value = 2 * value + Number(isUsed);
    value = 2 * value + Number(!(await inUse.isContradicted(site)));
    // Shared bits of few elements are weak evidence, but the deeper bucket is still more likely the newer one.
    const depth = range?.bits ?? site.bits - HASH_BITS - 1;
    value = DEPTHS * value + depth + DEPTHS / 2;
    // A bucket keeps its place until it is split: elements with exactly its range are left of one that was split
    // before.
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
