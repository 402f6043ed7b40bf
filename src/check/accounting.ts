import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { provesItself } from '../database/survey.js';
import { BUCKET_AVAIL, elementStruct } from '../format/bucket.js';
import { large } from '../columns/large.js';
import { offsetSize } from '../format/layout.js';
import type { Range } from '../source/gather.js';
import { requireRange } from '../source/source.js';
import type { AvailChain } from './avail.js';
import { checkAvailChain } from './avail.js';
import { examineHead } from './bucket.js';
import type { Examination } from './examination.js';
import type { ElementMarks } from './marks.js';
import { KEPT } from './marks.js';
import { SiteReader } from './sitereader.js';
import { AccountSweep } from './sound/account.js';
import type { BucketWords } from './sound/bucketwords.js';
import { OffsetSorter } from '../columns/offsetsorter.js';
import { Extents } from './sound/extents.js';
import { divide, RecordHistogram } from './sound/regions.js';
import { Structures } from './sound/structures.js';
import type { Overreaching } from './overreaching.js';
import type { OverreachingRecords, SpaceAccount, SpaceKind } from './space.js';
import { SPACE_KINDS } from './space.js';
import { SpaceSweep } from './spacesweep.js';

/** Records in order of their places, at a time: 32 bytes each with their sorting. */
const HELD = 1 << 19;
const RECORD = SPACE_KINDS.indexOf('record');

/** What every byte of a database is. */
export interface Accounting {
  readonly account: SpaceAccount;
  /** Buckets whose bytes are in force. */
  readonly buckets: number;
}

/**
 * Visits each element that proves a record, bucket by bucket in the order of the survey.
 *
 * @throws SourceError where such a record is not inside the file any more: the file has changed since it was examined
 */
export async function eachKept(
  db: Database,
  { sites }: Survey,
  { flags, kept, elements }: ElementMarks,
  visit: (words: BucketWords, i: number, site: number) => void,
): Promise<void> {
  const reader = new SiteReader(db);
  for (const [s, site] of sites.entries()) {
    if (kept[s] === 0) continue;
    const words = await reader.read(site);
    for (let i = 0, at = s * elements; i < elements; i++, at++) {
      if ((flags[at] & KEPT) === 0) continue;
      const keySize = words.keySize(i);
      requireRange(db.source, words.pointer(i), keySize);
      requireRange(db.source, words.pointer(i) + keySize, words.dataSize(i));
      visit(words, i, s);
    }
  }
}

/** Takes a range that something claims. Of several that claim the same bytes those of a lower rank are told first. */
type Take = (kind: SpaceKind, offset: number, length: number, rank: number) => void;

/** Accounts for every byte of a database that was examined, a part of the file at a time. */
export async function accountFor(
  db: Database,
  survey: Survey,
  examination: Examination,
  held = HELD,
): Promise<Accounting> {
  return (
    (await accountForRuns(db, survey, examination)) ?? (await accountForEach(db, survey, examination, held))
  );
}

/** What every byte is where records are known to share none; undefined where anything else does. */
async function accountForRuns(
  db: Database,
  survey: Survey,
  { marks, runs }: Examination,
): Promise<Accounting | undefined> {
  const { size } = db.source;
  if (runs === undefined) return undefined;
  const structures = new Structures(size);
  const add = (kind: SpaceKind, offset: number, length: number) => structures.add(kind, offset, length);
  await takeOthers(db, add);
  const buckets = await takeBuckets(db, survey, marks, add);
  const { extents, free } = structures;
  const sweep = new AccountSweep(extents.sort(), size, { free, runs });
  const account = sweep.takeRuns() ? sweep.finish() : undefined;
  return account && { account: { ...account, runs }, buckets };
}

/** What every byte is, and of those that several claim who does. */
async function accountForEach(
  db: Database,
  survey: Survey,
  { marks, records }: Examination,
  held: number,
): Promise<Accounting> {
  const { source } = db;
  const structures = new Extents(source.size);
  // Before the buckets, whose ranks begin with 0.
  await takeOthers(db, (kind, offset, length) =>
    structures.add(kind, offset, length, structures.length - 2 ** 40),
  );
  const buckets = await takeBuckets(db, survey, marks, (kind, offset, length, rank) =>
    structures.add(kind, offset, length, rank),
  );
  const sorted = structures.sort();
  const sweep = new SpaceSweep(source.size);
  let next = 0;
  const takeStructures = (end: number) => {
    for (; next < sorted.length && sorted.offset(next) <= end; next++) {
      sweep.add(sorted.kind(next), sorted.offset(next), sorted.size(next), sorted.rank(next));
    }
  };
  const each = (visit: (offset: number, length: number, rank: number) => void) =>
    eachKept(db, survey, marks, (words, i, s) =>
      visit(
        words.pointer(i),
        words.keySize(i) + words.dataSize(i),
        rankOf(s, marks) + marks.elements + 8 + i,
      ),
    );
  const addRecord = (offset: number, length: number, rank: number) => {
    takeStructures(offset);
    sweep.add(RECORD, offset, length, rank);
  };
  const places = new RecordPlaces(Math.min(Math.max(held, 1), records));
  const histogram = new RecordHistogram(source.size);
  await each((offset, length, rank) => {
    histogram.add(offset);
    places.add(offset, length, rank);
  });
  if (records <= places.capacity) places.each(0, source.size + 1, addRecord);
  else {
    for (const part of await divide(histogram, places.capacity, each)) {
      const { from, to } = part;
      if (part.records > places.capacity) {
        // All begin at one place, and in which order is all the same.
        await each((offset, length, rank) => {
          if (offset === from) addRecord(offset, length, rank);
        });
        continue;
      }
      places.clear();
      await each((offset, length, rank) => {
        if (offset >= from && offset < to) places.add(offset, length, rank);
      });
      places.each(from, to, addRecord);
    }
  }
  takeStructures(Number.POSITIVE_INFINITY);
  const { overreaching, ...account } = sweep.finish();
  let size = 0;
  if (!overreaching.isEmpty) {
    await each((offset, length) => {
      if (overreaching.has(offset, length)) size++;
    });
  }
  return { account: { ...account, overreaching: asTold(overreaching, size) }, buckets };
}

/** In a function of its own: what is asked later must not hold all that was needed to find it out. */
function asTold(overreaching: Overreaching, size: number): OverreachingRecords {
  return { size, has: (offset, length) => overreaching.has(offset, length) };
}

/** The rank of a bucket's own bytes; those of its free space and its records are between it and the next one's. */
function rankOf(site: number, { elements }: ElementMarks): number {
  return site * (2 * elements + 8);
}

/**
 * Takes what the header, the directory and the chain of avail blocks claim.
 *
 * @returns the chain
 */
export async function takeOthers(
  db: Database,
  take: (kind: SpaceKind, offset: number, length: number) => void,
): Promise<AvailChain> {
  const { geometry, format, directory } = db;
  take('header', 0, geometry.blockSize);
  if (geometry.directory !== undefined) {
    take('directory', geometry.directory.offset, directory.length * offsetSize(format.layout));
  }
  const chain = await checkAvailChain(db, ({ av_adr, av_size }) => take('free', av_adr, av_size));
  for (const { offset, bytes } of chain.blocks.slice(1)) take('avail', offset, bytes);
  return chain;
}

/** Every range that a table of free space lists, right or wrong. */
export async function freeRanges(db: Database, survey: Survey, marks: ElementMarks): Promise<Range[]> {
  const ranges: Range[] = [];
  const take = (kind: SpaceKind, offset: number, length: number) => {
    if (kind === 'free') ranges.push({ offset, length });
  };
  await takeOthers(db, take);
  await takeBuckets(db, survey, marks, take);
  return ranges;
}

async function takeBuckets(
  db: Database,
  { sites }: Survey,
  marks: ElementMarks,
  take: Take,
): Promise<number> {
  const { source, geometry, format } = db;
  const reader = new SiteReader(db);
  const elementSize = elementStruct(format.layout).size;
  let buckets = 0;
  for (const [s, site] of sites.entries()) {
    const rank = rankOf(s, marks);
    if (site.elements !== undefined) {
      for (const [n, at] of site.elements.entries()) take('bucket', at, elementSize, rank + n);
    } else if (marks.kept[s] > 0 || provesItself(site)) {
      buckets++;
      take('bucket', site.offset, Math.min(geometry.bucketSize, source.size - site.offset), rank);
    }
    const hasTable = site.state === 'sound' || site.state === 'malformed';
    if (!hasTable || !(site.availCount > 0 && site.availCount <= BUCKET_AVAIL)) continue;
    await reader.read(site);
    for (const [n, { av_adr, av_size }] of examineHead(db, site, reader.view).free.entries()) {
      take('free', av_adr, av_size, rank + marks.elements + n);
    }
  }
  return buckets;
}

/** Places of records, to be visited in their order. */
class RecordPlaces {
  readonly capacity: number;
  #length = 0;
  readonly #offsets: Float64Array;
  readonly #lengths: Float64Array;
  readonly #ranks: Float64Array;
  readonly #sorter = new OffsetSorter();

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#offsets = large(Float64Array, capacity);
    this.#lengths = large(Float64Array, capacity);
    this.#ranks = large(Float64Array, capacity);
  }

  /** Adds one, if there is room. */
  add(offset: number, length: number, rank: number): void {
    const n = this.#length;
    if (n === this.capacity) return;
    this.#offsets[n] = offset;
    this.#lengths[n] = length;
    this.#ranks[n] = rank;
    this.#length++;
  }

  /** Forgets them. */
  clear(): void {
    this.#length = 0;
  }

  /** Visits them in the order of their offsets, which are all from `from` to before `to`. */
  each(from: number, to: number, visit: (offset: number, length: number, rank: number) => void): void {
    const order = this.#sorter.orderOf(this.#offsets, this.#length, from, to);
    for (const n of order) visit(this.#offsets[n], this.#lengths[n], this.#ranks[n]);
  }
}
