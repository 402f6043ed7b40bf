import type { Database } from '../database/database.js';
import { mayBeCut } from '../database/database.js';
import { BucketWords } from '../format/bucketwords.js';
import { BUCKET_AVAIL } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import { HASH_BITS, KeyScan } from '../format/hash.js';
import type { DoubtfulRecords } from '../check/doubtful.js';
import { readInto } from '../source/source.js';
import type { BucketPlace, WalkedBatch } from './batch.js';
import {
  DATA_SIZE,
  DIGEST,
  HASH,
  KEY_SIZE,
  OFFSET_HIGH,
  OFFSET_LOW,
  START,
  TWIN,
  WORDS,
  offsetOf,
  partOf,
} from './batchwords.js';

/** Records up to so many bytes are read together. */
const SMALL = 64 * 1024;
/** What is gathered at a time. */
export interface BatchLimits {
  readonly bytes: number;
  readonly records: number;
}
/** Nearly all the memory that a command may have. */
export const WHOLE_BATCH: BatchLimits = { bytes: 36 << 20, records: 1 << 18 };
/** Where something else needs as much. */
export const PART_BATCH: BatchLimits = { bytes: 14 << 20, records: 1 << 17 };

export interface BatchOptions {
  readonly limits: BatchLimits;
  /** Whether no key is there twice, and large ones are right, is known; all else may have changed since. */
  readonly proved: boolean;
  /** Records that are left out, as their size is wrong. */
  readonly without?: DoubtfulRecords | undefined;
}

/** What becomes of a batch that is no longer good. */
const NOTHING = {
  count: 0,
  bytes: new Uint8Array(0),
  starts: new Int32Array(0),
  offsets: new Float64Array(0),
  keySizes: new Int32Array(0),
  dataSizes: new Int32Array(0),
  hashes: { words: new Int32Array(0), from: 0, to: 0, whole: [], done: 0 },
};
/** A part of the file whose records are read one after the other: what a read at once may have, with the last record. */
const WINDOW_BITS = 18;
/** Bytes for each that is wanted, for which it is still quicker to read them all than each record by itself. */
const SPARSE = 8;
/** More keys with one hash in one bucket are no chance. */
const MANY = 1024;

/**
 * Gathers the records of sound buckets, then reads them in order of their places. One is used for all of a walk: its
 * memory, 56 bytes for each record of a batch and room for their bytes, is used again for each batch.
 */
export class BatchReader {
  /** Bytes of the records that were taken since the last batch. */
  pending = 0;
  /** Records that were left out since then. */
  leftOut = 0;
  readonly #db: Database;
  readonly #limits: BatchLimits;
  readonly #proved: boolean;
  readonly #without: DoubtfulRecords | undefined;
  readonly #bucket: Uint8Array;
  readonly #elements: BucketWords;
  readonly #key = new KeyScan();
  readonly #window = new Uint8Array(2 ** WINDOW_BITS + SMALL);
  readonly #firstOf: Uint32Array;
  /** The last record of the bucket with a hash, by the hash's bits: a table that each bucket begins anew. */
  #table = new Int32Array(1024);
  #bytes = new Uint8Array(0);
  #count = 0;
  /** For each bucket taken how many records there were with it. */
  readonly #ends: number[] = [];
  #given: WalkedBatch | undefined;
  /** The record that is not as it should be. */
  #failed = 0;
  /** The hashes of the buckets taken, those beside each other as one range. */
  #ranges: [number, number][] = [];
  #words = new Int32Array(WORDS * 1024);
  #order = new Uint32Array(1024);
  #offsets = new Float64Array(1024);
  #keySizes = new Int32Array(1024);
  #dataSizes = new Int32Array(1024);
  #starts = new Int32Array(1024);

  constructor(db: Database, { limits, proved, without }: BatchOptions) {
    const { bucketSize, bucketElements } = db.geometry;
    this.#db = db;
    this.#limits = limits;
    this.#proved = proved;
    this.#without = without;
    this.#bucket = new Uint8Array(bucketSize);
    this.#elements = new BucketWords(db.format, bucketSize, bucketElements);
    this.#firstOf = new Uint32Array(Math.ceil(db.source.size / 2 ** WINDOW_BITS) + 2);
    while (this.#table.length < 4 * bucketElements) this.#table = new Int32Array(2 * this.#table.length);
  }

  /** One bucket more may be too much. */
  get isFull(): boolean {
    if (this.#count === 0) return false;
    const { bytes, records } = this.#limits;
    return this.pending >= bytes || this.#count + this.#elements.elements > records;
  }

  /** Begins a batch anew, without what was taken. The last one given is empty then: somebody may hold it for long. */
  clear(): void {
    if (this.#given !== undefined) Object.assign(this.#given, NOTHING);
    this.#given = undefined;
    this.#count = 0;
    this.pending = 0;
    this.leftOut = 0;
    this.#ends.length = 0;
    this.#ranges = [];
  }

  /** Which of the buckets taken is not as it should be, where one is not. */
  get failed(): number {
    const first = this.#ends.findIndex((end) => end > this.#failed);
    return first < 0 ? this.#ends.length : first;
  }

  /**
   * Takes the elements of the bucket behind the last one.
   *
   * @returns false where something about them is not as it should be; then the batch has to begin anew
   */
  async take({ offset: place, firstSlot, bits }: BucketPlace): Promise<boolean> {
    const { source, directory } = this.#db;
    const words = this.#elements;
    // Should anything be wrong, it is about this bucket.
    this.#failed = Infinity;
    if (mayBeCut(this.#db, place, place + this.#bucket.length)) return false;
    await readInto(source, place, this.#bucket);
    words.load(this.#bucket);
    if (words.bits !== bits || words.availCount < 0 || words.availCount > BUCKET_AVAIL) return false;
    const shift = HASH_BITS - bits;
    const prefix = Math.floor(firstSlot / (directory.length / 2 ** bits));
    const first = this.#count;
    while (first + words.elements > this.#order.length) this.#grow();
    const records = this.#words;
    if (!this.#proved) this.#table.fill(-1);
    let used = 0;
    for (let i = 0; i < words.elements; i++) {
      if (words.isFree(i)) continue;
      const hash = words.hash(i);
      const offset = words.pointer(i);
      const keySize = words.keySize(i);
      const dataSize = words.dataSize(i);
      const size = keySize + dataSize;
      if (hash < 0 || keySize < 0 || dataSize < 0 || offset < 0 || offset + size > source.size) return false;
      if (bits > 0 && hash >>> shift !== prefix) return false;
      used++;
      // What lies where bytes are missing, or were put in, is not what was stored.
      if (mayBeCut(this.#db, offset, offset + size) || this.#without?.has(offset, size) === true) {
        this.leftOut++;
        continue;
      }
      const n = this.#count++;
      const at = n * WORDS;
      records[at + HASH] = hash;
      records[at + OFFSET_LOW] = offset | 0;
      records[at + OFFSET_HIGH] = offset / 2 ** 32;
      records[at + KEY_SIZE] = keySize;
      records[at + DATA_SIZE] = dataSize;
      records[at + TWIN] = this.#proved ? -1 : this.#twinOf(hash, n);
      this.pending += size;
    }
    if (used !== words.count) return false;
    this.#ends.push(this.#count);
    this.#cover(prefix * 2 ** shift, (prefix + 1) * 2 ** shift);
    return true;
  }

  #cover(from: number, to: number): void {
    const last = this.#ranges[this.#ranges.length - 1];
    if (last?.[1] === from) last[1] = to;
    else this.#ranges.push([from, to]);
  }

  /** Finds the last record of this bucket with the same hash, and puts this one into its place. */
  #twinOf(hash: number, n: number): number {
    const mask = this.#table.length - 1;
    let at = Math.imul(hash, 0x9e3779b1) >>> Math.clz32(mask);
    for (;;) {
      at &= mask;
      const other = this.#table[at];
      if (other < 0 || this.#words[other * WORDS + HASH] === hash) {
        this.#table[at] = n;
        return other;
      }
      at++;
    }
  }

  /** Reads what was taken; undefined where a key is not its hash's, or is there twice: then it has to begin anew. */
  async read(): Promise<WalkedBatch | undefined> {
    const { source } = this.#db;
    const count = this.#count;
    const whole = this.#ranges;
    this.#plan();
    for (let w = 0; w + 1 < this.#firstOf.length; w++) {
      if (this.#firstOf[w] < this.#firstOf[w + 1] && !(await this.#readWindow(w))) return undefined;
    }
    if (!this.#proved && !((await this.#proveLarge()) && this.#areDistinct())) return undefined;
    this.clear();
    const done = whole[whole.length - 1][1];
    this.#given = {
      source,
      count,
      bytes: this.#bytes,
      starts: this.#starts,
      offsets: this.#offsets,
      keySizes: this.#keySizes,
      dataSizes: this.#dataSizes,
      hashes: { words: this.#words, from: whole[0][0], to: done, whole, done },
    };
    return this.#given;
  }

  /** Gives each small record its place in memory, and puts all of them in order of their windows. */
  #plan(): void {
    const count = this.#count;
    const words = this.#words;
    const starts = this.#starts;
    const order = this.#order;
    const firstOf = this.#firstOf.fill(0);
    let room = 0;
    let held = 0;
    for (let i = 0; i < count; i++) {
      const at = i * WORDS;
      const keySize = words[at + KEY_SIZE];
      const dataSize = words[at + DATA_SIZE];
      const size = keySize + dataSize;
      // However many a bucket may have.
      const small = size <= SMALL && room + size <= this.#limits.bytes + SMALL;
      this.#offsets[i] = offsetOf(words, at);
      this.#keySizes[i] = keySize;
      this.#dataSizes[i] = dataSize;
      starts[i] = words[at + START] = small ? room : -1;
      if (!small) continue;
      room += size;
      held++;
      firstOf[partOf(words, at, WINDOW_BITS) + 1]++;
    }
    for (let w = 0; w + 1 < firstOf.length; w++) firstOf[w + 1] += firstOf[w];
    // Filled from behind, so that each begins where it should when all are in their places.
    for (let i = count - 1; i >= 0; i--) {
      if (starts[i] >= 0) order[--firstOf[partOf(words, i * WORDS, WINDOW_BITS) + 1]] = i;
    }
    firstOf.copyWithin(0, 1);
    firstOf[firstOf.length - 1] = held;
    if (room > this.#bytes.length) this.#bytes = new Uint8Array(room + (room >> 5));
  }

  async #readWindow(w: number): Promise<boolean> {
    const { source } = this.#db;
    const [from, to] = [this.#firstOf[w], this.#firstOf[w + 1]];
    const order = this.#order;
    const words = this.#words;
    let low = Infinity;
    let high = 0;
    let wanted = 0;
    for (let n = from; n < to; n++) {
      const i = order[n] * WORDS;
      const offset = offsetOf(words, i);
      const size = words[i + KEY_SIZE] + words[i + DATA_SIZE];
      if (offset < low) low = offset;
      if (offset + size > high) high = offset + size;
      wanted += size;
    }
    const together = high - low <= SPARSE * wanted;
    if (together) await readInto(source, low, this.#window.subarray(0, high - low));
    const window = this.#window;
    const bytes = this.#bytes;
    for (let n = from; n < to; n++) {
      const i = order[n] * WORDS;
      const offset = offsetOf(words, i);
      const size = words[i + KEY_SIZE] + words[i + DATA_SIZE];
      if (!together) await readInto(source, offset, window.subarray(0, size));
      const at = together ? offset - low : 0;
      if (!this.#fits(window, at, i)) {
        this.#failed = order[n];
        return false;
      }
      copyBytes(window, at, at + size, bytes, words[i + START]);
    }
    return true;
  }

  /** Holds the keys of large records against their hashes. */
  async #proveLarge(): Promise<boolean> {
    for (let i = 0; i < this.#count; i++) {
      if (this.#starts[i] >= 0) continue;
      this.#failed = i;
      // Such a key is read whole only by the examination.
      if (this.#keySizes[i] > SMALL) return false;
      await readInto(this.#db.source, this.#offsets[i], this.#window.subarray(0, this.#keySizes[i]));
      if (!this.#fits(this.#window, 0, i * WORDS)) return false;
    }
    return true;
  }

  /** @param i where the record's words begin */
  #fits(bytes: Uint8Array, at: number, i: number): boolean {
    const key = this.#key;
    const words = this.#words;
    const hash = words[i + HASH];
    const end = at + words[i + KEY_SIZE];
    key.take(bytes, at, end, 'unsigned');
    words[i + DIGEST] = key.digest;
    if (key.hash === hash) return true;
    if (key.portable) return false;
    key.take(bytes, at, end, 'signed');
    return key.hash === hash;
  }

  /** Whether no two keys of one hash are the same, as far as a few looks at each can tell. */
  #areDistinct(): boolean {
    const bytes = this.#bytes;
    const words = this.#words;
    for (let a = 0; a < this.#count; a++) {
      this.#failed = a;
      let looks = 0;
      for (let b = words[a * WORDS + TWIN]; b >= 0; b = words[b * WORDS + TWIN]) {
        if (++looks > MANY) return false;
        const size = this.#keySizes[a];
        if (words[b * WORDS + DIGEST] !== words[a * WORDS + DIGEST] || this.#keySizes[b] !== size) continue;
        const [atA, atB] = [this.#starts[a], this.#starts[b]];
        if (atA < 0 || atB < 0) return false;
        if (equalBytes(bytes.subarray(atA, atA + size), bytes.subarray(atB, atB + size))) return false;
      }
    }
    return true;
  }

  #grow(): void {
    const size = this.#order.length * 2;
    const words = new Int32Array(WORDS * size);
    words.set(this.#words);
    this.#words = words;
    this.#order = new Uint32Array(size);
    this.#offsets = new Float64Array(size);
    this.#keySizes = new Int32Array(size);
    this.#dataSizes = new Int32Array(size);
    this.#starts = new Int32Array(size);
  }
}

/** Short runs are copied here: two views for each would take longer than the copying. */
const SHORT = 48;

function copyBytes(from: Uint8Array, start: number, end: number, into: Uint8Array, at: number): void {
  if (end - start > SHORT) into.set(from.subarray(start, end), at);
  else for (let i = start, j = at; i < end; i++, j++) into[j] = from[i];
}
