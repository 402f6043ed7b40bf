import { elementStruct } from '../format/bucket.js';
import type { Format } from '../format/format.js';
import type { Range } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { ElementFilter } from './elements.js';
import { BucketFilter } from './heads.js';
import { LooseList } from './loose.js';
import { OffsetList } from '../numbers.js';
import type { Progress } from '../source/sweep.js';
import { coveredPlaces, joinRanges, lastPlace, sweep, uncoveredPlaces } from '../source/sweep.js';

/** Structures in a file that nothing leads to. */
export interface FoundOrphans {
  /** File offsets of buckets whose head and elements agree with each other, in order. */
  readonly buckets: Float64Array;
  /** Elements outside of those buckets whose key gives their hash. */
  readonly loose: LooseList;
}

/**
 * Searches a whole file, at every byte offset, for buckets and for single elements. It makes one pass, and one more
 * through the keys for each 2^19 places at which an element may stand alone. Memory for a file of any size: the
 * windows, at most 40 MiB for the waiting places and the reading of their keys, 16 bytes for each of at most 2^23
 * elements, and 8 bytes for each bucket.
 *
 * @param known ranges with known structures: the search skips them, and no bucket overlaps one
 * @param header bytes at the file's beginning that are known to be its header, so that no bucket is there
 */
export async function findOrphans(
  source: Source,
  format: Format,
  bucketSize: number,
  known: readonly Range[],
  header: number,
  progress?: Progress,
): Promise<FoundOrphans> {
  const heads = new BucketFilter(format, bucketSize, source.size);
  const elements = new ElementFilter(format.layout, format.byteOrder, source.size);
  const covered = joinRanges(known);
  const noBucket = joinRanges([{ offset: 0, length: header }, ...known.map(reachedFrom(bucketSize))]);
  const buckets = new OffsetList();
  const empty = new OffsetList();
  const loose = new LooseList(source, covered);
  const { size } = elementStruct(format.layout);
  let behind = 0;
  for await (const window of sweep(source, bucketSize, progress)) {
    const { view, base } = window;
    const seen = buckets.length;
    for (const [from, to] of uncoveredPlaces(window, noBucket)) {
      const start = Math.max(from, behind - base);
      const end = Math.min(to, lastPlace(window, bucketSize));
      behind = Math.max(behind, base + heads.find(view, start, end, base, buckets, 0, empty));
    }
    // A bucket from the window before may reach into this one. Elements inside a found bucket are not loose.
    const own = Array.from(buckets.values().subarray(Math.max(0, seen - 1)), (offset) => ({
      offset,
      length: bucketSize,
    }));
    const near = Array.from(coveredPlaces(window, covered), ([, , range]) => range);
    for (const [from, to] of uncoveredPlaces(window, joinRanges([...near, ...own]))) {
      elements.find(view, from, Math.min(to, lastPlace(window, size)), base, loose.waiting);
    }
    await loose.settle(false);
  }
  await loose.settle(true);
  const all = new Float64Array(buckets.length + empty.length);
  all.set(buckets.values());
  all.set(empty.values(), buckets.length);
  return { buckets: all.sort(), loose };
}

/** All places from which a bucket would reach into a range. */
function reachedFrom(bucketSize: number): (range: Range) => Range {
  return ({ offset, length }) => {
    const from = Math.max(0, offset - bucketSize + 1);
    return { offset: from, length: offset + length - from };
  };
}
