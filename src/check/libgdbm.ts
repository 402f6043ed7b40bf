import type { Database } from '../database/database.js';
import { isHeld, readDirectory } from '../database/readdirectory.js';
import type { Survey } from '../database/survey.js';
import { isPlaced } from '../database/survey.js';
import {
  availBlockStruct,
  availElementStruct,
  availTableOffset,
  decodeAvailHead,
  decodeAvailTable,
} from '../format/avail.js';
import {
  BUCKET_AVAIL,
  BucketView,
  bucketElementCount,
  bucketStruct,
  fromHome,
  usedBefore,
} from '../format/bucket.js';
import { swap32 } from '../format/bytes.js';
import { decodeDirectory, directorySizeFor, slotOf } from '../format/directory.js';
import type { Format, Layout } from '../format/format.js';
import { describeFormat, machinesOf, magicMeaning, offsetSize } from '../format/format.js';
import type { HashChar } from '../format/hash.js';
import { FREE_HASH, KeyHasher, hashKey } from '../format/hash.js';
import type { Header } from '../format/header.js';
import { decodeHeader, headerAvailOffset, headerStruct } from '../format/header.js';
import type { MachineFacts, MachineName } from '../format/machines.js';
import { MACHINES, MACHINE_NAMES } from '../format/machines.js';
import { firstAfter } from '../numbers.js';
import { gather } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { exact, passChunks, readChunks, readUpTo } from '../source/source.js';
import { isTableValid } from './avail.js';
import type { CheckResult, FileFormat } from './check.js';
import { KEY_BUDGET, KeyBudget, SMALL_KEY } from './element.js';
import type { Examination } from './examination.js';
import type { Finding } from './finding.js';
import { finding } from './finding.js';
import type { ElementMarks } from './marks.js';
import { KEPT, READ, SIGNED, START, UNSIGNED } from './marks.js';

/*
 * Predictions of what libgdbm 1.23 says of a file: first of opening it and of counting its records, then of a walk
 * through all its keys and of fetching each of them.
 */

export const LIBGDBM_MESSAGES = [
  'Unexpected end of file',
  'Byte-swapped file',
  'File header assumes wrong off_t size',
  'Bad magic number',
  'Block size error',
  'Malformed database file header',
  'Malformed avail_block',
  'Database needs recovery',
  'Invalid directory entry',
  'Malformed bucket header',
  'Malformed hash table',
  'Malformed bucket hash entry',
] as const;
/** Messages of libgdbm, as programs show them to people. */
export type LibgdbmMessage = (typeof LIBGDBM_MESSAGES)[number];

/** Machine whose libgdbm is predicted. */
export type Judge = Pick<MachineFacts, 'byteOrder' | 'layout' | 'hashChar'>;

/** A file that libgdbm opens, as it reads it. */
interface Opened {
  readonly source: Source;
  readonly format: Format;
  readonly header: Header;
}

/**
 * Predicts the answer of libgdbm 1.23 to a program that opens the file for writing and then reads its record count.
 * The steps are in libgdbm's order, which decides the answer if a file has several faults. They read the bytes in the
 * file, not corrected ones. A test compares the predictions with the real library.
 *
 * @param judge the machine; amd64 by default
 * @param bucketsValid true if the judge reads the file as it was written and the directory is known to lead to
 *   buckets with possible heads and avail tables, so that they need not be read again
 * @returns the first error, or null if both calls work (also for an empty file, of which libgdbm makes a database)
 * @throws SourceError if the source cannot be read
 */
export async function predictLibgdbm(
  given: Source,
  judge: Judge = MACHINES.amd64,
  bucketsValid = false,
): Promise<LibgdbmMessage | null> {
  const source = exact(given);
  if (source.size === 0) return null;
  const opened = await openAsLibgdbm(source, judge);
  if (typeof opened === 'string') return opened;
  // Counting refuses at once where next_block was low, then reads each bucket.
  if (opened.header.next_block < source.size) return 'Database needs recovery';
  return bucketsValid ? null : countBuckets(opened);
}

/**
 * Opens a file as libgdbm does.
 *
 * @param source with an end, of at least a byte
 * @returns the error where it does not open
 */
async function openAsLibgdbm(source: Source, { byteOrder, layout }: Judge): Promise<Opened | LibgdbmMessage> {
  const { size: headerSize } = headerStruct(layout);
  if (source.size < headerSize) return 'Unexpected end of file';
  const header = decodeHeader(await source.read(0, headerSize), layout, byteOrder);

  // 1. The magic.
  const meaning = magicMeaning(header.magic);
  if (meaning === undefined) {
    return magicMeaning(swap32(header.magic)) === undefined ? 'Bad magic number' : 'Byte-swapped file';
  }
  const { offsetBits = layout.offsetBits } = meaning;
  if (offsetBits !== layout.offsetBits) return 'File header assumes wrong off_t size';
  const format: Format = { byteOrder, layout, variant: meaning.variant };

  // 2. The header's fields; a low next_block is remembered and does not keep the file from opening.
  const refusal = judgeHeader(format, header, source.size);
  if (refusal !== null) return refusal;

  // 3. The rest of the header block, with the first avail block.
  if (source.size < header.block_size) return 'Unexpected end of file';
  const opened = { source, format, header };
  return (await judgeHeaderAvail(opened)) ?? opened;
}

/** Tells whether a judge reads a file of a format as it was written. */
export function isOfJudge({ byteOrder, layout }: Format, judge: Judge): boolean {
  return byteOrder === judge.byteOrder && layout === judge.layout;
}

function judgeHeader(format: Format, header: Header, fileSize: number): LibgdbmMessage | null {
  const { layout } = format;
  const { block_size, dir, dir_size, dir_bits, bucket_size, bucket_elems } = header;
  const before = headerAvailOffset(format);
  if (!(block_size > before && block_size - before >= availBlockStruct(layout).size)) {
    return 'Block size error';
  }
  const directoryInside = dir > 0 && dir < fileSize && dir_size > 0 && dir + dir_size < fileSize;
  if (
    !directoryInside ||
    dir_size < directorySizeFor(layout, block_size).size ||
    dir_bits !== directorySizeFor(layout, dir_size).bits ||
    bucket_size <= bucketStruct(layout).size ||
    bucket_elems !== bucketElementCount(layout, bucket_size)
  ) {
    return 'Malformed database file header';
  }
  return null;
}

async function judgeHeaderAvail({ source, format, header }: Opened): Promise<LibgdbmMessage | null> {
  const { byteOrder, layout } = format;
  const at = headerAvailOffset(format);
  const head = decodeAvailHead(await source.read(at, availBlockStruct(layout).size), layout, byteOrder);
  if (head.size !== tableRoom(header.block_size - at, layout)) return 'Malformed database file header';
  if (!(head.size > 1 && head.count >= 0 && head.count <= head.size)) return 'Malformed avail_block';
  const width = availElementStruct(layout).size;
  const table = readChunks(source, at + availTableOffset(layout), head.count * width, 4096 * width);
  for await (const bytes of table) {
    const entries = decodeAvailTable(bytes, 0, bytes.length / width, layout, byteOrder);
    if (!isTableValid(header, entries)) return 'Malformed avail_block';
  }
  return null;
}

/** Elements that fit an avail block of so many bytes. */
function tableRoom(bytes: number, layout: Layout): number {
  return Math.floor((bytes - availBlockStruct(layout).size) / availElementStruct(layout).size) + 1;
}

async function countBuckets(opened: Opened): Promise<LibgdbmMessage | null> {
  const { source, format, header } = opened;
  const { byteOrder, layout } = format;
  const width = offsetSize(layout);
  const entries = Math.floor(header.dir_size / width);
  const valid = new Set<number>();
  let previous: number | undefined;
  for await (const bytes of readChunks(source, header.dir, entries * width)) {
    for (const offset of decodeDirectory(bytes, layout, byteOrder)) {
      // libgdbm skips a run of equal entries, and caches the buckets that it has read.
      if (offset === previous) continue;
      previous = offset;
      if (offset < header.block_size) return 'Invalid directory entry';
      if (valid.has(offset)) continue;
      const refusal = await judgeBucket(opened, offset);
      if (refusal !== null) return refusal;
      valid.add(offset);
    }
  }
  return null;
}

async function judgeBucket(
  { source, format, header }: Opened,
  offset: number,
): Promise<LibgdbmMessage | null> {
  if (!(offset + header.bucket_size <= source.size)) return 'Unexpected end of file';
  const bytes = await readUpTo(source, offset, bucketStruct(format.layout).size);
  return judgeBucketHead(header, new BucketView(bytes, format, 1));
}

/** Returns the error of libgdbm for the head of a bucket and its table of free space; null if it accepts both. */
function judgeBucketHead(header: Header, bucket: BucketView): LibgdbmMessage | null {
  const { bits, count, availCount } = bucket;
  if (!(count >= 0 && count <= header.bucket_elems && bits >= 0 && bits <= header.dir_bits)) {
    return 'Malformed bucket header';
  }
  if (!(availCount >= 0 && availCount <= BUCKET_AVAIL) || !isTableValid(header, bucket.avail(availCount))) {
    return 'Malformed avail_block';
  }
  return null;
}

/** Result of a walk through all keys of a database by libgdbm, with a fetch of each. */
export interface LibgdbmUse {
  /** Number of keys that a walk (`gdbm_firstkey`, `gdbm_nextkey`) returns until it ends or begins to repeat. */
  readonly walked: number;
  /** End of the walk: at the end of the directory, never, or with an error. */
  readonly end: 'end' | 'never' | LibgdbmMessage;
  /** Number of found records that a fetch returns; undefined if libgdbm reads other bytes than were examined. */
  readonly fetched: number | undefined;
}

/** Results of the examination of a file that libgdbm is to use. */
interface Examined {
  readonly db: Database;
  readonly survey: Survey;
  readonly examination: Examination;
}

/**
 * Predicts how a full walk of a file by libgdbm 1.23 ends, and which of the records that were found it can fetch. A
 * test compares the predictions with the real library.
 *
 * 1. A walk takes the buckets in the order of the directory and compares each key with the hash of its element. The
 *    first key that does not match, or whose hash the directory leads elsewhere, ends it with "Malformed bucket hash
 *    entry".
 * 2. A fetch looks a key up in the bucket that the directory leads to for its hash.
 *
 * A bucket without an exception is not read again: the flags of its elements tell both.
 *
 * @param raw the file as it is
 * @param examined results of its examination; left out if there was none
 * @returns undefined if the file does not open, if its directory is a hole in the file, or if its keys claim too many
 *   bytes to be read
 * @throws SourceError if the source cannot be read
 */
export async function predictUse(
  raw: Source,
  judge: Judge,
  examined?: Examined,
): Promise<LibgdbmUse | undefined> {
  const source = exact(raw);
  if (source.size === 0) return undefined;
  const opened = await openAsLibgdbm(source, judge);
  if (typeof opened === 'string' || opened.header.next_block < source.size) return undefined;
  const { header, format } = opened;
  const entries = { offset: header.dir, bits: header.dir_bits };
  if (!(await isHeld(source, format, entries))) return undefined;
  const directory = await readDirectory(source, format, entries);
  const known =
    examined !== undefined && isReadAlike(opened, examined) ? new Known(opened, examined) : undefined;
  const walk = await walkAsLibgdbm(opened, directory, judge, known);
  if (walk === undefined) return undefined;
  return { ...walk, fetched: known && (await countFetched(opened, directory, known, judge)) };
}

/** Tells whether the examination read the same bytes as libgdbm. */
function isReadAlike({ header, format }: Opened, { db }: Examined): boolean {
  const { bucketSize, bucketElements } = db.geometry;
  return (
    !db.headerLost &&
    db.layout === undefined &&
    db.undone === undefined &&
    db.format.byteOrder === format.byteOrder &&
    db.format.layout === format.layout &&
    bucketSize === header.bucket_size &&
    bucketElements === header.bucket_elems
  );
}

/** The examination of a file, for libgdbm that reads the same bytes. */
class Known {
  readonly survey: Survey;
  readonly marks: ElementMarks;
  /** Numbers of the examined buckets, by file offset. */
  readonly #numbers = new Map<number, number>();
  /** File offsets of elements whose hash was corrected, in order; libgdbm reads the wrong one. */
  readonly #corrected: Float64Array;
  readonly #bucketSize: number;
  readonly #isReadAlike: boolean;

  constructor({ header }: Opened, { db, survey, examination }: Examined) {
    const { blockSize, directory, bucketSize } = db.geometry;
    this.survey = survey;
    this.marks = examination.marks;
    for (const [s, { offset, elements }] of survey.sites.entries())
      if (elements === undefined) this.#numbers.set(offset, s);
    this.#corrected = Float64Array.from(db.corrected?.hashes ?? [], ({ element }) => element).sort();
    this.#bucketSize = bucketSize;
    this.#isReadAlike =
      directory?.offset === header.dir &&
      directory.bits === header.dir_bits &&
      blockSize === header.block_size;
  }

  numberOf(place: number): number | undefined {
    return this.#numbers.get(place);
  }

  isCorrected(element: number): boolean {
    const n = firstAfter(this.#corrected, element - 1);
    return this.#corrected[n] === element;
  }

  /**
   * Tells whether a bucket has no exception and exactly its own slots lead to it, so that a lookup reaches each of its
   * elements.
   */
  isUsual(s: number): boolean {
    const { sites, siteOfSlot } = this.survey;
    const site = sites[s];
    if (!this.#isReadAlike || this.marks.sites[s] !== 0) return false;
    if (!isPlaced(site) || siteOfSlot[site.firstSlot] !== s) return false;
    const next = this.#corrected[firstAfter(this.#corrected, site.offset)];
    return !(next < site.offset + this.#bucketSize);
  }

  /**
   * Counts the records of a bucket up to the first one whose key does not give its hash on a machine.
   *
   * @param flavour {@link SIGNED} or {@link UNSIGNED}
   */
  countUpToMisfit(s: number, flavour: number): { fitting: number; isWhole: boolean } {
    const { flags, elements } = this.marks;
    let fitting = 0;
    for (let at = s * elements; at < (s + 1) * elements; at++) {
      if ((flags[at] & KEPT) === 0) continue;
      if ((flags[at] & flavour) === 0) return { fitting, isWhole: false };
      fitting++;
    }
    return { fitting, isWhole: true };
  }
}

function flavourOf({ hashChar }: Judge): number {
  return hashChar === 'signed' ? SIGNED : UNSIGNED;
}

async function walkAsLibgdbm(
  opened: Opened,
  directory: Float64Array,
  judge: Judge,
  known: Known | undefined,
): Promise<Pick<LibgdbmUse, 'walked' | 'end'> | undefined> {
  const { source, header } = opened;
  const bits = header.dir_bits;
  const fits = new KeyFits(source, judge, known);
  /** Slots at which a bucket was entered; a walk that enters one of them again never ends. */
  const entered = new Set<number>();
  // A size that the file cannot hold is refused below, before a bucket is read.
  const room = new Uint8Array(Math.min(header.bucket_size, source.size));
  const bucket = new BucketView(room, opened.format, header.bucket_elems);
  let walked = 0;
  for (let slot = 0; slot < directory.length;) {
    if (entered.has(slot)) return { walked, end: 'never' };
    entered.add(slot);
    const place = directory[slot];
    const s = known?.numberOf(place);
    if (known !== undefined && s !== undefined && known.isUsual(s)) {
      const { fitting, isWhole } = known.countUpToMisfit(s, flavourOf(judge));
      walked += fitting;
      if (!isWhole) return { walked, end: 'Malformed bucket hash entry' };
      if (fitting > 0) slot = known.survey.sites[s].firstSlot;
    } else {
      if (place < header.block_size) return { walked, end: 'Invalid directory entry' };
      if (!(place + header.bucket_size <= source.size)) return { walked, end: 'Unexpected end of file' };
      room.set(await source.read(place, header.bucket_size));
      const refusal = judgeBucketHead(header, bucket);
      if (refusal !== null) return { walked, end: refusal };
      const keys = await fits.ofBucket(place, bucket);
      if (keys === undefined) return undefined;
      for (let i = 0; i < bucket.elements; i++) {
        const hash = bucket.hash(i);
        if (hash === FREE_HASH) continue;
        if (!isInside(source, bucket, i)) return { walked, end: 'Malformed hash table' };
        if (keys[i] === 0 || directory[slotOf(hash, bits)] !== place) {
          return { walked, end: 'Malformed bucket hash entry' };
        }
        walked++;
        // To get the next key libgdbm looks this one up, and goes on from the slot of its hash.
        slot = slotOf(hash, bits);
      }
    }
    while (slot < directory.length && directory[slot] === place) slot++;
  }
  return { walked, end: 'end' };
}

function isInside(source: Source, bucket: BucketView, i: number): boolean {
  const [offset, keySize, dataSize] = [bucket.dataPointer(i), bucket.keySize(i), bucket.dataSize(i)];
  return offset >= 0 && keySize >= 0 && dataSize >= 0 && offset + keySize + dataSize <= source.size;
}

/** Tells which keys of a bucket give the hash of their element on the judge's machine. */
class KeyFits {
  readonly #source: Source;
  readonly #judge: Judge;
  readonly #budget: KeyBudget;
  readonly #known: Known | undefined;

  constructor(source: Source, judge: Judge, known: Known | undefined) {
    this.#source = source;
    this.#judge = judge;
    this.#budget = new KeyBudget(KEY_BUDGET * source.size);
    this.#known = known;
  }

  /** Returns 1 for each element whose key fits, else 0; undefined if reading the keys would cost too much. */
  async ofBucket(place: number, bucket: BucketView): Promise<Uint8Array | undefined> {
    const fits = new Uint8Array(bucket.elements);
    const known = this.#known;
    const s = known?.numberOf(place);
    const unknown: number[] = [];
    const flavour = flavourOf(this.#judge);
    for (let i = 0; i < bucket.elements; i++) {
      if (bucket.hash(i) < 0 || !isInside(this.#source, bucket, i)) continue;
      if (known?.isCorrected(place + bucket.elementOffset(i)) === true) continue;
      const flags =
        known === undefined || s === undefined ? 0 : known.marks.flags[s * known.marks.elements + i];
      if ((flags & (READ | KEPT)) !== 0) fits[i] = (flags & flavour) === 0 ? 0 : 1;
      else unknown.push(i);
    }
    for (const i of unknown) if (!this.#budget.allows(bucket.keySize(i))) return undefined;
    await this.#read(bucket, unknown, fits);
    return fits;
  }

  async #read(bucket: BucketView, unknown: readonly number[], fits: Uint8Array): Promise<void> {
    const { hashChar } = this.#judge;
    const small = unknown.filter((i) => bucket.keySize(i) <= SMALL_KEY);
    const ranges = small.map((i) => ({ offset: bucket.dataPointer(i), length: bucket.keySize(i) }));
    await gather(this.#source, ranges, (n, key) => {
      if (hashKey(key, hashChar) === bucket.hash(small[n])) fits[small[n]] = 1;
    });
    for (const i of unknown) {
      if (bucket.keySize(i) <= SMALL_KEY) continue;
      const hasher = new KeyHasher(bucket.keySize(i));
      for await (const piece of passChunks(this.#source, bucket.dataPointer(i), bucket.keySize(i)))
        hasher.update(piece);
      if (hasher.hash(hashChar) === bucket.hash(i)) fits[i] = 1;
    }
  }
}

/** Counts the found records that libgdbm finds by their keys in the file as it is. */
async function countFetched(
  { source, header, format }: Opened,
  directory: Float64Array,
  known: Known,
  judge: Judge,
): Promise<number> {
  const { flags, kept, elements } = known.marks;
  const flavour = flavourOf(judge);
  // A size that the file cannot hold is refused below, before a bucket is read.
  const room = new Uint8Array(Math.min(header.bucket_size, source.size));
  const bucket = new BucketView(room, format, header.bucket_elems);
  let fetched = 0;
  for (const [s, { offset, elements: loose }] of known.survey.sites.entries()) {
    // Elements that were found one by one are in no bucket that libgdbm reads.
    if (kept[s] === 0 || loose !== undefined) continue;
    const isFetched = (at: number) =>
      (flags[at] & KEPT) !== 0 && (flags[at] & flavour) !== 0 && (flags[at] & START) === 0;
    if (known.isUsual(s)) {
      for (let at = s * elements; at < (s + 1) * elements; at++) if (isFetched(at)) fetched++;
      continue;
    }
    room.set(await source.read(offset, header.bucket_size));
    if (judgeBucketHead(header, bucket) !== null) continue;
    const before = usedBefore(bucket);
    for (let i = 0, at = s * elements; i < elements; i++, at++) {
      if (!isFetched(at)) continue;
      const hash = bucket.hash(i);
      if (known.isCorrected(offset + bucket.elementOffset(i)) || hash < 0) continue;
      const isLed = directory[slotOf(hash, header.dir_bits)] === offset;
      if (isLed && before[i] >= fromHome(i, hash, elements)) fetched++;
    }
  }
  return fetched;
}

/** Tells whether a machine's libgdbm cannot use a database that is in order on the machine that made it. */
export function isForeign(format: FileFormat, judge: Judge): boolean {
  return !isOfJudge(format, judge) || isOther(format.hashChar, judge.hashChar);
}

/** Returns the result of a check of the structure alone, with the verdict for a machine. */
export function judgedFor(checked: CheckResult, judge: Judge | undefined): CheckResult {
  const { verdict, format } = checked;
  if (verdict !== 'healthy' || judge === undefined || format === undefined || !isForeign(format, judge))
    return checked;
  return { ...checked, verdict: 'foreign' };
}

function isOther(hashChar: FileFormat['hashChar'], wanted: HashChar): boolean {
  return hashChar !== 'undetermined' && hashChar !== wanted;
}

/** Returns the names of the machines that a database is for. */
export function machinesFor({ byteOrder, layout, hashChar }: FileFormat): MachineName[] {
  return MACHINE_NAMES.filter((name) => {
    const machine: Judge = MACHINES[name];
    return (
      machine.byteOrder === byteOrder && machine.layout === layout && !isOther(hashChar, machine.hashChar)
    );
  });
}

/** Format of a database, and the numbers of its keys whose hash depends on the sign of `char`. */
interface Written extends Format {
  readonly signed: number;
  readonly unsigned: number;
}

/**
 * Returns the findings that keep a machine's libgdbm from using a database that is in order on the machine that made
 * it.
 */
export function foreignFindings(written: Written, judge: Judge): Finding[] {
  const { signed, unsigned } = written;
  if (!isOfJudge(written, judge)) {
    return [
      finding(
        'foreign-format',
        null,
        `${describeFormat(written)}, as ${machinesOf(written)} write it`,
        describeFormat({ ...judge, variant: written.variant }),
      ),
    ];
  }
  const [foreign, own] = judge.hashChar === 'signed' ? [unsigned, signed] : [signed, unsigned];
  // Keys of both kinds in one file are a finding of their own.
  if (foreign === 0 || own > 0) return [];
  const other: HashChar = judge.hashChar === 'signed' ? 'unsigned' : 'signed';
  const found = `${foreign} ${foreign === 1 ? 'key' : 'keys'} with the hash of ${other} char`;
  return [finding('foreign-keys', null, found, `the hash of ${judge.hashChar} char`)];
}
