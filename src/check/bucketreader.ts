import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { readSite } from '../database/survey.js';
import { BucketView } from '../format/bucket.js';
import { BucketWords } from '../format/bucketwords.js';
import { MAX_DIRECTORY_BITS, endOfRun } from '../format/directory.js';
import { OffsetSorter } from '../numbers.js';
import { readInto } from '../source/source.js';

/** Maximum number of bytes in one read. */
const TOGETHER = 1 << 18;

/** The place of a bucket, or of the elements that are left of one. */
type Place = Pick<BucketSite, 'offset' | 'elements'>;

/** Reads buckets one after the other into the same memory: a result is valid until the next bucket is read. */
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
  /** Offset of the last bucket, and the number of buckets before it that lie directly behind each other. */
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

  /**
   * Reads a bucket.
   *
   * @param behind number of the buckets read next that lie directly behind it; by default, as many as were read
   *   directly before it
   */
  async read(site: Place, behind?: number): Promise<BucketWords> {
    const reading = this.seek(site, behind);
    if (reading !== undefined) await reading;
    return this.load();
  }

  /** Returns the words of the bucket that {@link seek} read. */
  load(): BucketWords {
    this.#words.load(this.#bytes);
    return this.#words;
  }

  /**
   * Returns the words of the bucket that {@link seek} read, but only the elements whose records begin from one file
   * offset to before another.
   */
  loadBetween(from: number, to: number): BucketWords {
    this.#words.loadBetween(this.#bytes, from, to);
    return this.#words;
  }

  /**
   * Reads the bytes of a bucket as {@link read} does.
   *
   * @returns undefined if they are in memory already; a promise for each bucket would be most of the garbage
   */
  seek(site: Place, behind: number | undefined): Promise<unknown> | undefined {
    if (site.elements !== undefined) return readSite(this.#db, site, this.#view);
    const { offset } = site;
    const { length } = this.#bytes;
    this.#run = offset === this.#last + length ? this.#run + 1 : 0;
    this.#last = offset;
    if (offset >= this.#from && offset + length <= this.#to) {
      this.#copy(offset);
      return undefined;
    }
    // Two adjacent buckets are often the halves of a split, and no sign that more will follow.
    const together = behind === undefined ? (this.#run > 1 ? this.#run : 1) : behind + 1;
    if (together === 1 || 2 * length > TOGETHER) return readInto(this.#db.source, offset, this.#bytes);
    return this.#readAhead(offset, Math.min(TOGETHER - (TOGETHER % length), together * length));
  }

  async #readAhead(offset: number, wanted: number): Promise<void> {
    const { source } = this.#db;
    const ahead = (this.#ahead ??= new Uint8Array(TOGETHER));
    const bytes = ahead.subarray(0, Math.min(wanted, source.size - offset));
    this.#to = this.#from = offset;
    await readInto(source, offset, bytes);
    this.#to = offset + bytes.length;
    this.#copy(offset);
  }

  #copy(offset: number): void {
    const at = offset - this.#from;
    this.#bytes.set(this.#ahead!.subarray(at, at + this.#bytes.length));
  }

  /** View of the last bucket's fields. */
  get view(): BucketView {
    return this.#view;
  }

  /** The bytes of the last bucket. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }
}

/** Returns a function that counts, for a place of an ordered list, the next ones that lie directly behind it. */
export function neighbours(
  length: number,
  offsetOf: (n: number) => number,
  bucketSize: number,
): (n: number) => number {
  let end = 0;
  return (n) => {
    if (n >= end || n === 0) {
      end = n + 1;
      while (end < length && offsetOf(end) === offsetOf(end - 1) + bucketSize) end++;
    }
    return end - 1 - n;
  };
}

/** Passes through the buckets that a directory leads to, in order of their file offsets. */
export class BucketPass {
  readonly #reader: SiteReader;
  readonly #runs: DirectoryRuns;
  readonly #behind: (n: number) => number;

  constructor(db: Database, runs: DirectoryRuns) {
    this.#reader = new SiteReader(db);
    this.#runs = runs;
    this.#behind = neighbours(runs.length, (n) => runs.offsets[n], db.geometry.bucketSize);
  }

  /** Reads each bucket; `visit` gets its words and bytes, valid during the call, and says whether to go on. */
  async each(
    visit: (words: BucketWords, bytes: Uint8Array, run: number) => boolean | Promise<boolean>,
  ): Promise<boolean> {
    for (let run = 0; run < this.#runs.length; run++) {
      const words = await this.at(run);
      const goesOn = visit(words, this.#reader.bytes, run);
      if (!(typeof goesOn === 'boolean' ? goesOn : await goesOn)) return false;
    }
    return true;
  }

  /** Reads one bucket, and its neighbours; its words are valid until the next is asked for. */
  at(run: number): Promise<BucketWords> {
    return this.#reader.read({ offset: this.#runs.offsets[run] }, this.#behind(run));
  }
}

/** Buckets that a directory leads to, in order of their file offsets unless stated otherwise. */
export interface DirectoryRuns {
  readonly length: number;
  /** File offsets of the buckets. */
  readonly offsets: Float64Array;
  /** The first slot of each. */
  readonly firstSlots: Uint32Array;
  /** `bucket_bits`, derived from the number of each bucket's slots. */
  readonly bits: Uint8Array;
}

/**
 * Returns the runs of equal entries of a directory, if each can be a bucket's: inside the file, with a number of
 * slots that is a power of two, aligned to it, and no bucket in two runs or overlapping another one.
 *
 * @returns undefined if any run is invalid
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

/** Returns the buckets in order of their slots, which is the order of their hashes. */
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
