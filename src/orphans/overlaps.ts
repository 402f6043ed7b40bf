import { SiteReader } from '../check/bucketreader.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { firstAfter, NumberList, OffsetList } from '../numbers.js';
import { hashRanges } from './keyhashes.js';
import { LONGEST } from './findkeys.js';

/** Maximum average number of times that a place is touched: few elements have a wrong size. */
const TOUCHED_PER_PLACE = 256;

/**
 * Finds the places at which no bucket can be, because it would share bytes with a bucket in force, or with a record
 * of one whose key is there.
 *
 * @param places file offsets
 * @param inForce buckets that are surely in force
 * @param reach maximum number of bytes of a record that count: the size of its value may be wrong
 * @param leastKey minimum key size of the records that count: an empty key is at every place
 */
export async function placesInUse(
  db: Database,
  places: Iterable<number>,
  inForce: readonly BucketSite[],
  reach = Infinity,
  leastKey = 0,
): Promise<Set<number>> {
  const { bucketSize } = db.geometry;
  const inUse = new Set<number>();
  const sorted = inOrder(places);
  if (sorted.length === 0) return inUse;
  let left = TOUCHED_PER_PLACE * sorted.length;
  // Records as columns, and each touched place with the index of its record.
  const offsets = new OffsetList();
  const sizes = new NumberList();
  const hashes = new NumberList();
  const touching = new NumberList();
  const touchedPlaces = new NumberList();
  const reader = new SiteReader(db);
  for (const site of inForce) {
    const { used, usedCount, pointers, keySizes, dataSizes, hashes: ownHashes } = await reader.read(site);
    const siteEnd = site.offset + bucketSize;
    for (let at = firstAfter(sorted, site.offset - bucketSize); sorted[at] < siteEnd && --left >= 0; at++) {
      // A bucket does not conflict with itself.
      if (sorted[at] !== site.offset) inUse.add(sorted[at]);
    }
    for (let n = 0; n < usedCount; n++) {
      const i = used[n];
      const offset = pointers[i];
      const size = keySizes[i];
      const end = offset + size + dataSizes[i];
      const possible =
        offset > 0 && size >= leastKey && size <= LONGEST && end > offset && end <= db.source.size;
      if (!possible) continue;
      const touchedEnd = Math.min(end, offset + reach);
      const before = touchedPlaces.length;
      for (let at = firstAfter(sorted, offset - bucketSize); sorted[at] < touchedEnd && --left >= 0; at++) {
        touchedPlaces.push(at);
        touching.push(offsets.length);
      }
      if (touchedPlaces.length === before) continue;
      offsets.push(offset);
      sizes.push(size);
      hashes.push(ownHashes[i]);
    }
  }
  const { signed, unsigned } = await hashRanges(db.source, {
    length: offsets.length,
    offsets: offsets.values(),
    sizes: sizes.values(),
  });
  for (let i = 0; i < touching.length; i++) {
    const n = touching.at(i);
    const hash = hashes.at(n);
    if (hash === signed[n] || hash === unsigned[n]) inUse.add(sorted[touchedPlaces.at(i)]);
  }
  return inUse;
}

/** Numbers in order, each once. */
function inOrder(numbers: Iterable<number>): Float64Array {
  const sorted = Float64Array.from(numbers).sort();
  return sorted.filter((number, i) => i === 0 || number !== sorted[i - 1]);
}
