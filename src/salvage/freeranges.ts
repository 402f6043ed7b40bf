import { checkAvailChain } from '../check/avail.js';
import { examineHead } from '../check/bucket.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { isPlaced, readSite, roomForBucket } from '../database/survey.js';

/**
 * Visits each range in the lists of free space, those of the header's chain and of the buckets in force. libgdbm does
 * not join ranges unless it is asked to, so each range is what was freed at once: a record with its key first, or a
 * structure. If a part of a range is used again, it is cut at its beginning.
 */
export async function eachFreeRange(
  db: Database,
  sites: readonly BucketSite[],
  visit: (offset: number, length: number) => void,
): Promise<void> {
  await checkAvailChain(db, ({ av_adr, av_size }) => visit(av_adr, av_size));
  const room = roomForBucket(db);
  for (const site of sites) {
    if (!isPlaced(site) || !(site.availCount > 0)) continue;
    const bucket = await readSite(db, site, room);
    for (const { av_adr, av_size } of examineHead(db, site, bucket).free) visit(av_adr, av_size);
  }
}
