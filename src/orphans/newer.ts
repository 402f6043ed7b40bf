import type { DirectoryRuns } from '../check/bucketreader.js';
import type { Database } from '../database/database.js';
import { HASH_BITS } from '../format/hash.js';
import type { Range } from '../source/ranges.js';
import { coveredPlaces, lastPlace, sweep } from '../source/sweep.js';
import { BucketFilter } from './heads.js';
import { hashesOf } from './ledto.js';
import { OffsetList } from '../numbers.js';

/** Maximum number of unreferenced buckets that are examined here; more of them need a search of the whole file. */
const MAX_FOUND = 1 << 14;

/**
 * Returns true if a database may have a newer state than the one of a directory, when the header does not say which
 * directory is in force. A split at full depth doubles the directory. It leaves the old directory behind, with the
 * bucket that was split; together with all other buckets these are an older state that is consistent in every byte.
 * The results of a split are deeper than their source, so a whole bucket that nothing leads to indicates a newer
 * state unless it is shallower than the one in force.
 *
 * @param unused ranges, in order, without a byte of any structure or record in force
 * @throws SourceError if the source cannot be read
 */
export async function mayBeNewer(
  db: Database,
  buckets: DirectoryRuns,
  unused: Iterable<Range>,
): Promise<boolean> {
  const { source, format, geometry, directory } = db;
  const { bucketSize } = geometry;
  const room: Range[] = [];
  for (const range of unused) if (range.length >= bucketSize) room.push(range);
  if (room.length === 0) return false;
  const filter = new BucketFilter(format, bucketSize, source.size);
  const found = new OffsetList();
  for await (const window of sweep(source, bucketSize, () => {}, room)) {
    for (const [from, to, { offset, length }] of coveredPlaces(window, room)) {
      const end = Math.min(to, lastPlace(window, bucketSize), offset + length - bucketSize + 1 - window.base);
      if (end > from) filter.find(window.view, from, end, window.base, found);
    }
    if (found.length > MAX_FOUND) return true;
  }
  if (found.length === 0) return false;
  const bitsAt = new Map(
    Array.from({ length: buckets.length }, (_, n) => [buckets.offsets[n], buckets.bits[n]]),
  );
  const shift = HASH_BITS - Math.log2(directory.length);
  const deepest = buckets.bits.reduce((most, bits) => Math.max(most, bits), 0);
  for (const offset of found.values()) {
    const { range, bits } = await hashesOf(db, offset);
    // An empty bucket has only a depth, so it is compared with the deepest one.
    const ruling =
      range === undefined ? deepest + 1 : bitsAt.get(directory[Math.floor(range.first / 2 ** shift)])!;
    if (bits >= ruling) return true;
  }
  return false;
}
