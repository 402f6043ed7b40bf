import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import type { Survey } from '../database/survey.js';
import { isSettled } from '../database/survey.js';
import { offsetSize } from '../format/format.js';
import { placesInUse } from './overlaps.js';

/** Entries that are looked into, at most; a directory with more wrong ones is as good as lost. */
const MAX_TARGETS = 1 << 16;

/** Buckets behind the file's end to which entries lead, at least: one is a wrong entry. */
const SEVERAL = 2;
/** A file that lost its end was at most so many times as large. */
const LOST_AT_MOST = 64;

/** No file offset: entries lead to more than one bucket. */
export const ELSEWHERE = -1;

/** What is written over a directory is mostly whole sectors. */
const SECTOR = 512;

/** What a directory's entries say of the slots whose bucket does not say itself that they are its own. */
export class DoubtfulEntries {
  readonly #settled: ReadonlySet<number>;
  /** Where the file ended, perhaps before its end was cut off. */
  readonly #end: number;
  /** Sectors of the directory, counted from the file's start, that hold something else. */
  readonly #overwritten: ReadonlySet<number>;
  /** What was asked of ranges of slots. */
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
   * Where a slot's bucket is if its entry is right, be the bucket still in the file or not.
   *
   * @returns undefined where the entry cannot be right
   */
  target(slot: number): number | undefined {
    const entry = this.db.directory[slot];
    if (!this.#isPossible(entry) || this.refuted.has(entry)) return undefined;
    if (this.#overwritten.has(this.#sectorOf(slot))) return undefined;
    // A bucket in force that has its own slots elsewhere has not this one, too.
    return this.#settled.has(entry) && !isSettled(this.survey, slot) ? undefined : entry;
  }

  /**
   * Where the bucket of some slots in a row is if their entries are right.
   *
   * @param name of the range of hashes that the slots are: very many buckets may ask for the same
   * @returns {@link ELSEWHERE} where they lead to several, undefined where none can be right
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

  /** Of other bytes an entry or two may chance to be possible; no bucket is at home where they lead. */
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

/** Without a header only the entries tell of an end that was cut off, if there are several that lead there. */
function endOf({ source, header, headerLost, directory, geometry }: Database): number {
  if (!headerLost) return Math.max(source.size, header.next_block);
  const beyond = new Set<number>();
  for (const entry of directory) {
    const end = entry + geometry.bucketSize;
    if (end > source.size && end <= LOST_AT_MOST * source.size) beyond.add(end);
  }
  return beyond.size < SEVERAL ? source.size : [...beyond].reduce((a, b) => Math.max(a, b));
}

/**
 * Where no bucket can be to which a directory entry leads: it would share bytes with a bucket in force or with a record
 * of one. Any other entry that leads to no bucket may be right, and its bucket lost.
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
  // One that leads to a bucket in force is right or wrong for other reasons.
  for (const { offset } of settled) refuted.delete(offset);
  for (const { state, offset } of survey.sites) if (state === 'outdated') refuted.add(offset);
  return refuted;
}
