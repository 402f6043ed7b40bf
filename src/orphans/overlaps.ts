import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/survey.js';
import { readSite, roomForBucket } from '../database/survey.js';
import { FREE_HASH } from '../format/hash.js';
import { firstAfter } from '../source/ranges.js';
import { hashRanges } from './keyhashes.js';
import { MAX_LOCATED } from './locate.js';
import { NumberList } from '../columns/numberlist.js';
import { OffsetList } from '../columns/offsetlist.js';

/** Times that a place is touched, at most, on an average: elements that lie about their size are few. */
const TOUCHED_PER_PLACE = 256;

/**
 * Of places at which a bucket may be, those at which none is: it would share bytes with a bucket in force, or with a
 * record of one whose key is there.
 *
 * @param places file offsets
 * @param inForce buckets that are surely in force
 * @param reach so many bytes of a record count, at most: its value's size may be wrong
 */
export async function placesInUse(
  db: Database,
  places: Iterable<number>,
  inForce: readonly BucketSite[],
  reach = Infinity,
): Promise<Set<number>> {
  const { bucketSize } = db.geometry;
  const inUse = new Set<number>();
  const sorted = inOrder(places);
  if (sorted.length === 0) return inUse;
  let left = TOUCHED_PER_PLACE * sorted.length;
  /** The numbers of the places that a range touches. */
  const touched = (offset: number, end: number): number[] => {
    const found: number[] = [];
    for (let i = firstAfter(sorted, offset - bucketSize); i < sorted.length && sorted[i] < end; i++) {
      if (--left < 0) break;
      found.push(i);
    }
    return found;
  };
  // Records as columns, and each place that one touches with its number.
  const offsets = new OffsetList();
  const sizes = new NumberList();
  const hashes = new NumberList();
  const touching = new NumberList();
  const touchedPlaces = new NumberList();
  const room = roomForBucket(db);
  for (const site of inForce) {
    const bucket = await readSite(db, site, room);
    for (const place of touched(site.offset, site.offset + bucketSize)) {
      // It does not stand in its own way.
      if (sorted[place] !== site.offset) inUse.add(sorted[place]);
    }
    for (let i = 0; i < bucket.elements; i++) {
      const hash = bucket.hash(i);
      if (hash === FREE_HASH) continue;
      const offset = bucket.dataPointer(i);
      const size = bucket.keySize(i);
      const end = offset + size + bucket.dataSize(i);
      const possible =
        offset > 0 && size >= 0 && size <= MAX_LOCATED && end > offset && end <= db.source.size;
      if (!possible) continue;
      const before = touchedPlaces.length;
      for (const place of touched(offset, Math.min(end, offset + reach))) {
        touchedPlaces.push(place);
        touching.push(offsets.length);
      }
      if (touchedPlaces.length === before) continue;
      offsets.push(offset);
      sizes.push(size);
      hashes.push(hash);
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
