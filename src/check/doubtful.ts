import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { offsetSize } from '../format/format.js';
import { firstAfter } from '../numbers.js';
import { firstEndingAfter } from '../source/ranges.js';
import type { Rearrangement } from '../source/views.js';
import { accountFor } from './account.js';
import { eachKept } from './marks.js';
import type { ExaminedSurvey, Examination } from './examination.js';
import { examine } from './examination.js';
import type { ElementMarks } from './marks.js';
import type { OverreachingRecords } from './space.js';

/**
 * Reason why a record with a proved key may not have the value that was stored. `overreaching`: another record, a
 * bucket or the directory begins inside it, so that its size is wrong. `unproved-place`: blocks of the file changed
 * places, and nothing proves the place of one of the blocks that the record lies in. `unreadable`: the disk cannot
 * read some of its bytes.
 */
export type Doubt = 'overreaching' | 'unproved-place' | 'unreadable';

/** Records with a proved key and an unproved value. */
export interface DoubtfulRecords {
  /** Number of such records. */
  readonly size: number;
  readonly counts: Readonly<Record<Doubt, number>>;
  /** Tells whether the record of so many bytes, key and value, at a file offset is doubtful. */
  readonly has: (offset: number, length: number) => boolean;
  /** Returns the reason to doubt a record; undefined if there is none. */
  readonly reasonOf: (offset: number, length: number) => Doubt | undefined;
}

/** Finds the doubtful records of a database; the overreaching ones come from the account of its bytes. */
export async function findDoubtful(
  db: Database,
  survey: Survey,
  { marks }: Examination,
  overreaching: OverreachingRecords,
): Promise<DoubtfulRecords> {
  const { rearrangement, source } = db;
  const unreadable = source.unreadable?.() ?? [];
  const counts = { overreaching: overreaching.size, 'unproved-place': 0, unreadable: 0 };
  if (rearrangement === undefined && unreadable.length === 0) {
    const reasonOf = (offset: number, length: number) =>
      overreaching.has(offset, length) ? 'overreaching' : undefined;
    return { size: overreaching.size, counts, has: overreaching.has, reasonOf };
  }
  const unproved = rearrangement && (await findUnprovedBlocks(db, survey, marks, rearrangement));
  const reasonOf = (offset: number, length: number): Doubt | undefined => {
    if (overreaching.has(offset, length)) return 'overreaching';
    const bad = unreadable[firstEndingAfter(unreadable, offset)];
    if (bad !== undefined && bad.offset < offset + length) return 'unreadable';
    return unproved?.touch(offset, length) === true ? 'unproved-place' : undefined;
  };
  await eachKept(db, survey, marks, (words, i) => {
    const reason = reasonOf(words.pointer(i), words.keySize(i) + words.dataSize(i));
    if (reason !== undefined && reason !== 'overreaching') counts[reason]++;
  });
  const has = (offset: number, length: number) => reasonOf(offset, length) !== undefined;
  const size = counts.overreaching + counts['unproved-place'] + counts.unreadable;
  return { size, counts, has, reasonOf };
}

/** Finds the doubtful records of a database, for a caller that needs nothing else of it. */
export async function doubtfulIn(db: Database, survey: ExaminedSurvey): Promise<DoubtfulRecords> {
  const examination = survey.examination ?? (await examine(db, survey));
  const { account } = await accountFor(db, survey, examination);
  return findDoubtful(db, survey, examination, account.overreaching);
}

/** Shortest key, in bytes, that proves its block: a single byte matches by chance at one place of 256. */
const MIN_KEY = 2;

/** Blocks whose place nothing proves. */
class UnprovedBlocks {
  readonly #size: number;
  /** File offsets, in order. */
  readonly #starts: Float64Array;

  constructor(starts: readonly number[], size: number) {
    this.#starts = Float64Array.from(starts);
    this.#size = size;
  }

  /** Tells whether a byte of a range lies in one of the blocks. */
  touch(offset: number, length: number): boolean {
    const next = firstAfter(this.#starts, offset - this.#size);
    return next < this.#starts.length && this.#starts[next] < offset + length;
  }
}

/**
 * Finds the blocks whose place nothing proves, in a file some of whose blocks were moved back. Keys do not locate a
 * block that has none. If such a block moved together with others, a value seems to go on in another record's block.
 *
 * 1. A block is proved by its contents: the header, a directory entry that leads to a bucket, a bucket to which the
 *    directory leads, or the key of a record.
 * 2. One block of a cycle that exchanged places may be known only because all others are. It is proved if the blocks
 *    moved one by one: the neighbours of at least one of them are proved to have moved by another distance.
 * 3. Blocks between two proved ones are proved if all of them moved by the same distance.
 */
async function findUnprovedBlocks(
  db: Database,
  survey: Survey,
  marks: ElementMarks,
  rearrangement: Rearrangement,
): Promise<UnprovedBlocks> {
  const { source, geometry, format, directory } = db;
  const { blocks } = rearrangement;
  const count = blocks.blockOf(source.size - 1) + 1;
  const proved = new Uint8Array(count);
  const prove = (offset: number, length: number) =>
    proved.fill(1, blocks.blockOf(offset), blocks.blockOf(offset + length - 1) + 1);
  const isBucket = (s: number) => s >= 0 && survey.sites[s].state === 'sound' && survey.sites[s].used > 0;

  // 1. Blocks that are proved by what is in them.
  if (!db.headerLost) prove(0, 1);
  if (geometry.directory !== undefined) {
    const size = offsetSize(format.layout);
    for (let slot = 0; slot < directory.length; slot++) {
      if (isBucket(survey.siteOfSlot[slot])) prove(geometry.directory.offset + slot * size, size);
    }
  }
  for (const [s, { origin, offset }] of survey.sites.entries()) {
    if (origin === 'directory' && isBucket(s)) prove(offset, geometry.bucketSize);
  }
  await eachKept(db, survey, marks, (words, i) => {
    if (words.keySize(i) >= MIN_KEY) prove(words.pointer(i), words.keySize(i));
  });

  // 2. Blocks that changed places one by one.
  const distanceOf = (block: number) => rearrangement.whereIs(blocks.startOf(block)) - blocks.startOf(block);
  const single = new Uint8Array(count);
  for (const circle of circlesOf(rearrangement)) {
    const isOther = (block: number, than: number) =>
      block < 0 || block >= count || (proved[block] === 1 && distanceOf(block) !== distanceOf(than));
    const isSingle = circle.some((block) => isOther(block - 1, block) && isOther(block + 1, block));
    const unknown = circle.filter((block) => proved[block] === 0).length;
    if (isSingle && unknown <= 1) for (const block of circle) single[block] = 1;
  }

  // 3. Blocks between two proved ones. The file's beginning and its end are where they were.
  const unproved: number[] = [];
  let before = 0;
  for (let block = 0, first = 0; block <= count; block++) {
    if (block < count && (proved[block] === 0 || single[block] === 1)) continue;
    const here = block < count ? distanceOf(block) : 0;
    const between = [];
    for (let one = first; one < block; one++) if (single[one] === 0) between.push(one);
    if (before !== here || between.some((one) => distanceOf(one) !== here)) {
      for (const one of between) unproved.push(blocks.startOf(one));
    }
    before = here;
    first = block + 1;
  }
  return new UnprovedBlocks(unproved, blocks.size);
}

/** Yields each cycle of blocks that exchanged places, by their numbers. */
function* circlesOf(rearrangement: Rearrangement): Generator<number[]> {
  const { blocks, moved } = rearrangement;
  const seen = new Set<number>();
  for (const { home } of moved) {
    const circle: number[] = [];
    let block = blocks.blockOf(home);
    for (; !seen.has(block); block = blocks.blockOf(rearrangement.whereIs(blocks.startOf(block)))) {
      seen.add(block);
      circle.push(block);
    }
    if (circle.length > 0) yield circle;
  }
}
