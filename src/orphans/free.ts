import { checkAvailChain } from '../check/avail.js';
import type { FreeParts } from '../check/space.js';
import { RecordRuns, Structures } from '../check/space.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { readSite, roomForBucket } from '../database/survey.js';
import { BUCKET_AVAIL } from '../format/bucket.js';
import { firstAfter } from '../numbers.js';

/** Number of file parts whose sorted ranges are cached. */
const KEPT = 16;

/**
 * Space that the file lists as free, without lists that contradict structures known to be in use. There may be half
 * as many ranges as records, so a short range takes 4 bytes and none takes an object.
 */
export class FreeSpace {
  readonly #short: FreeParts;
  /** Long ranges, in order and joined. */
  readonly #long: RecordRuns;
  readonly #kept = new Map<number, Float64Array>();

  private constructor({ extents, free }: Structures, size: number) {
    this.#short = free;
    this.#long = new RecordRuns(size);
    const long = extents.sort();
    for (let i = 0; i < long.length; i++) this.#long.cover(long.offset(i), long.offset(i) + long.size(i));
  }

  /** @param inUse buckets that are surely in use; a range over one of them is not believed */
  static async read(db: Database, inUse: readonly BucketSite[]): Promise<FreeSpace> {
    const { source, geometry } = db;
    const buckets = Float64Array.from(inUse, ({ offset }) => offset).sort();
    // There may be half as many ranges as records, so no object is kept for one.
    const listed = new Structures(source.size);
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
    return new FreeSpace(listed, source.size);
  }

  /** Returns true if more than half of a range is listed as free. */
  covers(offset: number, length: number): boolean {
    const end = offset + length;
    const long = this.#long;
    let free = 0;
    let done = offset;
    const take = (from: number, to: number) => {
      const until = Math.min(to, end);
      free += Math.max(0, until - Math.max(done, from));
      done = Math.max(done, until);
    };
    let next = Math.max(0, long.runAt(offset));
    const takeLongBefore = (before: number) => {
      for (; next < long.length && long.start(next) < before; next++) take(long.start(next), long.end(next));
    };
    const [first, last] = this.#short.partsOver(offset, end);
    for (let part = first; part < last; part++) {
      const borders = this.#bordersOf(part);
      // Even indexes begin a range, odd ones end it: this is the first range that ends after the offset.
      for (let i = firstAfter(borders, offset) & ~1; i < borders.length && borders[i] < end; i += 2) {
        takeLongBefore(borders[i]);
        take(borders[i], borders[i + 1]);
      }
    }
    takeLongBefore(end);
    return free * 2 > length;
  }

  #bordersOf(part: number): Float64Array {
    const kept = this.#kept.get(part);
    if (kept !== undefined) return kept;
    const borders = this.#short.joined(part);
    // Lookups mostly come in ascending order of offsets.
    if (this.#kept.size === KEPT) this.#kept.clear();
    this.#kept.set(part, borders);
    return borders;
  }
}

/**
 * Returns true if the header's list of free space contains one of these buckets as a whole. Then the bucket was
 * split, or the list is wrong.
 */
export async function listsBucket(db: Database, buckets: readonly BucketSite[]): Promise<boolean> {
  if (db.headerLost) return false;
  const { bucketSize } = db.geometry;
  const offsets = Float64Array.from(buckets, ({ offset }) => offset).sort();
  let lists = false;
  await checkAvailChain(db, ({ av_adr, av_size }) => {
    lists ||= av_size >= bucketSize && holdsAny(offsets, av_adr - 1, av_adr + av_size - bucketSize + 1);
  });
  return lists;
}

/** Returns true if a sorted list holds a number that is greater than `low` and less than `high`. */
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
