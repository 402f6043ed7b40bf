import { SiteReader } from '../check/bucketreader.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { isKeyAt } from './askedkeys.js';

/** Returns true if a record of some buckets, with its key in place, begins before a file offset and ends after it. */
export async function reachesOver(
  db: Database,
  sites: readonly BucketSite[],
  place: number,
): Promise<boolean> {
  const { source } = db;
  const reader = new SiteReader(db);
  for (const site of sites) {
    const { used, usedCount, hashes, pointers, keySizes, dataSizes } = await reader.read(site);
    for (let n = 0; n < usedCount; n++) {
      const i = used[n];
      const [offset, size] = [pointers[i], keySizes[i]];
      const isOver = offset >= 0 && offset < place && offset + size + dataSizes[i] > place;
      if (isOver && (await isKeyAt(source, offset, size, hashes[i]))) return true;
    }
  }
  return false;
}
