import type { HashRange } from '../database/claims.js';
import type { Database } from '../database/database.js';
import { MAX_DIRECTORY_BITS, MIN_DIRECTORY_BITS } from '../format/directory.js';
import type { DirectoryPlace } from '../format/header.js';
import { HASH_RANGE } from '../format/hash.js';
import { offsetSize } from '../format/format.js';
import { readOffset } from '../format/struct.js';
import type { Candidate } from './candidates.js';
import { isInValue } from './embedded.js';
import type { Progress } from '../source/sweep.js';
import { lastPlace, sweep } from '../source/sweep.js';
import { endOfZeros, nextThreeZeros } from './zeros.js';
import { weights } from '../weights.js';

/** Maximum number of places that are examined. */
const MAX_PLACES = 8;
/** Bits of a bucket's offset that a filter compares before the lookup. */
const FILTER_BITS = 16;

/**
 * Finds a directory that nothing leads to by the buckets that it leads to. The length of a run of entries with a
 * bucket's offset, and the bucket's own range of hashes, give the start and size of the directory. This works even if
 * half of the directory is lost. A doubling leaves the old directory behind, half as large: a directory that is too
 * small for the deepest bucket is an old one. A directory inside of a record's value is ignored.
 *
 * @returns undefined if fewer than two buckets' entries agree
 */
export async function findDirectoryOf(
  db: Database,
  buckets: readonly Candidate[],
  progress?: Progress,
): Promise<DirectoryPlace | undefined> {
  const { source, format } = db;
  const ranges = new Map<number, HashRange>();
  const filter = new Uint8Array(1 << FILTER_BITS);
  for (const { site, range } of buckets) {
    if (range === undefined) continue;
    ranges.set(site.offset, range);
    filter[filterIndex(site.offset)] = 1;
  }
  const width = offsetSize(format.layout);
  const votes = new DirectoryVotes(db.geometry.blockSize, source.size, width);
  const little = format.byteOrder === 'little';
  const zeros = little ? 5 : 0;
  // Entries lie `width` bytes apart, so each remainder of the offset is a lane of its own.
  const runs = Array.from({ length: width }, () => ({ start: 0, length: 0, value: 0 }));
  for await (const window of sweep(source, width, progress)) {
    const { view, base } = window;
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const end = lastPlace(window, width);
    for (let at = 0; ; at++) {
      // The first three bytes of an offset of 64 bits are zero in files up to a TiB.
      if (width === 8) at = nextThreeZeros(bytes, at + zeros, end + zeros) - zeros;
      if (at >= end) break;
      const value = readOffset(view, at, format.layout, little);
      if (value === 0) {
        // An entry that lies anywhere within the same zero bytes is zero too.
        at = endOfZeros(bytes, at + width) - width;
        continue;
      }
      const run = runs[(base + at) % width];
      if (run.length > 0 && value === run.value && run.start + run.length * width === base + at) {
        run.length++;
        continue;
      }
      if (!(value > 0 && value < source.size) || filter[filterIndex(value)] === 0 || !ranges.has(value))
        continue;
      if (run.length > 0) votes.add(run, ranges.get(run.value)!);
      run.start = base + at;
      run.length = 1;
      run.value = value;
    }
  }
  for (const run of runs) if (run.length > 0) votes.add(run, ranges.get(run.value)!);
  let deepest = 0;
  for (const { range, proved } of buckets)
    if (proved >= weights.bucket.enoughProved) deepest = Math.max(deepest, range?.bits ?? 0);
  for (const place of votes.best(deepest)) {
    const range = { offset: place.offset, length: width * 2 ** place.bits };
    if (!(await isInValue(db, range, buckets))) return place;
  }
  return undefined;
}

function filterIndex(offset: number): number {
  return (offset / 2 ** 9) & ((1 << FILTER_BITS) - 1);
}

/** Places at which the directory may be, with the number of runs of entries that vote for each. */
export class DirectoryVotes {
  readonly #counts = new Map<string, { place: DirectoryPlace; runs: number }>();

  constructor(
    readonly least: number,
    readonly fileSize: number,
    readonly width: number,
  ) {}

  add({ start, length }: { start: number; length: number }, { first, bits: own }: HashRange): void {
    const bits = own + Math.log2(length);
    if (!Number.isInteger(bits) || bits < MIN_DIRECTORY_BITS || bits > MAX_DIRECTORY_BITS) return;
    const slot = first / (HASH_RANGE / 2 ** bits);
    const offset = start - slot * this.width;
    if (offset < this.least || offset + 2 ** bits * this.width > this.fileSize) return;
    const name = `${offset} ${bits}`;
    const count = this.#counts.get(name) ?? { place: { offset, bits }, runs: 0 };
    this.#counts.set(name, count);
    count.runs++;
  }

  /** The largest directory among the places that enough runs agree on. */
  largest(): DirectoryPlace | undefined {
    const agreed = [...this.#counts.values()].filter(({ runs }) => runs >= weights.directory.agreeingRuns);
    return agreed.sort((a, b) => b.place.bits - a.place.bits || b.runs - a.runs)[0]?.place;
  }

  /**
   * Places in descending order of runs. With equal runs the larger directory comes first: an older one was half as
   * large.
   */
  best(leastBits: number): DirectoryPlace[] {
    const agreed = [...this.#counts.values()].filter(
      ({ place, runs }) => place.bits >= leastBits && runs >= weights.directory.agreeingRuns,
    );
    agreed.sort((a, b) => b.runs - a.runs || b.place.bits - a.place.bits);
    return agreed.slice(0, MAX_PLACES).map(({ place }) => place);
  }
}
