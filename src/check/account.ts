import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import type { Survey } from '../database/survey.js';
import { provesItself } from '../database/survey.js';
import { BUCKET_AVAIL, elementStruct } from '../format/bucket.js';
import { offsetSize } from '../format/format.js';
import type { Range } from '../source/ranges.js';
import { firstEndingAfter } from '../source/ranges.js';
import type { AvailChain } from './avail.js';
import { checkAvailChain } from './avail.js';
import { examineHead } from './bucket.js';
import { SiteReader } from './bucketreader.js';
import type { Examination } from './examination.js';
import type { Finding, FindingList } from './finding.js';
import { finding } from './finding.js';
import { KEPT } from './marks.js';
import type { Extent, Overlap, OverreachingRecords, SpaceAccount, SpaceKind } from './space.js';
import {
  Beginnings,
  IN_FORCE,
  MAX_CLAIMS,
  MAX_OVERLAPS,
  RecordRuns,
  RecordSpace,
  SPACE_KINDS,
  Structures,
  UnusedSpace,
} from './space.js';

/*
 * The account of every byte of a file.
 *
 * 1. Header, directory, avail blocks, buckets, free space and the bytes of the records are each a list in order of their
 *    offsets; `accountOf` merges the lists.
 * 2. `UseSweep` takes the merged ranges and gives each byte one use: that of the only range that claims it, several, or
 *    none.
 * 3. Where several ranges claim the same bytes, the buckets are read again to name the claims.
 * 4. `judgeSpace` reports overlaps and bytes that nothing claims.
 */

const RECORD = SPACE_KINDS.indexOf('record');
const BUCKET = SPACE_KINDS.indexOf('bucket');
/** Numbers behind those of SPACE_KINDS: bytes that several extents claim, and bytes that none does. */
export const OVERLAPPING = SPACE_KINDS.length;
export const UNACCOUNTED = OVERLAPPING + 1;

/** The use of every byte of a database. */
interface Accounting {
  readonly account: SpaceAccount;
  /** Number of buckets whose bytes are in force. */
  readonly buckets: number;
  readonly chain: AvailChain;
}

/** Gets a range that a structure or a record claims; the bucket is given where it is the claim of one. */
type Take = (kind: SpaceKind, offset: number, length: number, bucket?: BucketSite) => void;

/**
 * Accounts for every byte of a database that was examined: merges the structures with the bytes of the records. The
 * buckets are read again only if several of these claim the same bytes, to name the claims.
 */
export async function accountFor(
  db: Database,
  survey: Survey,
  examination: Examination,
): Promise<Accounting> {
  const { size } = db.source;
  const { space: records, free, inOrder } = examination;
  const others = new Structures(size);
  const add: Take = (kind, offset, length) => others.add(kind, offset, length);
  const chain = await takeOthers(db, add);
  const offsets = inOrder?.offsets ?? bucketOffsets(survey, examination);
  const { bucketSize } = db.geometry;
  const buckets = new OrderedCursor(
    BUCKET,
    offsets.length,
    (n) => offsets[n],
    (n) => offsets[n] + bucketSize,
  );
  if (inOrder === undefined) {
    for (const site of survey.sites) takeLoose(db, site, add);
  }
  const account = await accountOf(size, [others, free, buckets], records, (take) =>
    eachExtent(db, survey, examination, take),
  );
  return { account, buckets: offsets.length, chain };
}

/**
 * Accounts for every byte of a file.
 *
 * @param structures ranges that are no record
 * @param eachClaim visits every structure and every record, in any order; called only if they overlap
 */
export async function accountOf(
  size: number,
  structures: readonly RangeCursor[],
  records: RecordSpace,
  eachClaim: (take: Take) => Promise<void>,
): Promise<SpaceAccount> {
  const sweep = new Account(size, records);
  const lists = [...structures, cursorOf(records.runs), cursorOf(records.shared)];
  for (const list of lists) list.begin();
  for (;;) {
    let first = lists[0];
    for (const list of lists) if (list.offset < first.offset) first = list;
    if (!(first.offset < size)) break;
    sweep.add(first.kind, first.offset, first.length);
    first.advance();
  }
  const { overlaps, isOverreaching, ...account } = sweep.finish();
  const claimed = overlaps.map(({ offset, length }) => new ClaimedRange(offset, length));
  let overreaching = 0;
  if (claimed.length > 0 || isOverreaching !== undefined) {
    await eachClaim((kind, offset, length) => {
      if (length <= 0) return;
      if (kind === 'record' && isOverreaching?.(offset, length) === true) overreaching++;
      const end = offset + length;
      for (let n = firstEndingAfter(claimed, offset); n < claimed.length && claimed[n].offset < end; n++) {
        claimed[n].add({ kind, offset, length });
      }
    });
  }
  const named = claimed.map(({ offset, length, claims, kinds }) => ({ offset, length, claims, kinds }));
  const has = isOverreaching ?? NONE_OVERREACHING.has;
  return { ...account, overlaps: named, overreaching: { size: overreaching, has } };
}

const NONE_OVERREACHING: OverreachingRecords = { size: 0, has: () => false };

/** Lists every range that a table of free space has, right or wrong. */
export async function freeRanges(db: Database, { free }: Examination): Promise<Range[]> {
  const chain = new Structures(db.source.size);
  await takeOthers(db, (kind, offset, length) => {
    if (kind === 'free') chain.add(kind, offset, length);
  });
  const ranges: Range[] = [];
  for (const list of [chain, free]) {
    for (list.begin(); list.offset < Number.POSITIVE_INFINITY; list.advance())
      ranges.push({ offset: list.offset, length: list.length });
  }
  return ranges;
}

/**
 * Takes the ranges of the header, the directory and the chain of avail blocks.
 *
 * @returns the chain
 */
async function takeOthers(db: Database, take: Take): Promise<AvailChain> {
  const { geometry, format, directory } = db;
  take('header', 0, geometry.blockSize);
  if (geometry.directory !== undefined) {
    take('directory', geometry.directory.offset, directory.length * offsetSize(format.layout));
  }
  const chain = await checkAvailChain(db, ({ av_adr, av_size }) => take('free', av_adr, av_size));
  for (const { offset, bytes } of chain.blocks.slice(1)) take('avail', offset, bytes);
  return chain;
}

/** Returns the offsets of the buckets whose bytes are in force, in order. */
function bucketOffsets({ sites }: Survey, { marks }: Examination): Float64Array {
  const offsets = new Float64Array(sites.length);
  let count = 0;
  for (const [s, site] of sites.entries()) if (isInForce(site, marks.kept[s])) offsets[count++] = site.offset;
  return offsets.subarray(0, count).sort();
}

/**
 * Tells whether a bucket's bytes are in force.
 *
 * @param kept number of its elements that prove a record
 */
function isInForce(site: BucketSite, kept: number): boolean {
  return site.elements === undefined && (kept > 0 || provesItself(site));
}

/** Takes the elements that are left of a bucket. */
function takeLoose({ format }: Database, site: BucketSite, take: Take): void {
  const { size } = elementStruct(format.layout);
  for (const at of site.elements ?? []) take('bucket', at, size, site);
}

/** Takes all ranges: header, directory and avail chain, then each bucket with its free space and its records. */
export async function eachExtent(
  db: Database,
  { sites }: Survey,
  { marks }: Examination,
  take: Take,
): Promise<void> {
  const { flags, kept, elements } = marks;
  const { source, geometry } = db;
  const reader = new SiteReader(db);
  await takeOthers(db, take);
  for (const [s, site] of sites.entries()) {
    takeLoose(db, site, take);
    if (isInForce(site, kept[s]))
      take('bucket', site.offset, Math.min(geometry.bucketSize, source.size - site.offset), site);
    const hasTable = hasAvailTable(site);
    if (kept[s] === 0 && !hasTable) continue;
    const words = await reader.read(site);
    if (hasTable) {
      for (const { av_adr, av_size } of examineHead(db, site, reader.view).free)
        take('free', av_adr, av_size);
    }
    if (kept[s] === 0) continue;
    for (let i = 0, at = s * elements; i < elements; i++, at++) {
      if ((flags[at] & KEPT) !== 0) take('record', words.pointer(i), words.keySize(i) + words.dataSize(i));
    }
  }
}

/** Tells whether a bucket has a table of free space that can be read. */
function hasAvailTable({ state, availCount }: BucketSite): boolean {
  return (state === 'sound' || state === 'malformed') && availCount > 0 && availCount <= BUCKET_AVAIL;
}

/** Ranges to be visited in order of their offsets. */
interface RangeCursor {
  /** Kind of the current range, an index of SPACE_KINDS. */
  readonly kind: number;
  /** File offset of the current range; infinite behind the last one. */
  readonly offset: number;
  /** Bytes of the current range. */
  readonly length: number;
  /** Goes to the first range. */
  begin(): void;
  /** Goes to the next range. */
  advance(): void;
}

/** Visits ranges of one kind that are in order already. */
class OrderedCursor implements RangeCursor {
  offset = 0;
  length = 0;
  #next = 0;

  constructor(
    readonly kind: number,
    readonly count: number,
    readonly startOf: (n: number) => number,
    readonly endOf: (n: number) => number,
  ) {}

  begin(): void {
    this.#next = 0;
    this.advance();
  }

  advance(): void {
    const next = this.#next++;
    this.offset = next < this.count ? this.startOf(next) : Number.POSITIVE_INFINITY;
    if (next < this.count) this.length = this.endOf(next) - this.offset;
  }
}

function cursorOf(runs: RecordRuns): RangeCursor {
  return new OrderedCursor(
    RECORD,
    runs.length,
    (run) => runs.start(run),
    (run) => runs.end(run),
  );
}

/** A range that several extents claim. */
class ClaimedRange implements Overlap {
  readonly claims: Extent[] = [];
  readonly kinds = new Set<SpaceKind>();

  constructor(
    readonly offset: number,
    readonly length: number,
  ) {}

  /** Adds a claim; if there are many, the first ones are kept, and the longest of the others. */
  add(one: Extent): void {
    const { claims } = this;
    this.kinds.add(one.kind);
    if (claims.length < MAX_CLAIMS) claims.push(one);
    else if (claims[MAX_CLAIMS - 1].length < one.length) claims[MAX_CLAIMS - 1] = one;
  }
}

/**
 * Gets the ranges of one use each, in order and without a gap. Overlapping ranges may follow each other.
 *
 * @param kind an index of SPACE_KINDS, {@link OVERLAPPING} or {@link UNACCOUNTED}
 */
type UseVisitor = (kind: number, from: number, to: number) => void;

/**
 * Finds the use of every byte of a file in one sweep over extents in order of their offsets, which may overlap. Only two
 * of the extents that have begun and not ended matter: the one that ends last has the bytes that no other claims, and
 * up to the last end of the others, bytes are claimed more than once. Memory does not grow with the number of
 * overlapping extents.
 */
export class UseSweep {
  readonly #size: number;
  readonly #visit: UseVisitor;
  /** Visited up to here. */
  #at = 0;
  /** Kind and end of the extent that ends last; it has ended if its end is not behind the visited bytes. */
  #kind = 0;
  #end = 0;
  /** Last end of the other extents. */
  #othersEnd = 0;

  /** @param size of the file in bytes */
  constructor(size: number, visit: UseVisitor) {
    this.#size = size;
    this.#visit = visit;
  }

  /**
   * Takes an extent of a byte or more, which must not begin before the last one.
   *
   * @param kind an index of SPACE_KINDS
   * @param end file offset, in the file
   */
  add(kind: number, offset: number, end: number): void {
    this.advance(offset);
    if (this.#end > offset) {
      if (end <= this.#end) {
        this.#othersEnd = Math.max(this.#othersEnd, end);
        return;
      }
      this.#othersEnd = this.#end;
    }
    this.#kind = kind;
    this.#end = end;
  }

  finish(): void {
    this.advance(this.#size);
  }

  /** Visits what lies before an offset; no extent begins before it any more. */
  advance(to: number): void {
    if (this.#at >= to) return;
    this.#pass(OVERLAPPING, Math.min(this.#othersEnd, to));
    this.#pass(this.#kind, Math.min(this.#end, to));
    this.#pass(UNACCOUNTED, to);
  }

  #pass(kind: number, to: number): void {
    if (to <= this.#at) return;
    this.#visit(kind, this.#at, to);
    this.#at = to;
  }
}

/** Accounts for every byte of a file: bytes of each kind, overlaps and gaps, and the records that reach too far. */
class Account {
  readonly #size: number;
  readonly #sweep: UseSweep;
  readonly #records: RecordSpace;
  /** Structures in force. */
  readonly #structures: RecordRuns;
  /** Beginnings of structures inside of records. */
  readonly #beginnings: Beginnings;
  readonly #totals = new Float64Array(UNACCOUNTED + 1);
  #overlapCount = 0;
  readonly #overlaps: { offset: number; length: number }[] = [];
  #lastOverlapEnd = -1;
  readonly #gaps = new Gaps();
  /** Beginning and end of the last run of records. */
  #recordStart = -1;
  #recordEnd = -1;

  /**
   * @param size of the file in bytes
   * @param records that are added as runs, and again the bytes that several of them share
   */
  constructor(size: number, records: RecordSpace) {
    this.#size = size;
    this.#sweep = new UseSweep(size, (kind, from, to) => this.#count(kind, from, to));
    this.#records = records;
    this.#structures = new RecordRuns(size);
    this.#beginnings = new Beginnings(size);
  }

  /**
   * Takes an extent, which must not begin before the last one. Empty ones claim nothing.
   *
   * @param kind an index of SPACE_KINDS
   */
  add(kind: number, offset: number, length: number): void {
    if (length <= 0 || offset >= this.#size) return;
    const end = Math.min(offset + length, this.#size);
    if (kind === RECORD) {
      this.#recordStart = offset;
      this.#recordEnd = Math.max(this.#recordEnd, end);
    } else if (IN_FORCE[kind]) {
      this.#structures.cover(offset, end);
      if (offset > this.#recordStart && offset < this.#recordEnd) this.#beginnings.add(offset);
    }
    this.#sweep.add(kind, offset, end);
  }

  /**
   * Returns the use of every byte: the ranges that are claimed twice, without their claims, and the test for
   * overreaching records.
   */
  finish(): Omit<SpaceAccount, 'overlaps' | 'overreaching'> & {
    readonly overlaps: readonly Range[];
    readonly isOverreaching: OverreachingRecords['has'] | undefined;
  } {
    this.#sweep.finish();
    const kinds = [...SPACE_KINDS, 'overlapping', 'unaccounted'] as const;
    const bytes = Object.fromEntries(kinds.map((kind, i) => [kind, this.#totals[i]]));
    const { runs, shared, beginnings: ofRecords } = this.#records;
    const [size, structures, ofStructures] = [this.#size, this.#structures, this.#beginnings];
    const isAnyInside = !ofRecords.isEmpty || !ofStructures.isEmpty;
    return {
      bytes: bytes as SpaceAccount['bytes'],
      overlaps: this.#overlaps,
      overlapCount: this.#overlapCount,
      isOverreaching: isAnyInside
        ? (offset, length) => ofRecords.areIn(offset, length) || ofStructures.areIn(offset, length)
        : undefined,
      runs: shared.length === 0 ? runs : undefined,
      isUsed: (offset, length) => runs.touches(offset, length) || structures.touches(offset, length),
      unused: () => new UnusedSpace(joined(runs, structures, size), size),
      gaps: this.#gaps.largest(),
    };
  }

  #count(kind: number, from: number, to: number): void {
    this.#totals[kind] += to - from;
    if (kind === UNACCOUNTED) this.#gaps.add(from, to - from);
    if (kind !== OVERLAPPING) return;
    const isNew = this.#lastOverlapEnd !== from;
    this.#lastOverlapEnd = to;
    if (!isNew) {
      // Ranges above the limit are only counted.
      if (this.#overlapCount <= MAX_OVERLAPS) this.#overlaps.at(-1)!.length += to - from;
    } else if (this.#overlapCount++ < MAX_OVERLAPS) this.#overlaps.push({ offset: from, length: to - from });
  }
}

/** Returns the union of two lists of runs. */
function joined(one: RecordRuns, other: RecordRuns, size: number): RecordRuns {
  const both = new RecordRuns(size);
  for (let i = 0, j = 0; i < one.length || j < other.length;) {
    const isOne = j === other.length || (i < one.length && one.start(i) <= other.start(j));
    if (isOne) both.cover(one.start(i), one.end(i++));
    else both.cover(other.start(j), other.end(j++));
  }
  return both;
}

const MAX_GAPS = 100;
/** Gaps held before the smallest of them are dropped. */
const GAPS_HELD = 1024;

/** The largest of the ranges that nothing claims. */
class Gaps {
  #largest: Range[] = [];
  /** Length of a gap that is not among the largest ones. */
  #small = 0;

  add(offset: number, length: number): void {
    if (length <= this.#small) return;
    this.#largest.push({ offset, length });
    if (this.#largest.length > GAPS_HELD) this.#dropSmall();
  }

  /** Returns the largest gaps, in order of their offsets. */
  largest(): Range[] {
    this.#dropSmall();
    return this.#largest.sort((a, b) => a.offset - b.offset);
  }

  #dropSmall(): void {
    this.#largest = this.#largest.sort((a, b) => b.length - a.length).slice(0, MAX_GAPS);
    if (this.#largest.length === MAX_GAPS) this.#small = this.#largest[MAX_GAPS - 1].length;
  }
}

/** Faults of a list of free space that keep libgdbm from knowing all of the list. */
const UNREAD_FREE = ['avail-count', 'avail-chain', 'avail-loop', 'avail-entry', 'bucket-avail'] as const;

/**
 * Findings from the account of a file's bytes: ranges that are claimed twice, and bytes that nothing claims.
 *
 * @param earlier findings of the structures
 */
export function* judgeSpace(account: SpaceAccount, earlier: FindingList): Generator<Finding> {
  for (const overlap of account.overlaps) yield judgeOverlap(overlap);
  if (account.bytes.unaccounted > 0) {
    const largest = account.gaps.reduce((a, b) => (b.length > a.length ? b : a));
    yield finding(
      'space-unaccounted',
      largest.offset,
      `${account.bytes.unaccounted} bytes, the largest range ${largest.length} at ${largest.offset}`,
      'each byte in use or listed as free',
      UNREAD_FREE.find((code) => earlier.standsByItself(code)),
    );
  }
}

/** Bytes of free space that are worth a word. */
const WORTH_GIVING_BACK = 1 << 20;

/** The note that more than half of a file is free; of a small file nothing is said. */
export function* judgeFreeSpace({ bytes }: SpaceAccount, size: number): Generator<Finding> {
  const free = bytes.free + bytes.unaccounted;
  if (free < WORTH_GIVING_BACK || free * 2 <= size) return;
  const share = `${Math.floor((100 * free) / size)} %`;
  yield finding('space-mostly-free', null, `${free} free bytes, ${share} of the file`, 'half of it in use');
}

function judgeOverlap({ offset, length, claims, kinds }: Overlap): Finding {
  const free = kinds.has('free');
  const code = !free ? 'space-overlap' : kinds.size === 1 ? 'avail-overlap' : 'avail-live';
  const found = `${length} bytes claimed by ${claims.map(describe).join(' and ')}`;
  return finding(code, offset, found, 'one claim');
}

function describe({ kind, offset, length }: Extent): string {
  return `${kind === 'free' ? 'free space' : kind} ${offset}-${offset + length}`;
}
