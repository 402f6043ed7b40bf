import { checkAvailChain } from '../check/avail.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/survey.js';
import { readSite, roomForBucket } from '../database/survey.js';
import { BUCKET_AVAIL } from '../format/bucket.js';
import type { Range } from '../source/gather.js';
import type { RangeList } from '../source/ranges.js';
import { firstEndingAfter } from '../source/ranges.js';
import { joinRanges } from '../source/sweep.js';

/** Space that the file lists as free, without lists that contradict what is known to be in use. */
export class FreeSpace {
  readonly #ranges: RangeList;

  private constructor(ranges: readonly Range[]) {
    this.#ranges = joinRanges(ranges);
  }

  /** @param inUse buckets that are surely in use; a range over one of them is not believed */
  static async read(db: Database, inUse: readonly BucketSite[]): Promise<FreeSpace> {
    const listed: Range[] = [];
    const add = ({ av_adr, av_size }: { av_adr: number; av_size: number }) => {
      if (av_size > 0) listed.push({ offset: av_adr, length: av_size });
    };
    if (!db.headerLost) await checkAvailChain(db, add);
    const room = roomForBucket(db);
    for (const site of inUse) {
      if (site.availCount > 0 && site.availCount <= BUCKET_AVAIL) {
        (await readSite(db, site, room)).avail(site.availCount).forEach((entry) => {
          if (entry.av_adr > 0 && entry.av_adr + entry.av_size <= db.source.size) add(entry);
        });
      }
    }
    const { bucketSize } = db.geometry;
    const offsets = Float64Array.from(inUse, ({ offset }) => offset).sort();
    return new FreeSpace(
      listed.filter(({ offset, length }) => !holdsAny(offsets, offset - bucketSize, offset + length)),
    );
  }

  /** Whether most of a range is listed as free. */
  covers(offset: number, length: number): boolean {
    let free = 0;
    for (let i = firstEndingAfter(this.#ranges, offset); i < this.#ranges.length; i++) {
      const range = this.#ranges.at(i)!;
      if (range.offset >= offset + length) break;
      const from = Math.max(offset, range.offset);
      free += Math.max(0, Math.min(offset + length, range.offset + range.length) - from);
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
