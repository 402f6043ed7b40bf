import type { Database } from '../database/database.js';
import { rangeOf } from '../database/claims.js';
import type { BucketSite } from '../database/survey.js';
import { readSite } from '../database/survey.js';
import { equalBytes } from '../format/bytes.js';
import { FREE_HASH, hashKey } from '../format/hash.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import type { SalvagedBatch, SalvagedRecord } from './salvage.js';

/** Longer keys of free elements are not read: the fields of an element that was never used may hold anything. */
const MAX_KEY = 64 * 1024;

/**
 * Records whose element was freed and whose key is still there. libgdbm frees an element by setting its hash to −1 and
 * leaves its other fields, so the hash is computed again from the bytes that they point at, and must be one of the
 * bucket's own range, with a home position from which the element's place is reached. Of the value nothing can be
 * proved: its space may have been used again.
 */
export async function* salvageDeleted(db: Database, survey: SearchedSurvey): AsyncGenerator<SalvagedBatch> {
  for (const site of [...survey.sites, ...survey.stale]) {
    if (site.state === 'sound') yield await deletedOf(db, site);
  }
}

async function deletedOf(db: Database, site: BucketSite): Promise<SalvagedRecord[]> {
  const { source } = db;
  const bucket = await readSite(db, site);
  const used = new Set<number>();
  let some: number | undefined;
  for (let i = 0; i < bucket.elements; i++) {
    if (bucket.hash(i) === FREE_HASH) continue;
    some ??= bucket.hash(i);
    used.add(bucket.dataPointer(i));
  }
  const own = some === undefined ? undefined : rangeOf(some, site.bits).first;
  const found: SalvagedRecord[] = [];
  for (let i = 0; i < bucket.elements; i++) {
    if (bucket.hash(i) !== FREE_HASH) continue;
    const offset = bucket.dataPointer(i);
    const keySize = bucket.keySize(i);
    const dataSize = bucket.dataSize(i);
    const possible = offset > 0 && keySize > 0 && keySize <= MAX_KEY && dataSize >= 0;
    if (!possible || offset + keySize + dataSize > source.size || used.has(offset)) continue;
    const key = await source.read(offset, keySize);
    const start = bucket.keyStart(i).subarray(0, Math.min(4, keySize));
    if (!equalBytes(start, key.subarray(0, start.length))) continue;
    for (const flavour of ['signed', 'unsigned'] as const) {
      const hash = hashKey(key, flavour);
      const distance = (i - (hash % bucket.elements) + bucket.elements) % bucket.elements;
      const belongs = own === undefined || rangeOf(hash, site.bits).first === own;
      // Deleting moves later elements of a run towards their home, never away from it.
      if (!belongs || distance > bucket.elements >> 1) continue;
      const { offset: at } = site;
      const place = { hash, offset, keySize, dataSize, bucket: at, element: i };
      found.push({ ...place, hashChar: flavour, provenance: 'deleted' });
      break;
    }
  }
  return found;
}
