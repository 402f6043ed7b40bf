import { checkAvailChain } from '../check/avail.js';
import { Extents } from '../check/sound/extents.js';
import { RecordRuns } from '../check/sound/recordruns.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/survey.js';
import { readSite, roomForBucket } from '../database/survey.js';
import { BUCKET_AVAIL } from '../format/bucket.js';

/** Space that the file lists as free, without lists that contradict what is known to be in use; 8 bytes for each range. */
export class FreeSpace {
  readonly #ranges: RecordRuns;

  private constructor(ranges: Extents, size: number) {
    this.#ranges = new RecordRuns(size);
    for (let i = 0; i < ranges.length; i++) {
      this.#ranges.cover(ranges.offset(i), ranges.offset(i) + ranges.size(i));
    }
  }

  /** @param inUse buckets that are surely in use; a range over one of them is not believed */
  static async read(db: Database, inUse: readonly BucketSite[]): Promise<FreeSpace> {
    const { source, geometry } = db;
    const buckets = Float64Array.from(inUse, ({ offset }) => offset).sort();
    // There may be as many as half of the records: no object is kept of any.
    const listed = new Extents(source.size);
    const add = ({ av_adr, av_size }: { av_adr: number; av_size: number }) => {
      if (!(av_size > 0 && av_adr > 0 && av_adr + av_size <= source.size)) return;
      if (!holdsAny(buckets, av_adr - geometry.bucketSize, av_adr + av_size))
        listed.add('free', av_adr, av_size);
    };
    if (!db.headerLost) await checkAvailChain(db, add);
    const room = roomForBucket(db);
    for (const site of inUse) {
      if (site.availCount > 0 && site.availCount <= BUCKET_AVAIL) {
        (await readSite(db, site, room)).avail(site.availCount).forEach(add);
      }
    }
    return new FreeSpace(listed.sort(), source.size);
  }

  /** Whether most of a range is listed as free. */
  covers(offset: number, length: number): boolean {
    const ranges = this.#ranges;
    let free = 0;
    for (let i = Math.max(0, ranges.runAt(offset)); i < ranges.length; i++) {
      if (ranges.start(i) >= offset + length) break;
      free += Math.max(0, Math.min(offset + length, ranges.end(i)) - Math.max(offset, ranges.start(i)));
    }
    return free * 2 > length;
  }
}

/** Whether a sorted list holds a number that is greater than `low` and less than `high`. */
export function holdsAny(sorted: Float64Array, low: number, high: number): boolean {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (sorted[middle] > low) to = middle;
    else from = middle + 1;
  }
  return from < sorted.length && sorted[from] < high;
}
