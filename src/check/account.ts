import { OffsetSorter, OrderedOffsets } from '../numbers.js';
import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { provesItself } from '../database/survey.js';
import { BUCKET_AVAIL, elementStruct } from '../format/bucket.js';
import { offsetSize } from '../format/format.js';
import type { Range } from '../source/ranges.js';
import type { AvailChain } from './avail.js';
import { checkAvailChain } from './avail.js';
import { examineHead } from './bucket.js';
import { SiteReader } from './bucketreader.js';
import type { Examination } from './examination.js';
import { Extents, FreeParts, Structures } from './extents.js';
import type { ElementMarks } from './marks.js';
import { eachKept } from './marks.js';
import { divide, RecordHistogram } from './regions.js';
import type { Extent, OverreachingRecords, SpaceAccount, SpaceKind } from './space.js';
import {
  IN_FORCE,
  MAX_CLAIMS,
  MAX_OVERLAPS,
  NONE_OVERREACHING,
  RecordRuns,
  SPACE_KINDS,
  UnusedSpace,
} from './space.js';

/** Records in order of their places, at a time: 32 bytes each with their sorting. */
const HELD = 1 << 19;
const RECORD = SPACE_KINDS.indexOf('record');
const FREE = SPACE_KINDS.indexOf('free');

/** What every byte of a database is. */
export interface Accounting {
  readonly account: SpaceAccount;
  /** Buckets whose bytes are in force. */
  readonly buckets: number;
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
    this.#offsets = new Float64Array(capacity);
    this.#lengths = new Float64Array(capacity);
    this.#ranks = new Float64Array(capacity);
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

interface OpenOverlap {
  readonly offset: number;
  length: number;
  readonly claims: OverlapClaims;
}

/**
 * Accounts for every byte of a file in one sweep over extents that come in order of their offsets, whether they overlap
 * or not. Of all that have begun and not ended only two matter: the one that ends last, which has the bytes that no other
 * claims, and where the last of the others ends, up to which bytes are claimed more than once. So memory does not grow with
 * how many overlap: 8 bytes for each run of bytes in force, and the claims of the overlaps that are told.
 */
export class SpaceSweep {
  /** Where what is in force follows each other without a byte between. */
  readonly #inForce: RecordRuns;
  readonly #records: RecordRuns;
  #recordsApart = true;
  readonly #size: number;
  readonly #totals = new Float64Array(SPACE_KINDS.length);
  /** Accounted for up to here. */
  #at = 0;
  #overlapping = 0;
  readonly #gaps = new Gaps();
  readonly #overlaps: OpenOverlap[] = [];
  #overlapCount = 0;
  // The one that ends last. It has ended where its end is not behind what is accounted for.
  #kind = 0;
  #offset = 0;
  #length = 0;
  #end = 0;
  #rank = 0;
  /** Where the last of the others ends. */
  #othersEnd = 0;
  /** Those that began since the last byte was accounted for, where there are several open. */
  readonly #fresh = new OverlapClaims();
  /** The one that had the last byte for itself and goes on, where something began beside it. */
  readonly #before = new OverlapClaims();
  readonly #overreaching: Overreaching;

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.#size = size;
    this.#inForce = new RecordRuns(size);
    this.#records = new RecordRuns(size);
    this.#overreaching = new Overreaching(size);
  }

  /**
   * Takes an extent, which must not begin before the last one. Empty ones claim nothing.
   *
   * @param kind an index of SPACE_KINDS
   * @param rank by which the claims of an overlap are ordered
   */
  add(kind: number, offset: number, length: number, rank: number): void {
    if (length <= 0 || offset >= this.#size) return;
    const end = Math.min(offset + length, this.#size);
    if (IN_FORCE[kind]) {
      this.#overreaching.take(offset, kind === RECORD ? offset + length : -1);
      this.#inForce.cover(offset, end);
    }
    if (kind === RECORD) this.#recordsApart &&= this.#records.add(offset, end);
    this.#advance(offset);
    if (this.#end > offset) {
      this.#overlay(kind, offset, length, rank);
      if (end <= this.#end) {
        this.#othersEnd = Math.max(this.#othersEnd, end);
        return;
      }
      this.#othersEnd = this.#end;
    }
    this.#kind = kind;
    this.#offset = offset;
    this.#length = length;
    this.#end = end;
    this.#rank = rank;
  }

  /** What every byte is, and what tells of a record whether it reaches too far. */
  finish(): Omit<SpaceAccount, 'overreaching'> & { readonly overreaching: Overreaching } {
    this.#advance(this.#size);
    const bytes = Object.fromEntries(SPACE_KINDS.map((kind, i) => [kind, this.#totals[i]]));
    return {
      bytes: {
        ...(bytes as Record<SpaceKind, number>),
        overlapping: this.#overlapping,
        unaccounted: this.#gaps.bytes,
      },
      overlaps: this.#overlaps.map(({ offset, length, claims }) => ({
        offset,
        length,
        claims: claims.told(),
        kinds: claims.kinds,
      })),
      overlapCount: this.#overlapCount,
      overreaching: this.#overreaching,
      runs: this.#recordsApart ? this.#records : undefined,
      isUsed: (offset, length) => this.#isUsed(offset, length),
      unused: () => new UnusedSpace(this.#inForce, this.#size),
      gaps: this.#gaps.largest(),
    };
  }

  /** Something begins where another has not ended. */
  #overlay(kind: number, offset: number, length: number, rank: number): void {
    if (this.#fresh.isEmpty) {
      const open = {
        kind: SPACE_KINDS[this.#kind],
        offset: this.#offset,
        length: this.#length,
        rank: this.#rank,
      };
      if (this.#offset === this.#at) this.#fresh.add(open);
      else if (this.#othersEnd <= this.#at) this.#before.add(open);
    }
    this.#fresh.add({ kind: SPACE_KINDS[kind], offset, length, rank });
  }

  /** Accounts for what is open up to an offset, and for the gap behind it. */
  #advance(to: number): void {
    if (this.#at >= to) return;
    if (this.#othersEnd > this.#at) this.#overlap(Math.min(this.#othersEnd, to));
    if (this.#end > this.#at && this.#at < to) {
      const end = Math.min(this.#end, to);
      this.#totals[this.#kind] += end - this.#at;
      this.#at = end;
    }
    if (this.#at < to) {
      this.#gaps.add(this.#at, to - this.#at);
      this.#at = to;
    }
  }

  #overlap(to: number): void {
    const length = to - this.#at;
    this.#overlapping += length;
    const last = this.#overlaps.at(-1);
    if (last !== undefined && last.offset + last.length === this.#at) {
      last.length += length;
      last.claims.addAll(this.#fresh);
    } else if (this.#overlapCount++ < MAX_OVERLAPS) {
      const claims = new OverlapClaims();
      claims.addAll(this.#before);
      claims.addAll(this.#fresh);
      this.#overlaps.push({ offset: this.#at, length, claims });
    }
    this.#fresh.clear();
    this.#before.clear();
    this.#at = to;
  }

  #isUsed(offset: number, length: number): boolean {
    if (length <= 0) return false;
    const run = this.#inForce.runAt(offset + length - 1);
    return run >= 0 && this.#inForce.end(run) > offset;
  }
}

/** An extent with the rank by which the claims of an overlap are ordered. */
export interface RankedExtent extends Extent {
  readonly rank: number;
}

/** Who claims bytes: the first of them by rank and the longest of the others, however many there are. */
export class OverlapClaims {
  /** What kinds all of them are. */
  readonly kinds = new Set<SpaceKind>();
  /** The first ones, in order of their ranks. */
  readonly #first: RankedExtent[] = [];
  #longest: RankedExtent | undefined;

  get isEmpty(): boolean {
    return this.#first.length === 0;
  }

  add(one: RankedExtent): void {
    const first = this.#first;
    this.kinds.add(one.kind);
    let rest: RankedExtent | undefined = one;
    if (first.length < MAX_CLAIMS - 1 || one.rank < first[first.length - 1].rank) {
      let i = first.length;
      while (i > 0 && first[i - 1].rank > one.rank) i--;
      first.splice(i, 0, one);
      rest = first.length === MAX_CLAIMS ? first.pop() : undefined;
    }
    if (rest === undefined) return;
    const longest = this.#longest;
    const isLonger = longest === undefined || rest.length > longest.length;
    if (isLonger || (rest.length === longest.length && rest.rank < longest.rank)) this.#longest = rest;
  }

  /** Adds all that another one has seen, of which none was added yet. */
  addAll(other: OverlapClaims): void {
    for (const one of other.#first) this.add(one);
    if (other.#longest !== undefined) this.add(other.#longest);
    for (const kind of other.kinds) this.kinds.add(kind);
  }

  clear(): void {
    this.#first.length = 0;
    this.#longest = undefined;
    this.kinds.clear();
  }

  /** At most {@link MAX_CLAIMS}, the longest among them. */
  told(): Extent[] {
    const all = this.#longest === undefined ? this.#first : [...this.#first, this.#longest];
    return all.map(({ kind, offset, length }) => ({ kind, offset, length }));
  }
}

/** More of them no honest file has: 8 MiB of memory. Beyond these, records are not known to reach too far. */
const MAX_BEGINNINGS = 1 << 22;

/**
 * Finds records inside which something else in force begins. Of each such record only where the next thing in force begins
 * is remembered, 2 bytes each and once for all records at one offset: that is inside just those that reach over it.
 */
export class Overreaching {
  readonly #beginnings: OrderedOffsets;
  #last = -1;
  /** File offset of the records that began last, and where the longest of them ends. */
  #offset = -1;
  #end = -1;

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.#beginnings = new OrderedOffsets(size);
  }

  /** Whether there is none. */
  get isEmpty(): boolean {
    return this.#beginnings.length === 0;
  }

  /** Takes where something in force begins, none before the last one. @param recordEnd where it ends, if it is a record */
  take(offset: number, recordEnd = -1): void {
    if (offset > this.#offset) {
      if (this.#end > offset) this.#remember(offset);
      this.#offset = offset;
      this.#end = -1;
    }
    if (recordEnd > this.#end) this.#end = recordEnd;
  }

  /** Whether something in force begins inside a record of so many bytes at a file offset. */
  has(offset: number, length: number): boolean {
    const next = this.#beginnings.firstAfter(offset);
    return next < this.#beginnings.length && this.#beginnings.at(next) < offset + length;
  }

  #remember(offset: number): void {
    if (offset === this.#last || this.#beginnings.length === MAX_BEGINNINGS) return;
    this.#last = offset;
    this.#beginnings.push(offset);
  }
}

const MAX_GAPS = 100;
/** The gaps kept before the smallest of them are dropped. */
const GAPS_HELD = 1024;

/** What no structure accounts for: all of it counted, the largest gaps remembered. */
export class Gaps {
  /** Bytes of all gaps. */
  bytes = 0;
  #largest: Range[] = [];

  add(offset: number, length: number): void {
    this.bytes += length;
    this.#largest.push({ offset, length });
    if (this.#largest.length > GAPS_HELD) this.#dropSmall();
  }

  /** The largest ones, in order of their offsets. */
  largest(): Range[] {
    this.#dropSmall();
    return this.#largest.sort((a, b) => a.offset - b.offset);
  }

  #dropSmall(): void {
    this.#largest = this.#largest.sort((a, b) => b.length - a.length).slice(0, MAX_GAPS);
  }
}

/**
 * Accounts for every byte of a file in one sweep, records in order of their offsets between the structures. It ends at
 * the first byte that two of them claim: who is right then is for somebody else to find out.
 */
export class AccountSweep {
  readonly #structures: Extents;
  #free: FreeParts;
  readonly #size: number;
  readonly #totals = new Float64Array(SPACE_KINDS.length);
  readonly runs: RecordRuns;
  #next = 0;
  #at = 0;
  readonly #gaps = new Gaps();

  /**
   * @param structures what is no record, in order of offset, each inside the file and not empty
   * @param free what more of free space there is
   * @param runs of records, where they are known: {@link takeRuns} takes them
   */
  constructor(
    structures: Extents,
    size: number,
    { free = new FreeParts(0), runs = new RecordRuns(size) }: { free?: FreeParts; runs?: RecordRuns } = {},
  ) {
    this.#structures = structures;
    this.#free = free;
    free.begin();
    this.#size = size;
    this.runs = runs;
  }

  /**
   * Takes a record, which must not be before the last one.
   *
   * @returns false where something else has one of its bytes
   */
  takeRecord(offset: number, length: number): boolean {
    if (length === 0) return true;
    const fits = this.#takeStructuresBefore(offset + length) && this.#take(RECORD, offset, length);
    return fits && this.runs.add(offset, offset + length);
  }

  /** Takes the records of all runs that the sweep was made with; false where something else has one of their bytes. */
  takeRuns(): boolean {
    for (let run = 0; run < this.runs.length; run++) {
      const start = this.runs.start(run);
      const end = this.runs.end(run);
      if (!this.#takeStructuresBefore(end) || !this.#take(RECORD, start, end - start)) return false;
    }
    return true;
  }

  /** What every byte is; undefined where two structures have one of them. */
  finish(): SpaceAccount | undefined {
    if (!this.#takeStructuresBefore(Number.POSITIVE_INFINITY)) return undefined;
    this.#skipTo(this.#size);
    // Nothing that is asked later needs it.
    this.#free = new FreeParts(0);
    const bytes = Object.fromEntries(SPACE_KINDS.map((kind, i) => [kind, this.#totals[i]]));
    return {
      bytes: { ...(bytes as Record<SpaceKind, number>), overlapping: 0, unaccounted: this.#gaps.bytes },
      overlaps: [],
      overlapCount: 0,
      overreaching: NONE_OVERREACHING,
      isUsed: (offset, length) => this.#isUsed(offset, length),
      unused: () => this.#unused(),
      gaps: this.#gaps.largest(),
    };
  }

  /** Structures that begin before a record's end come before it, or lie on it. */
  #takeStructuresBefore(end: number): boolean {
    const structures = this.#structures;
    while (this.#next < structures.length && structures.offset(this.#next) < end) {
      const i = this.#next++;
      const offset = structures.offset(i);
      if (!this.#takeFreeBefore(offset + 1)) return false;
      if (!this.#take(structures.kind(i), offset, structures.size(i))) return false;
    }
    return this.#takeFreeBefore(end);
  }

  #takeFreeBefore(end: number): boolean {
    const free = this.#free;
    for (; free.offset < end; free.advance()) {
      if (!this.#take(FREE, free.offset, free.length)) return false;
    }
    return true;
  }

  #take(kind: number, offset: number, length: number): boolean {
    if (offset < this.#at || offset + length > this.#size) return false;
    if (offset > this.#at) this.#skipTo(offset);
    this.#totals[kind] += length;
    this.#at = offset + length;
    return true;
  }

  #skipTo(offset: number): void {
    const length = offset - this.#at;
    if (length <= 0) return;
    this.#gaps.add(this.#at, length);
    this.#at = offset;
  }

  #isUsed(offset: number, length: number): boolean {
    if (length <= 0) return false;
    const run = this.runs.runAt(offset + length - 1);
    if (run >= 0 && this.runs.end(run) > offset) return true;
    for (let i = this.#lastBefore(offset + length); i >= 0; i--) {
      // They do not overlap, so the last one in force that begins before the end decides.
      if (IN_FORCE[this.#structures.kind(i)])
        return this.#structures.offset(i) + this.#structures.size(i) > offset;
    }
    return false;
  }

  /** The last structure that begins before an offset; −1 where none does. */
  #lastBefore(offset: number): number {
    let low = 0;
    let high = this.#structures.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#structures.offset(middle) >= offset) high = middle;
      else low = middle + 1;
    }
    return low - 1;
  }

  #unused(): UnusedSpace {
    const { runs } = this;
    const structures = this.#structures;
    const inForce = new RecordRuns(this.#size);
    let run = 0;
    for (let i = 0; i < structures.length; i++) {
      if (!IN_FORCE[structures.kind(i)]) continue;
      const offset = structures.offset(i);
      for (; run < runs.length && runs.start(run) < offset; run++)
        inForce.cover(runs.start(run), runs.end(run));
      inForce.cover(offset, offset + structures.size(i));
    }
    for (; run < runs.length; run++) inForce.cover(runs.start(run), runs.end(run));
    return new UnusedSpace(inForce, this.#size);
  }
}
