import type { HashClaims } from '../database/claims.js';
import type { CutElements, Database } from '../database/database.js';
import { cutElements, mayBeCut } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import type { Survey } from '../database/survey.js';
import { claimSettled, isOutdated, isPlaced, isReadable, rulerOf } from '../database/survey.js';
import type { BucketView } from '../format/bucket.js';
import { BUCKET_AVAIL, KEY_START, bucketStruct } from '../format/bucket.js';
import type { BucketWords } from '../format/bucketwords.js';
import { MAX_DIRECTORY_BITS } from '../format/directory.js';
import { offsetSize } from '../format/format.js';
import { FREE_HASH, HASH_BITS, KeyHasher } from '../format/hash.js';
import { member } from '../format/struct.js';
import { OffsetSorter } from '../numbers.js';
import type { Source } from '../source/source.js';
import { passChunks } from '../source/source.js';
import { checkAvailTable, isTableValid } from './avail.js';
import type { DirectoryRuns } from './bucketreader.js';
import { SiteReader, directoryRuns, neighbours } from './bucketreader.js';
import { RepeatFinder, SharedHashes, TwinFilter } from './duplicates.js';
import { KEY_BUDGET, KeyBudget } from './element.js';
import { APART, ElementMarks, KEPT, MARKED, READ, REPEATS, SIGNED, START, UNSIGNED } from './marks.js';
import type { PartRange } from './parts.js';
import {
  APART_ROW,
  LARGE_KEY,
  PART,
  PartKeys,
  ROW,
  RecordParts,
  RecordStarts,
  SHARED,
  isApart,
  keySizeOf,
  placeOf,
} from './parts.js';
import { RecordSpace, Structures } from './space.js';

/*
 * The examination of a database: every bucket, the fields of every element and every key.
 *
 * 1. The buckets are read in order of their places. Each element whose fields are possible waits for its key.
 * 2. The keys are read, one part of the file after the other, so that memory does not grow with the file. An element
 *    whose key gives its hash proves a record.
 * 3. Keys that may be in a bucket twice are compared.
 *
 * Exceptions are marked, and the examination goes on; `judgeSites` explains the marks.
 */

/** Flags of an element without an exception, until its key is read. */
const USUAL = READ | KEPT | SIGNED | UNSIGNED;

/** Maximum number of elements that wait for their keys at a time: 20 bytes each. */
const HELD = 1 << 20;

/** Result of the examination of every bucket and of the key of every element. */
export interface Examination {
  readonly marks: ElementMarks;
  /** Number of elements that prove a record. */
  readonly records: number;
  /** Bytes of their keys and values. */
  readonly bytes: number;
  /** Records whose key gives its hash with a signed char only, and with an unsigned one only. */
  readonly signed: number;
  readonly unsigned: number;
  /** True if a key that was read does not give its element's hash. */
  readonly hasMisfit: boolean;
  /** Bytes of the records. */
  readonly space: RecordSpace;
  /** Free space that the buckets' own tables list. */
  readonly free: Structures;
  /** True if libgdbm accepts the avail tables of all buckets. */
  readonly tablesValid: boolean;
  /** The buckets in order of their places, if each of them is known to be in its place. */
  readonly inOrder?: DirectoryRuns | undefined;
}

/** A survey with the examination of its elements, if they were examined. */
export interface ExaminedSurvey extends Survey {
  readonly examination?: Examination | undefined;
}

/**
 * Examines every bucket of a survey.
 *
 * @param held maximum number of elements held at a time
 * @throws SourceError if the source cannot be read
 */
export async function examine(db: Database, survey: Survey, held = HELD): Promise<Examination> {
  const { sites } = survey;
  const used = sites.reduce((sum, site) => sum + (isReadable(site) ? site.used : 0), 0);
  const examiner = new Examiner(db, sites.length, used, held);
  const buckets = new Buckets(db, sites);
  await buckets.each(async (s, site, reader, behind) => {
    const words = await reader.read(site, behind);
    examiner.takeBucket(s, site, words, reader.view, survey);
  });
  return examiner.finish(buckets, survey);
}

/** Numbers of keys by the flavours of hash that fit their elements. */
export interface Flavours {
  either: number;
  signed: number;
  unsigned: number;
}

/** A fresh copy of a database whose records were proved before. */
export interface CopiedFrom {
  readonly records: number;
  /** Bytes of keys and values. */
  readonly bytes: number;
  readonly flavours: Readonly<Flavours>;
  /** File offset in the copy from which the records follow each other without a gap. The caller compares them. */
  readonly base: number;
}

/** Survey and examination, made in one pass, of a database with each bucket in its place. */
export interface OrderedExamination extends ExaminedSurvey {
  readonly examination: Examination;
}

/**
 * Surveys and examines a database whose directory leads to whole buckets only, each of them in its place. Their
 * elements and keys may have exceptions.
 *
 * @param held maximum number of elements held at a time
 * @param copied the database that this one is a fresh copy of; if it is given, no key is read
 * @returns undefined if a bucket is not in its place, so that `survey` and a search have to find the buckets
 * @throws SourceError if the source cannot be read
 */
export async function examineInOrder(
  db: Database,
  held = HELD,
  copied?: CopiedFrom,
): Promise<OrderedExamination | undefined> {
  if (db.layout !== undefined) return undefined;
  const runs = directoryRuns(db);
  if (runs === undefined || isInDirectory(db, runs)) return undefined;
  // Sites are numbered in order of their slots.
  const bySlot = new OffsetSorter().orderOf(
    Float64Array.from(runs.firstSlots),
    runs.length,
    0,
    2 ** MAX_DIRECTORY_BITS,
  );
  const numbers = new Uint32Array(runs.length);
  for (let s = 0; s < runs.length; s++) numbers[bySlot[s]] = s;
  const used = copied === undefined ? runs.length * db.geometry.bucketElements : 0;
  const examiner = new Examiner(db, runs.length, used, held);
  const sites = new Array<BucketSite>(runs.length);
  const reader = new SiteReader(db);
  const behind = neighbours(runs.length, (n) => runs.offsets[n], db.geometry.bucketSize);
  let elements = 0;
  for (let run = 0; run < runs.length; run++) {
    const reading = reader.seek({ offset: runs.offsets[run] }, behind(run));
    if (reading !== undefined) await reading;
    const words = reader.load();
    const site = placedSite(db, runs, run, words);
    if (site === undefined) return undefined;
    const s = numbers[run];
    sites[s] = site;
    if (copied === undefined) examiner.takeBucket(s, site, words, reader.view);
    else {
      const isOrdered = examiner.takeCopied(s, site, words, reader.view);
      elements += words.usedCount;
      if (!isOrdered || words.availCount !== 0 || elements > copied.records) return undefined;
    }
  }
  if (copied !== undefined && elements !== copied.records) return undefined;
  const survey = { sites, siteOfSlot: siteOfSlot(db, sites) };
  const examination =
    copied === undefined
      ? await examiner.finish(new Buckets(db, sites, numbers), survey, runs)
      : examiner.finishCopied(copied, runs);
  let claims: HashClaims | undefined;
  return {
    ...survey,
    // Made on demand, because a database in order needs none.
    get claims() {
      return (claims ??= claimSettled(survey));
    },
    examination,
  };
}

/** Tells whether a bucket has any byte of the directory. */
function isInDirectory({ geometry, directory, format }: Database, { offsets }: DirectoryRuns): boolean {
  if (geometry.directory === undefined) return true;
  const from = geometry.directory.offset;
  const to = from + directory.length * offsetSize(format.layout);
  return offsets.some((offset) => offset + geometry.bucketSize > from && offset < to);
}

/** Returns the bucket of a directory run, if it is whole and most of its elements belong to its slots. */
function placedSite(
  { directory }: Database,
  { offsets, firstSlots, bits }: DirectoryRuns,
  run: number,
  words: BucketWords,
): BucketSite | undefined {
  const { usedCount: used, used: elements, hashes, availCount } = words;
  const isWhole = words.count === used && words.bits === bits[run];
  if (!isWhole || !(availCount >= 0 && availCount <= BUCKET_AVAIL)) return undefined;
  const directoryBits = Math.log2(directory.length);
  const shift = HASH_BITS - bits[run];
  const firstSlot = firstSlots[run];
  const prefix = firstSlot >>> (directoryBits - bits[run]);
  let own = 0;
  for (let n = 0; n < used; n++) {
    const hash = hashes[elements[n]];
    if (hash >= 0 && hash >>> shift === prefix) own++;
  }
  if (used > 0 && own * 2 <= used) return undefined;
  const slots = 2 ** (directoryBits - bits[run]);
  return {
    origin: 'directory',
    offset: offsets[run],
    firstSlot,
    slots,
    bits: bits[run],
    count: used,
    availCount,
    used,
    ownFirst: firstSlot,
    ownSlots: slots,
    state: 'sound',
  };
}

function siteOfSlot({ directory }: Database, sites: readonly BucketSite[]): Int32Array {
  const numbers = new Int32Array(directory.length);
  sites.forEach(({ firstSlot, slots }, s) => numbers.fill(s, firstSlot, firstSlot + slots));
  return numbers;
}

/** The readable buckets of a survey, to be read in order of their places. */
class Buckets {
  readonly #sites: readonly BucketSite[];
  readonly #reader: SiteReader;
  readonly #order: Uint32Array;
  readonly #behind: (n: number) => number;

  /** @param order numbers of the readable buckets in order of their places, if it is known */
  constructor(db: Database, sites: readonly BucketSite[], order?: Uint32Array) {
    this.#sites = sites;
    this.#reader = new SiteReader(db);
    this.#order = order ?? orderOf(sites);
    // A bucket of which only elements are left has no neighbours: each element is read by itself.
    const placeOf = (n: number) => {
      const { offset, elements } = sites[this.#order[n]];
      return elements === undefined ? offset : Number.NaN;
    };
    this.#behind = neighbours(this.#order.length, placeOf, db.geometry.bucketSize);
  }

  /**
   * Visits buckets with their numbers, unread, and the number of the next ones that lie directly behind each.
   *
   * @param isWanted selects the buckets that are visited; all by default
   */
  async each(
    visit: (s: number, site: BucketSite, reader: SiteReader, behind: number) => Promise<void>,
    isWanted: (s: number) => boolean = () => true,
  ): Promise<void> {
    for (let n = 0; n < this.#order.length; n++) {
      const s = this.#order[n];
      if (isWanted(s)) await visit(s, this.#sites[s], this.#reader, this.#behind(n));
    }
  }
}

/** Returns the numbers of the readable buckets in order of their places. */
function orderOf(sites: readonly BucketSite[]): Uint32Array {
  const order = new Uint32Array(sites.length).map((_, s) => s).filter((s) => isReadable(sites[s]));
  return order.sort((a, b) => sites[a].offset - sites[b].offset);
}

/** Takes one bucket after the other, then reads the keys of their elements. */
class Examiner {
  readonly #db: Database;
  readonly #marks: ElementMarks;
  readonly #free: Structures;
  readonly #shared: SharedHashes;
  readonly #parts: RecordParts;
  /**
   * Budget of key bytes for each state of a bucket. Elements that stand alone may be many that lead to the same keys,
   * and must not use up the budget of whole buckets.
   */
  readonly #budgets: Partial<Record<BucketSite['state'], KeyBudget>>;
  /** True if bytes of a record may be gone. Nearly always none are, which saves a test of each element. */
  readonly #isShifted: boolean;
  /** End of the last record according to the header. */
  readonly #end: number;
  readonly #directoryBits: number;
  #tablesValid = true;

  /**
   * @param sites number of buckets
   * @param used number of elements in use at most
   * @param held elements remembered at a time
   */
  constructor(db: Database, sites: number, used: number, held: number) {
    const { source, geometry, header, directory } = db;
    const { size } = source;
    const { bucketElements } = geometry;
    this.#db = db;
    this.#marks = new ElementMarks(sites, bucketElements);
    this.#free = new Structures(size);
    this.#shared = new SharedHashes(sites, bucketElements);
    // Buckets are usually half full or more. If they have more elements than are held, the file is taken in parts
    // that have room.
    const spread = used > 2 * held ? 0 : size;
    this.#parts = new RecordParts(size, Math.max(1, Math.min(held, used)), spread);
    const budget = () => new KeyBudget(KEY_BUDGET * size);
    this.#budgets = { sound: budget(), headless: budget(), malformed: budget() };
    this.#isShifted = db.layout !== undefined;
    this.#end = db.headerLost ? Number.POSITIVE_INFINITY : header.next_block;
    this.#directoryBits = Math.log2(Math.max(1, directory.length));
  }

  /**
   * Checks the head and the fields of a bucket, and holds the elements whose keys are to be read.
   *
   * @param survey left out if each bucket is in its place
   */
  takeBucket(s: number, site: BucketSite, words: BucketWords, view: BucketView, survey?: Survey): void {
    const cut = this.#isShifted ? cutElements(this.#db, site.offset) : undefined;
    if (site.state === 'malformed' || cut !== undefined) this.#marks.sites[s] = 1;
    this.#takeHead(s, site, words, view, cut);
    this.#shared.mark(words, s);
    const { elements, hashes, pointers, keySizes, dataSizes } = words;
    const { flags } = this.#marks;
    const budget = this.#budgets[site.state]!;
    // The first bits of a hash tell whether the directory leads to a bucket that is in its place.
    const isInPlace = survey === undefined || (survey.siteOfSlot[site.firstSlot] === s && isPlaced(site));
    const prefix = isInPlace ? site.ownFirst >>> (this.#directoryBits - site.bits) : -1;
    const shift = HASH_BITS - site.bits;
    const end = this.#isShifted ? -1 : Math.min(this.#db.source.size, this.#end);
    const first = s * elements;
    let before = usedBeforeFirst(words);
    let kept = 0;
    let marked = 0;
    for (let i = 0; i < elements; i++) {
      const hash = hashes[i];
      if (hash === FREE_HASH && cut?.has(i) !== true) {
        before = 0;
        continue;
      }
      const reach = before;
      if (before < elements) before++;
      const pointer = pointers[i];
      const keySize = keySizes[i];
      const dataSize = dataSizes[i];
      const home = hash % elements;
      const isUsual =
        hash >>> shift === prefix &&
        hash >= 0 &&
        pointer >= 0 &&
        keySize >= 0 &&
        dataSize >= 0 &&
        pointer + keySize + dataSize <= end &&
        (i >= home ? i - home : i - home + elements) <= reach;
      // An element counts as a record until its key is read.
      let found = isUsual ? USUAL : this.#exceptionOf(site, words, i, reach, isInPlace, cut, survey);
      if ((found & READ) !== 0 && !budget.allows(keySize)) found = MARKED | (found & APART);
      flags[first + i] = found;
      if ((found & MARKED) !== 0) marked++;
      if ((found & KEPT) !== 0) kept++;
    }
    this.#marks.addSite(s, kept, marked);
    this.#parts.addAll(words, flags, first, this.#shared.bits, s * this.#shared.wordsEach);
  }

  /** Returns the flags of an element that has an exception in its fields. */
  #exceptionOf(
    site: BucketSite,
    { elements, hashes, pointers, keySizes, dataSizes }: BucketWords,
    i: number,
    reach: number,
    isInPlace: boolean,
    cut: CutElements | undefined,
    survey: Survey | undefined,
  ): number {
    const db = this.#db;
    if (cut?.has(i) === true) return MARKED;
    const [hash, pointer] = [hashes[i], pointers[i]];
    const end = pointer + keySizes[i] + dataSizes[i];
    const isPossible = hash >= 0 && pointer >= 0 && keySizes[i] >= 0 && dataSizes[i] >= 0;
    if (!isPossible || end > db.source.size) return MARKED;
    if (this.#isShifted && mayBeCut(db, pointer, end)) return MARKED;
    let found = end > this.#end ? MARKED : 0;
    if (
      isInPlace &&
      hash >>> (HASH_BITS - site.bits) === site.ownFirst >>> (this.#directoryBits - site.bits)
    ) {
      if (!isReached(i, hash, elements, reach)) found |= MARKED;
    } else found |= survey === undefined ? MARKED | APART : this.#placeMarks(site, hash, i, reach, survey);
    return (found & APART) !== 0 ? found | READ : found | USUAL;
  }

  /** Checks the head of a bucket and the table of its free space. */
  #takeHead(s: number, site: BucketSite, words: BucketWords, view: BucketView, cut?: CutElements): void {
    const { state, bits, count, used, availCount, offset } = site;
    if (state === 'headless' || cut?.head === true) return;
    const db = this.#db;
    const isWhole = bits <= (db.directory.length === 0 ? HASH_BITS : this.#directoryBits) && count === used;
    if (!isWhole) this.#marks.sites[s] = 1;
    if (!(availCount > 0 && availCount <= BUCKET_AVAIL)) return;
    if (this.#isUsualTable(words, availCount)) {
      for (let i = 0; i < availCount; i++) this.#free.add('free', words.availAddress(i), words.availSize(i));
      return;
    }
    const table = view.avail(availCount);
    const at = offset + member(bucketStruct(db.format.layout), 'bucket_avail').offset;
    const { free, findings } = checkAvailTable(db, table, at, 'bucket-avail');
    if (findings.length > 0) this.#marks.sites[s] = 1;
    this.#tablesValid &&= isTableValid(db.header, table);
    for (const { av_adr, av_size } of free) this.#free.add('free', av_adr, av_size);
  }

  /** Tells whether a table of free space has no exception, without an object for each entry. */
  #isUsualTable(words: BucketWords, count: number): boolean {
    const { header, geometry, source, headerLost } = this.#db;
    if (headerLost) return false;
    const from = Math.max(geometry.bucketSize, header.bucket_size);
    const end = Math.min(source.size, header.next_block);
    let last = 0;
    for (let i = 0; i < count; i++) {
      const size = words.availSize(i);
      const address = words.availAddress(i);
      if (size < last || address < from || address + size > end) return false;
      last = size;
    }
    return true;
  }

  /** Returns the marks of an element whose hash does not fit its bucket's place: it may belong to another bucket. */
  #placeMarks(site: BucketSite, hash: number, i: number, reach: number, survey: Survey): number {
    const { offset, origin } = site;
    const { directory } = this.#db;
    const slot = hash >>> (HASH_BITS - this.#directoryBits);
    const isLed = directory.length > 0 && directory[slot] === offset;
    if (isLed && (origin === 'directory' || !isOutdated(survey, slot))) {
      return isReached(i, hash, this.#marks.elements, reach) ? 0 : MARKED;
    }
    const ruler = rulerOf(survey, hash);
    if (ruler !== undefined && survey.sites[ruler] !== site) return MARKED | APART;
    return origin === 'directory' ? MARKED : 0;
  }

  /**
   * Takes a bucket of a fresh copy, whose keys were proved before.
   *
   * @returns false if its head or any element has an exception
   */
  takeCopied(s: number, site: BucketSite, words: BucketWords, view: BucketView): boolean {
    this.takeBucket(s, site, words, view);
    return this.#marks.sites[s] === 0;
  }

  /** Ends the examination of a fresh copy, none of whose elements is marked. */
  finishCopied({ records, bytes, flavours, base }: CopiedFrom, inOrder: DirectoryRuns): Examination {
    const space = new RecordSpace(this.#db.source.size);
    if (bytes > 0) space.add(base, base + bytes);
    return this.#result(space, { records, bytes, ...flavours, hasMisfit: false }, inOrder);
  }

  /** Reads the keys, when all buckets have been taken. */
  async finish(
    buckets: Buckets,
    survey: Omit<Survey, 'claims'>,
    inOrder?: DirectoryRuns,
  ): Promise<Examination> {
    const { source } = this.#db;
    const starts = new RecordStarts();
    const twins = new TwinFilter(this.#shared.count);
    const keys = new KeyPass(source, this.#parts, this.#marks, starts, twins);
    let space = await this.#eachPart(buckets, READ, starts, (part) => keys.read(part));
    const suspects = twins.suspects();
    if (suspects?.size !== 0) {
      const repeated = await this.#findRepeats(buckets, survey, suspects, inOrder !== undefined);
      for (const { flags, bytes } of repeated) keys.count(flags, -bytes, -1);
      if (repeated.length > 0) {
        space = await this.#eachPart(buckets, KEPT, starts, (part) => keys.addKept(part));
      }
    }
    return this.#result(space, keys, inOrder);
  }

  /**
   * Visits the parts of the file with the elements whose records begin there.
   *
   * @param wanted a mark that the elements have
   * @param starts gets the records of a part from `visit`
   */
  async #eachPart(
    buckets: Buckets,
    wanted: number,
    starts: RecordStarts,
    visit: (part: number) => void | Promise<void>,
  ): Promise<RecordSpace> {
    const parts = this.#parts;
    const { size } = this.#db.source;
    const { flags, elements } = this.#marks;
    const space = new RecordSpace(size);
    const visitRange = async ({ first, end }: PartRange, isWhole: boolean) => {
      for (let part = first; part < end; part++) {
        if (!parts.has(part)) continue;
        await visit(part);
        if (isWhole) starts.moveTo(space, part * PART);
      }
    };
    if (parts.areAllHeld) {
      await visitRange({ first: 0, end: Math.floor(size / PART) + 1 }, true);
      return space;
    }
    for (const range of parts.ranges()) {
      parts.begin(range.first);
      await buckets.each(async (s, site, reader, behind) => {
        const reading = reader.seek(site, behind);
        if (reading !== undefined) await reading;
        const words = reader.loadBetween(range.first * PART, range.end * PART);
        const { used, usedCount, pointers, hashes, keySizes, dataSizes, starts: keyStarts } = words;
        for (let n = 0; n < usedCount; n++) {
          const i = used[n];
          const at = s * elements + i;
          if ((flags[at] & wanted) === 0) continue;
          const [keySize, dataSize] = [keySizes[i], dataSizes[i]];
          // The file may have changed since its fields were looked at.
          if (!(keySize >= 0 && dataSize >= 0 && pointers[i] + keySize + dataSize <= size)) continue;
          const hash = this.#shared.has(s, i) ? hashes[i] | SHARED : hashes[i];
          const length = (flags[at] & APART) === 0 ? dataSize : dataSize | APART_ROW;
          while (!parts.hold(pointers[i], hash, keySize, length, keyStarts[i], at)) {
            // Only the elements of a single part may not all have room.
            await visitRange(range, false);
            parts.begin(range.first);
          }
        }
      });
      await visitRange(range, true);
    }
    return space;
  }

  /** Finds records whose key an earlier element of their bucket has, and marks that they prove no record. */
  async #findRepeats(
    buckets: Buckets,
    { siteOfSlot, sites }: Omit<Survey, 'claims'>,
    suspects: ReadonlySet<number> | undefined,
    isOrdered: boolean,
  ): Promise<{ flags: number; bytes: number }[]> {
    const marks = this.#marks;
    const { flags, elements } = marks;
    const repeats = new RepeatFinder(this.#db.source, marks, (hash) => suspects?.has(hash) ?? true);
    const shift = HASH_BITS - this.#directoryBits;
    const suspected = new Set(Array.from(suspects ?? [], (hash) => siteOfSlot[hash >>> shift]));
    const repeated: { flags: number; bytes: number }[] = [];
    const isWanted = (s: number) =>
      suspects === undefined ||
      suspected.has(s) ||
      marks.sites[s] === 1 ||
      (!isOrdered && !isPlaced(sites[s]));
    await buckets.each(async (s, site, reader) => {
      const words = await reader.read(site);
      await repeats.mark(s, words);
      for (let i = 0, at = s * elements; i < elements; i++, at++) {
        if ((flags[at] & (REPEATS | KEPT)) !== (REPEATS | KEPT)) continue;
        repeated.push({ flags: flags[at], bytes: words.keySizes[i] + words.dataSizes[i] });
        marks.reject(at);
      }
    }, isWanted);
    return repeated;
  }

  #result(space: RecordSpace, counts: KeyCounts, inOrder: DirectoryRuns | undefined): Examination {
    const { records, bytes, signed, unsigned, hasMisfit } = counts;
    const [marks, free, tablesValid] = [this.#marks, this.#free, this.#tablesValid];
    return { marks, records, bytes, signed, unsigned, hasMisfit, space, free, tablesValid, inOrder };
  }
}

/**
 * Tells whether a lookup reaches an element: it walks from the home position over used elements, of which `before`
 * lie directly before the element.
 */
function isReached(i: number, hash: number, elements: number, before: number): boolean {
  const home = hash % elements;
  return (i >= home ? i - home : i - home + elements) <= before;
}

/** Returns the number of elements in use directly before the first one, counted around the end of the bucket. */
function usedBeforeFirst({ elements, hashes }: BucketWords): number {
  let before = 0;
  while (before < elements && hashes[elements - 1 - before] !== FREE_HASH) before++;
  return before;
}

/** Counts of elements that prove a record, and whether any key does not give its element's hash. */
type KeyCounts = Pick<Examination, 'records' | 'bytes' | 'signed' | 'unsigned' | 'hasMisfit'>;

/** Compares keys with their elements, a part of the file at a time. */
class KeyPass implements KeyCounts {
  records = 0;
  bytes = 0;
  signed = 0;
  unsigned = 0;
  hasMisfit = false;
  readonly #source: Source;
  readonly #parts: RecordParts;
  readonly #marks: ElementMarks;
  readonly #starts: RecordStarts;
  readonly #twins: TwinFilter;
  readonly #keys: PartKeys;
  readonly #look = new KeyHasher();

  constructor(
    source: Source,
    parts: RecordParts,
    marks: ElementMarks,
    starts: RecordStarts,
    twins: TwinFilter,
  ) {
    this.#source = source;
    this.#parts = parts;
    this.#marks = marks;
    this.#starts = starts;
    this.#twins = twins;
    this.#keys = new PartKeys(source, parts);
  }

  /** Counts a record by the flavours of hash that its key fits. */
  count(flags: number, bytes: number, records = 1): void {
    this.records += records;
    this.bytes += bytes;
    const flavours = flags & (SIGNED | UNSIGNED);
    if (flavours === SIGNED) this.signed += records;
    else if (flavours === UNSIGNED) this.unsigned += records;
  }

  /** Reads the keys of a part, marks their elements and adds the records that they prove. */
  async read(part: number): Promise<void> {
    await this.#keys.read(part);
    const large: number[] = [];
    this.#parts.each(part, (from, end) => this.#takeRows(from, end, large));
    for (const row of large) await this.#takeLarge(part, row);
  }

  /** Adds the records of a part, whose keys were read before. */
  addKept(part: number): void {
    const { rows } = this.#parts;
    this.#parts.each(part, (from, end) => {
      for (let row = from; row < end; row += ROW) {
        if ((this.#marks.flags[rows[row + 4] >>> 0] & KEPT) === 0) continue;
        const length = this.#keySize(row) + rows[row + 3];
        if (length > 0) this.#starts.add(placeOf(rows[row]), length);
      }
    });
  }

  #keySize(row: number): number {
    const size = keySizeOf(this.#parts.rows[row]);
    return size === LARGE_KEY ? this.#parts.largeKeySize(row) : size;
  }

  /** Checks the keys of rows, except large ones, whose rows are added to `large`. */
  #takeRows(from: number, end: number, large: number[]): void {
    const { rows } = this.#parts;
    const { view } = this.#keys;
    const [look, twins, starts] = [this.#look, this.#twins, this.#starts];
    const [step, largeSize] = [ROW, LARGE_KEY];
    let records = 0;
    let length = 0;
    for (let row = from; row < end; row += step) {
      const place = placeOf(rows[row]);
      const size = keySizeOf(rows[row]);
      if (size === largeSize) {
        large.push(row);
        continue;
      }
      look.take(view, place, size);
      const sharedHash = rows[row + 1];
      const dataSize = rows[row + 3];
      const hash = sharedHash & 0x7fffffff;
      const begins = isStart(view, place, size, rows[row + 2]);
      if (begins && !isApart(dataSize) && look.unsigned === hash && look.portable) {
        // This is the path of nearly every key. It does not touch the marks, which are right already and far apart in
        // memory.
        if (sharedHash < 0) twins.add(hash, look.digest);
        records++;
        length += size + dataSize;
        if (size + dataSize > 0) starts.add(place, size + dataSize);
        continue;
      }
      let found = begins ? 0 : START;
      if (look.unsigned === hash) found |= look.portable ? SIGNED | UNSIGNED : UNSIGNED;
      if (!look.portable && look.signed === hash) found |= SIGNED;
      this.#take(row, found, look.digest, size);
    }
    this.records += records;
    this.bytes += length;
  }

  async #takeLarge(part: number, row: number): Promise<void> {
    const { rows } = this.#parts;
    const size = this.#parts.largeKeySize(row);
    const offset = part * PART + placeOf(rows[row]);
    const hash = rows[row + 1] & 0x7fffffff;
    const hasher = new KeyHasher(size);
    for await (const bytes of passChunks(this.#source, offset, size)) hasher.update(bytes);
    const { buffer, byteOffset } = await this.#source.read(offset, KEY_START);
    let found = isStart(new DataView(buffer, byteOffset), 0, KEY_START, rows[row + 2]) ? 0 : START;
    if (hasher.signed === hash) found |= SIGNED;
    if (hasher.unsigned === hash) found |= UNSIGNED;
    this.#take(row, found, hasher.digest, size);
  }

  /** Marks the element of a row by its key. */
  #take(row: number, found: number, digest: number, keySize: number): void {
    const { rows } = this.#parts;
    const marks = this.#marks;
    const at = rows[row + 4] >>> 0;
    const sharedHash = rows[row + 1];
    marks.flags[at] = (marks.flags[at] & ~(SIGNED | UNSIGNED)) | found;
    if ((found & (SIGNED | UNSIGNED)) === 0) {
      this.hasMisfit = true;
      marks.reject(at);
      return;
    }
    if ((found & START) !== 0) marks.mark(at);
    if (sharedHash < 0) this.#twins.add(sharedHash & 0x7fffffff, digest);
    if (isApart(rows[row + 3])) return;
    const length = keySize + rows[row + 3];
    this.count(found, length);
    if (length > 0) this.#starts.add(placeOf(rows[row]), length);
  }
}

/** Tells whether a key begins as `key_start` says; `start` is its little-endian number. */
function isStart(view: DataView, place: number, size: number, start: number): boolean {
  if (size >= KEY_START) return view.getInt32(place, true) === start;
  for (let i = 0; i < size; i++) if (((start >>> (8 * i)) & 0xff) !== view.getUint8(place + i)) return false;
  return true;
}
