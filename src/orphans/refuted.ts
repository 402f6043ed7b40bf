import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import type { Survey } from '../database/survey.js';
import { isSettled } from '../database/survey.js';
import { offsetSize } from '../format/format.js';
import { placesInUse } from './overlaps.js';
import { weights } from '../weights.js';

/** Maximum number of entries that are examined; a directory with more wrong ones is as good as lost. */
const MAX_TARGETS = 1 << 16;

/** Maximum factor by which a file that lost its end was larger. */
const LOST_AT_MOST = 64;

/** Result instead of a file offset if entries lead to more than one bucket. */
export const ELSEWHERE = -1;

/** Unit in bytes in which other data mostly overwrites a directory. */
const SECTOR = 512;

/** Evidence in a directory's entries about slots that no bucket claims as its own. */
export class DoubtfulEntries {
  readonly #settled: ReadonlySet<number>;
  /** End of the file, perhaps before its end was cut off. */
  readonly #end: number;
  /** Sectors of the directory, counted from the file's start, that hold other data. */
  readonly #overwritten: ReadonlySet<number>;
  /** Cached targets of ranges of slots. */
  readonly #targets = new Map<number, number | undefined>();

  private constructor(
    readonly db: Database,
    readonly survey: Survey,
    settled: readonly BucketSite[],
    /** File offsets that no bucket in force can have. */
    readonly refuted: ReadonlySet<number>,
  ) {
    this.#settled = new Set(settled.map(({ offset }) => offset));
    this.#end = endOf(db);
    this.#overwritten = this.#findOverwritten();
  }

  /**
   * @param settled buckets in force
   * @param reused file offsets of buckets whose place was another bucket's when the entries were written
   */
  static async read(
    db: Database,
    survey: Survey,
    settled: readonly BucketSite[],
    reused: ReadonlySet<number>,
  ): Promise<DoubtfulEntries> {
    const refuted = await refutedTargets(db, survey, settled);
    for (const offset of reused) refuted.add(offset);
    return new DoubtfulEntries(db, survey, settled, refuted);
  }

  /**
   * Offset of a slot's bucket if its entry is right, whether or not the bucket is still in the file.
   *
   * @returns undefined if the entry cannot be right
   */
  target(slot: number): number | undefined {
    const entry = this.db.directory[slot];
    if (!this.#isPossible(entry) || this.refuted.has(entry)) return undefined;
    if (this.#overwritten.has(this.#sectorOf(slot))) return undefined;
    // A bucket in force that has its own slots elsewhere does not have this one, too.
    return this.#settled.has(entry) && !isSettled(this.survey, slot) ? undefined : entry;
  }

  /**
   * Offset of the bucket of some consecutive slots if their entries are right.
   *
   * @param name of the range of hashes of the slots: the cache key, because very many buckets may ask for the same
   * @returns {@link ELSEWHERE} if they lead to several, undefined if none can be right
   */
  targetOf(name: number, first: number, end: number): number | undefined {
    if (!this.#targets.has(name)) this.#targets.set(name, this.#oneTarget(first, end));
    return this.#targets.get(name);
  }

  #oneTarget(first: number, end: number): number | undefined {
    let seen: number | undefined;
    for (let slot = first; slot < end; slot++) {
      const entry = this.target(slot);
      if (entry === undefined) continue;
      if (seen !== undefined && entry !== seen) return ELSEWHERE;
      seen = entry;
    }
    return seen;
  }

  #isPossible(entry: number): boolean {
    const { geometry } = this.db;
    return entry >= geometry.blockSize && entry + geometry.bucketSize <= this.#end;
  }

  #sectorOf(slot: number): number {
    const { geometry, format } = this.db;
    return Math.floor(((geometry.directory?.offset ?? 0) + slot * offsetSize(format.layout)) / SECTOR);
  }

  /**
   * Finds sectors with other data: an entry or two may be possible by chance, but no bucket there claims the slots.
   */
  #findOverwritten(): Set<number> {
    const overwritten = new Set<number>();
    const { directory } = this.db;
    for (let slot = 0; slot < directory.length;) {
      const sector = this.#sectorOf(slot);
      let possible = 0;
      let settled = 0;
      const first = slot;
      for (; slot < directory.length && this.#sectorOf(slot) === sector; slot++) {
        if (this.#isPossible(directory[slot])) possible++;
        if (isSettled(this.survey, slot)) settled++;
      }
      if (settled === 0 && 2 * possible < slot - first) overwritten.add(sector);
    }
    return overwritten;
  }
}

/**
 * End of the original file. Without a header only the entries show that the end was cut off, if several lead there.
 */
function endOf({ source, header, headerLost, directory, geometry }: Database): number {
  if (!headerLost) return Math.max(source.size, header.next_block);
  const beyond = new Set<number>();
  for (const entry of directory) {
    const end = entry + geometry.bucketSize;
    if (end > source.size && end <= LOST_AT_MOST * source.size) beyond.add(end);
  }
  return beyond.size < weights.directory.beyondEnd
    ? source.size
    : [...beyond].reduce((a, b) => Math.max(a, b));
}

/**
 * Targets of directory entries at which no bucket can be: it would share bytes with a bucket in force or with a
 * record of one. Any other entry that leads to no bucket may be right, and its bucket lost.
 *
 * @returns file offsets, as entries have them
 */
async function refutedTargets(
  db: Database,
  survey: Survey,
  settled: readonly BucketSite[],
): Promise<Set<number>> {
  const { bucketSize, blockSize } = db.geometry;
  const doubtful = new Set<number>();
  for (const [slot, entry] of db.directory.entries()) {
    const inside = entry >= blockSize && entry + bucketSize <= db.source.size;
    if (inside && !isSettled(survey, slot) && doubtful.size < MAX_TARGETS) doubtful.add(entry);
  }
  const refuted = await placesInUse(db, doubtful, settled);
  // An overlap does not refute an entry that leads to a bucket in force: other facts decide about it.
  for (const { offset } of settled) refuted.delete(offset);
  for (const { state, offset } of survey.sites) if (state === 'outdated') refuted.add(offset);
  return refuted;
}
