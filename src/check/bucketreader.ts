import { OffsetSorter } from '../numbers.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { readSite } from '../database/survey.js';
import { decodeAvailTable } from '../format/avail.js';
import { BUCKET_AVAIL, bucketStruct, BucketView } from '../format/bucket.js';
import { endOfRun, MAX_DIRECTORY_BITS } from '../format/directory.js';
import { HASH_BITS } from '../format/hash.js';
import { member } from '../format/struct.js';
import { readInto } from '../source/source.js';
import { checkAvailTable } from './avail.js';
import { BucketWords } from '../format/bucketwords.js';
import type { Structures } from './extents.js';
import type { FindingList } from './finding.js';
import { isTableValid } from './libgdbm.js';

/** Bytes that are read together at most. */
const TOGETHER = 1 << 18;

/** Reads one bucket after the other into the same memory: what it gives is valid until the next one is read. */
export class SiteReader {
  /** Elements of a bucket. */
  readonly elements: number;
  readonly #db: Database;
  readonly #bytes: Uint8Array;
  readonly #words: BucketWords;
  readonly #view: BucketView;
  /** The bytes from file offset {@link #from} to before {@link #to}. */
  #ahead: Uint8Array | undefined;
  #from = 0;
  #to = 0;
  /** Where the last bucket was, and how many were directly behind each other. */
  #last = Number.NaN;
  #run = 0;

  constructor(db: Database) {
    const { bucketSize, bucketElements } = db.geometry;
    this.elements = bucketElements;
    this.#db = db;
    this.#bytes = new Uint8Array(bucketSize);
    this.#words = new BucketWords(db.format, bucketSize, bucketElements);
    this.#view = new BucketView(this.#bytes, db.format, bucketElements);
  }

  async read(site: Pick<BucketSite, 'offset' | 'elements'>): Promise<BucketWords> {
    await this.#take(site);
    this.#words.load(this.#bytes);
    return this.#words;
  }

  /** Reads a bucket, but only the elements whose records begin from one file offset to before another. */
  async readBetween(site: BucketSite, from: number, to: number): Promise<BucketWords> {
    await this.#take(site);
    this.#words.loadBetween(this.#bytes, from, to);
    return this.#words;
  }

  async #take(site: Pick<BucketSite, 'offset' | 'elements'>): Promise<void> {
    if (site.elements === undefined) await this.#fill(site.offset);
    else await readSite(this.#db, site, this.#view);
  }

  /**
   * Reads a bucket; where others were directly before it, as many behind it as well. Two halves of a split often lie side by
   * side, and are no reason to read more.
   */
  async #fill(offset: number): Promise<void> {
    const { source } = this.#db;
    const { length } = this.#bytes;
    this.#run = offset === this.#last + length ? this.#run + 1 : 0;
    if (this.#run > 1 && length < TOGETHER) {
      const inside = offset >= this.#from && offset + length <= this.#to;
      if (!inside) {
        this.#to = this.#from = offset;
        const ahead = (this.#ahead ??= new Uint8Array(TOGETHER)).subarray(
          0,
          Math.min(TOGETHER, this.#run * length, source.size - offset),
        );
        await readInto(source, offset, ahead);
        this.#to = offset + ahead.length;
      }
      this.#bytes.set(this.#ahead!.subarray(offset - this.#from, offset - this.#from + length));
    } else await readInto(source, offset, this.#bytes);
    this.#last = offset;
  }

  /** The same bucket by its fields. */
  get view(): BucketView {
    return this.#view;
  }
}

/** Passes through the buckets that a directory leads to, in order of their file offsets. */
export class BucketPass {
  readonly #db: Database;
  readonly #runs: DirectoryRuns;
  readonly #words: BucketWords;
  readonly #bytes: Uint8Array;
  /** The runs whose buckets are in memory. */
  #first = 0;
  #end = 0;
  /** Whether libgdbm takes the avail tables of all buckets that were judged. */
  tablesValid = true;

  constructor(db: Database, runs: DirectoryRuns) {
    const { bucketSize, bucketElements } = db.geometry;
    this.#db = db;
    this.#runs = runs;
    this.#words = new BucketWords(db.format, bucketSize, bucketElements);
    const most = Math.max(1, Math.min(Math.floor(TOGETHER / bucketSize), runs.length));
    this.#bytes = new Uint8Array(most * bucketSize);
  }

  /** Reads each bucket; `visit` gets its words and bytes, valid during the call, and says whether to go on. */
  async each(
    visit: (words: BucketWords, bytes: Uint8Array, run: number) => boolean | Promise<boolean>,
  ): Promise<boolean> {
    this.#end = 0;
    for (let run = 0; run < this.#runs.length; run++) {
      if (run >= this.#end) await this.#read(run);
      const bytes = this.#bytesOf(run);
      this.#words.load(bytes);
      const goesOn = visit(this.#words, bytes, run);
      if (!(typeof goesOn === 'boolean' ? goesOn : await goesOn)) return false;
    }
    return true;
  }

  /**
   * Reads each bucket, but only the elements whose records begin from one file offset to before another.
   *
   * @param visit gets the words, valid during the call
   */
  async eachBetween(
    from: number,
    to: number,
    visit: (words: BucketWords, run: number) => void,
  ): Promise<void> {
    this.#end = 0;
    for (let run = 0; run < this.#runs.length; run++) {
      if (run >= this.#end) await this.#read(run);
      this.#words.loadBetween(this.#bytesOf(run), from, to);
      if (this.#words.usedCount > 0) visit(this.#words, run);
    }
  }

  /** Reads one bucket, of which neighbours are read as well; its words are valid until the next is asked for. */
  async at(run: number): Promise<BucketWords> {
    if (run < this.#first || run >= this.#end) await this.#read(run);
    this.#words.load(this.#bytesOf(run));
    return this.#words;
  }

  /** Of a bucket that is in memory. */
  #bytesOf(run: number): Uint8Array {
    const { bucketSize } = this.#db.geometry;
    return this.#bytes.subarray((run - this.#first) * bucketSize, (run - this.#first + 1) * bucketSize);
  }

  /** Reads a bucket and those that lie directly behind it. */
  async #read(run: number): Promise<void> {
    const { bucketSize } = this.#db.geometry;
    const { offsets, length } = this.#runs;
    let end = run + 1;
    let size = bucketSize;
    while (end < length && size < this.#bytes.length && offsets[end] === offsets[run] + size) {
      size += bucketSize;
      end++;
    }
    this.#end = 0;
    await readInto(this.#db.source, offsets[run], this.#bytes.subarray(0, size));
    this.#first = run;
    this.#end = end;
  }

  /**
   * Holds each bucket against what an intact file has: its head, its avail table, and of each element in use the fields,
   * the hash's range and that a lookup reaches it. What an intact file may also have, such as an unsorted avail table,
   * goes into `findings`.
   *
   * @param take gets each bucket whose elements are as they should be; it says whether to go on
   * @returns whether all is as it should be
   */
  async judge(
    structures: Structures,
    findings: FindingList,
    take: (words: BucketWords, run: number) => boolean | Promise<boolean>,
  ): Promise<boolean> {
    const { bucketSize } = this.#db.geometry;
    return this.each((words, bytes, run) => {
      const offset = this.#runs.offsets[run];
      structures.add('bucket', offset, bucketSize);
      return (
        this.#isHeadSound(words, run) &&
        this.#takeAvail(words.availCount, bytes, offset, structures, findings) &&
        this.#areElementsSound(words, run) &&
        take(words, run)
      );
    });
  }

  #isHeadSound({ bits, count, availCount, elements }: BucketWords, run: number): boolean {
    const possible = availCount >= 0 && availCount <= BUCKET_AVAIL && count >= 0 && count <= elements;
    return possible && bits === this.#runs.bits[run];
  }

  #takeAvail(
    count: number,
    bytes: Uint8Array,
    offset: number,
    structures: Structures,
    findings: FindingList,
  ): boolean {
    if (count === 0) return true;
    const { layout, byteOrder } = this.#db.format;
    const at = member(bucketStruct(layout), 'bucket_avail').offset;
    const table = decodeAvailTable(bytes, at, count, layout, byteOrder);
    const checked = checkAvailTable(this.#db, table, offset + at, 'bucket-avail');
    findings.add(checked.findings);
    this.tablesValid &&= isTableValid(this.#db.header, table);
    for (const { av_adr, av_size } of checked.free) structures.add('free', av_adr, av_size);
    return true;
  }

  #areElementsSound(words: BucketWords, run: number): boolean {
    const { elements, used, usedCount, hashes, pointers, keySizes, dataSizes } = words;
    if (usedCount !== words.count) return false;
    const end = this.#fileEnd;
    const bits = this.#runs.bits[run];
    const shift = HASH_BITS - bits;
    const prefix = this.#runs.firstSlots[run] >>> (Math.log2(this.#db.directory.length) - bits);
    // How many elements in use stand directly before one: for the first those around the end.
    let before = 0;
    while (before < usedCount && used[usedCount - 1 - before] === elements - 1 - before) before++;
    let next = 0;
    for (let n = 0; n < usedCount; n++) {
      const i = used[n];
      if (i !== next) before = 0;
      next = i + 1;
      const hash = hashes[i];
      const pointer = pointers[i];
      const keySize = keySizes[i];
      const dataSize = dataSizes[i];
      if (hash < 0 || keySize < 0 || dataSize < 0 || pointer < 0) return false;
      if (pointer + keySize + dataSize > end || (bits > 0 && hash >>> shift !== prefix)) return false;
      const home = hash % elements;
      const distance = i >= home ? i - home : i - home + elements;
      if (distance > before) return false;
      if (before < elements) before++;
    }
    return true;
  }

  /** No record ends later: the file's end, and the end that the header tells. */
  get #fileEnd(): number {
    const { source, header, headerLost } = this.#db;
    return headerLost ? source.size : Math.min(source.size, header.next_block);
  }
}

/** The buckets that a directory leads to, in order of their file offsets if nothing else is said. */
export interface DirectoryRuns {
  readonly length: number;
  /** File offsets of the buckets. */
  readonly offsets: Float64Array;
  /** The first slot of each. */
  readonly firstSlots: Uint32Array;
  /** `bucket_bits` as the number of its slots says. */
  readonly bits: Uint8Array;
}

/**
 * The runs of equal entries of a directory, if each can be a bucket's: inside the file, as many slots as a power of two,
 * aligned to it, and no bucket in two runs or on another one.
 *
 * @returns undefined where any run is not so
 */
export function directoryRuns({ directory, geometry, source }: Database): DirectoryRuns | undefined {
  const { blockSize, bucketSize } = geometry;
  const slots = directory.length;
  const directoryBits = Math.log2(slots);
  // Buckets do not overlap, so there are no more of them than the file has room for.
  const most = Math.floor(source.size / bucketSize);
  const runs = countRuns(directory);
  if (runs > most) return undefined;
  const offsets = new Float64Array(runs);
  const firsts = new Uint32Array(runs);
  const bits = new Uint8Array(runs);
  let length = 0;
  for (let slot = 0, end: number; slot < slots; slot = end) {
    const offset = directory[slot];
    end = endOfRun(directory, slot);
    const own = end - slot;
    const isRun = (own & (own - 1)) === 0 && slot % own === 0;
    const isInside = offset >= blockSize && offset + bucketSize <= source.size;
    if (!isRun || !isInside) return undefined;
    offsets[length] = offset;
    firsts[length] = slot;
    bits[length] = directoryBits - Math.log2(own);
    length++;
  }
  if (length === 0) return undefined;
  const order = new OffsetSorter().orderOf(offsets, length, 0, source.size);
  for (let n = 1; n < length; n++) {
    if (offsets[order[n]] < offsets[order[n - 1]] + bucketSize) return undefined;
  }
  return inOrder({ offsets, firstSlots: firsts, bits }, order);
}

function countRuns(directory: Float64Array): number {
  let runs = 0;
  for (let slot = 0; slot < directory.length; slot = endOfRun(directory, slot)) runs++;
  return runs;
}

/** The same buckets in order of their slots, which is that of their hashes. */
export function bySlots(runs: DirectoryRuns): DirectoryRuns {
  const { length, firstSlots } = runs;
  const slots = Float64Array.from(firstSlots);
  const order = new OffsetSorter().orderOf(slots, length, 0, 2 ** MAX_DIRECTORY_BITS);
  return inOrder(runs, order);
}

function inOrder(
  { offsets, firstSlots, bits }: Omit<DirectoryRuns, 'length'>,
  order: Uint32Array,
): DirectoryRuns {
  const { length } = order;
  const sorted = {
    length,
    offsets: new Float64Array(length),
    firstSlots: new Uint32Array(length),
    bits: new Uint8Array(length),
  };
  for (let n = 0; n < length; n++) {
    sorted.offsets[n] = offsets[order[n]];
    sorted.firstSlots[n] = firstSlots[order[n]];
    sorted.bits[n] = bits[order[n]];
  }
  return sorted;
}
