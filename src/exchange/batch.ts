import type { Database } from '../database/database.js';
import { BucketWords } from '../check/sound/bucketwords.js';
import { BUCKET_AVAIL } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import { HASH_BITS, KeyScan } from '../format/hash.js';
import type { Source } from '../source/source.js';
import { readInto } from '../source/source.js';

/** Records as they stand in a database, many in one piece of memory. All is good until the next batch is asked for. */
export interface WalkedBatch {
  /** What they are read from. */
  readonly source: Source;
  readonly count: number;
  /** The keys and values of the small ones, each record directly behind the small one before it. */
  readonly bytes: Uint8Array;
  /** Where in `bytes` each begins; −1 where it is too large to be held, and is at `offsets` in the source. */
  readonly starts: Int32Array;
  readonly offsets: Float64Array;
  readonly keySizes: Int32Array;
  readonly dataSizes: Int32Array;
}

/** A bucket that a directory leads to. */
export interface BucketPlace {
  /** File offset. */
  readonly offset: number;
  readonly firstSlot: number;
  /** `bucket_bits` as the number of its slots says. */
  readonly bits: number;
}

/** Records up to so many bytes are read together. */
const SMALL = 64 * 1024;
const BATCH_BYTES = 40 << 20;
const BATCH_RECORDS = 1 << 18;
/** A part of the file whose records are read one after the other: what a read at once may have, with the last record. */
const WINDOW_BITS = 18;
/** Bytes for each that is wanted, for which it is still quicker to read them all than each record by itself. */
const SPARSE = 8;
/** More keys with one hash in one bucket are no chance. */
const MANY = 1024;

/**
 * Gathers the records of sound buckets, then reads them in order of their places. One is used for all of a walk: its
 * memory, 40 bytes for each record of a batch and room for their bytes, is used again for each batch.
 */
export class BatchReader {
  /** Bytes of the records that were taken since the last batch. */
  pending = 0;
  readonly #db: Database;
  readonly #bucket: Uint8Array;
  readonly #words: BucketWords;
  readonly #key = new KeyScan();
  readonly #window = new Uint8Array(2 ** WINDOW_BITS + SMALL);
  readonly #firstOf: Uint32Array;
  /** The last record of the bucket with a hash, by the hash's bits: a table that each bucket begins anew. */
  #table = new Int32Array(1024);
  #bytes = new Uint8Array(0);
  #count = 0;
  #hashes = new Int32Array(1024);
  #digests = new Int32Array(1024);
  /** The record before with the same hash; −1 where there is none in the bucket. */
  #twins = new Int32Array(1024);
  #offsets = new Float64Array(1024);
  #keySizes = new Int32Array(1024);
  #dataSizes = new Int32Array(1024);
  #starts = new Int32Array(1024);
  #order = new Uint32Array(1024);

  constructor(db: Database) {
    const { bucketSize, bucketElements } = db.geometry;
    this.#db = db;
    this.#bucket = new Uint8Array(bucketSize);
    this.#words = new BucketWords(db.format, bucketSize, bucketElements);
    this.#firstOf = new Uint32Array(Math.ceil(db.source.size / 2 ** WINDOW_BITS) + 2);
    while (this.#table.length < 4 * bucketElements) this.#table = new Int32Array(2 * this.#table.length);
  }

  get isFull(): boolean {
    return this.pending >= BATCH_BYTES || this.#count >= BATCH_RECORDS;
  }

  /** Takes a bucket's elements; false where something about them is not as it should be, then the batch is lost. */
  async take({ offset: place, firstSlot, bits }: BucketPlace): Promise<boolean> {
    const { source, directory } = this.#db;
    const words = this.#words;
    await readInto(source, place, this.#bucket);
    words.load(this.#bucket);
    if (words.bits !== bits || words.availCount < 0 || words.availCount > BUCKET_AVAIL) return false;
    const shift = HASH_BITS - bits;
    const prefix = Math.floor(firstSlot / (directory.length / 2 ** bits));
    const first = this.#count;
    while (first + words.elements > this.#hashes.length) this.#grow();
    this.#table.fill(-1);
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
      const n = this.#count++;
      this.#hashes[n] = hash;
      this.#offsets[n] = offset;
      this.#keySizes[n] = keySize;
      this.#dataSizes[n] = dataSize;
      this.#twins[n] = this.#twinOf(hash, n);
      this.pending += size;
    }
    return used === words.count;
  }

  /** Finds the last record of this bucket with the same hash, and puts this one into its place. */
  #twinOf(hash: number, n: number): number {
    const mask = this.#table.length - 1;
    let at = Math.imul(hash, 0x9e3779b1) >>> Math.clz32(mask);
    for (;;) {
      at &= mask;
      const other = this.#table[at];
      if (other < 0 || this.#hashes[other] === hash) {
        this.#table[at] = n;
        return other;
      }
      at++;
    }
  }

  /** Reads what was taken; undefined where a key is not its hash's, or is there twice. */
  async read(): Promise<WalkedBatch | undefined> {
    const { source } = this.#db;
    const count = this.#count;
    this.#plan();
    for (let w = 0; w + 1 < this.#firstOf.length; w++) {
      if (this.#firstOf[w] < this.#firstOf[w + 1] && !(await this.#readWindow(w))) return undefined;
    }
    if (!(await this.#proveLarge()) || !this.#areDistinct()) return undefined;
    this.#count = 0;
    this.pending = 0;
    return {
      source,
      count,
      bytes: this.#bytes,
      starts: this.#starts,
      offsets: this.#offsets,
      keySizes: this.#keySizes,
      dataSizes: this.#dataSizes,
    };
  }

  /** Gives each small record its place in memory, and puts all of them in order of their windows. */
  #plan(): void {
    const count = this.#count;
    const firstOf = this.#firstOf.fill(0);
    const windowOf = (i: number) => Math.floor(this.#offsets[i] / 2 ** WINDOW_BITS);
    let room = 0;
    let held = 0;
    for (let i = 0; i < count; i++) {
      const size = this.#keySizes[i] + this.#dataSizes[i];
      const small = size <= SMALL;
      this.#starts[i] = small ? room : -1;
      if (!small) continue;
      room += size;
      held++;
      firstOf[windowOf(i) + 1]++;
    }
    for (let w = 0; w + 1 < firstOf.length; w++) firstOf[w + 1] += firstOf[w];
    // Filled from behind, so that each begins where it should when all are in their places.
    for (let i = count - 1; i >= 0; i--) {
      if (this.#starts[i] >= 0) this.#order[--firstOf[windowOf(i) + 1]] = i;
    }
    firstOf.copyWithin(0, 1);
    firstOf[firstOf.length - 1] = held;
    if (room > this.#bytes.length) this.#bytes = new Uint8Array(room + (room >> 5));
  }

  async #readWindow(w: number): Promise<boolean> {
    const { source } = this.#db;
    const [from, to] = [this.#firstOf[w], this.#firstOf[w + 1]];
    const [order, offsets, starts] = [this.#order, this.#offsets, this.#starts];
    const [keySizes, dataSizes] = [this.#keySizes, this.#dataSizes];
    let low = Infinity;
    let high = 0;
    let wanted = 0;
    for (let n = from; n < to; n++) {
      const i = order[n];
      const offset = offsets[i];
      const size = keySizes[i] + dataSizes[i];
      if (offset < low) low = offset;
      if (offset + size > high) high = offset + size;
      wanted += size;
    }
    const together = high - low <= SPARSE * wanted;
    if (together) await readInto(source, low, this.#window.subarray(0, high - low));
    const window = this.#window;
    const bytes = this.#bytes;
    for (let n = from; n < to; n++) {
      const i = order[n];
      const size = keySizes[i] + dataSizes[i];
      if (!together) await readInto(source, offsets[i], window.subarray(0, size));
      const at = together ? offsets[i] - low : 0;
      if (!this.#fits(window, at, i)) return false;
      copyBytes(window, at, at + size, bytes, starts[i]);
    }
    return true;
  }

  /** Holds the keys of large records against their hashes. */
  async #proveLarge(): Promise<boolean> {
    for (let i = 0; i < this.#count; i++) {
      if (this.#starts[i] >= 0) continue;
      // Such a key is read whole only by the examination.
      if (this.#keySizes[i] > SMALL) return false;
      await readInto(this.#db.source, this.#offsets[i], this.#window.subarray(0, this.#keySizes[i]));
      if (!this.#fits(this.#window, 0, i)) return false;
    }
    return true;
  }

  #fits(bytes: Uint8Array, at: number, i: number): boolean {
    const key = this.#key;
    const hash = this.#hashes[i];
    key.take(bytes, at, at + this.#keySizes[i], 'unsigned');
    this.#digests[i] = key.digest;
    if (key.hash === hash) return true;
    if (key.portable) return false;
    key.take(bytes, at, at + this.#keySizes[i], 'signed');
    return key.hash === hash;
  }

  /** Whether no two keys of one hash are the same, as far as a few looks at each can tell. */
  #areDistinct(): boolean {
    const bytes = this.#bytes;
    for (let a = 0; a < this.#count; a++) {
      let looks = 0;
      for (let b = this.#twins[a]; b >= 0; b = this.#twins[b]) {
        if (++looks > MANY) return false;
        const size = this.#keySizes[a];
        if (this.#digests[b] !== this.#digests[a] || this.#keySizes[b] !== size) continue;
        const [atA, atB] = [this.#starts[a], this.#starts[b]];
        if (atA < 0 || atB < 0) return false;
        if (equalBytes(bytes.subarray(atA, atA + size), bytes.subarray(atB, atB + size))) return false;
      }
    }
    return true;
  }

  #grow(): void {
    const size = this.#hashes.length * 2;
    this.#hashes = grown(new Int32Array(size), this.#hashes);
    this.#digests = grown(new Int32Array(size), this.#digests);
    this.#twins = grown(new Int32Array(size), this.#twins);
    this.#offsets = grown(new Float64Array(size), this.#offsets);
    this.#keySizes = grown(new Int32Array(size), this.#keySizes);
    this.#dataSizes = grown(new Int32Array(size), this.#dataSizes);
    this.#starts = new Int32Array(size);
    this.#order = new Uint32Array(size);
  }
}

function grown<T extends Int32Array | Float64Array>(bigger: T, old: T): T {
  bigger.set(old);
  return bigger;
}

/** Short runs are copied here: two views for each would take longer than the copying. */
const SHORT = 48;

function copyBytes(from: Uint8Array, start: number, end: number, into: Uint8Array, at: number): void {
  if (end - start > SHORT) into.set(from.subarray(start, end), at);
  else for (let i = start, j = at; i < end; i++, j++) into[j] = from[i];
}
