import type { Database } from '../database/database.js';
import { HASH_RANGE, KeyHasher } from '../format/hash.js';
import type { RecordPart } from '../salvage/read.js';
import { RangeReader } from '../source/ranges.js';
import type { Source } from '../source/source.js';

/*
 * Each record has these numbers of 32 bits in `words`. They lie beside each other because records are read in another order
 * than they are added: with a column for each, every number would be a look at another part of memory.
 */
export const WORDS = 8;
export const HASH = 0;
const OFFSET_LOW = 1;
const OFFSET_HIGH = 2;
export const KEY_SIZE = 3;
const DATA_SIZE = 4;
/** The place of the record in `bytes`; −1 for a large one. */
const START = 5;
/** A second hash of the key; only of a record whose bytes are held. */
export const DIGEST = 6;
/** The number of the bucket in the survey, times 4; and two bits. */
const SITE = 7;

/** The record's bucket is in order, and no other bucket has its key. */
export const CERTAIN = 1;
/** The record is not in the sound bucket that rules over its hash: its key may come again. */
export const LOOSE = 2;

/** The most that a batch holds. */
export interface BatchLimits {
  readonly bytes: number;
  readonly records: number;
}
/** For a sound database: with it a dump of 100 MB takes less than 96 MiB. */
export const WHOLE_BATCH: BatchLimits = { bytes: 16 << 20, records: 1 << 17 };
/** For use beside something that needs as much, such as a second database or the search of a damaged one. */
export const PART_BATCH: BatchLimits = { bytes: 14 << 20, records: 1 << 17 };

/** Larger records stay in the source. */
const SMALL = 64 * 1024;
/** Runs up to this length are copied byte by byte: two views for each would take longer. */
const SHORT = 48;

/** Many records in one piece of memory, in the order of their buckets. All is valid until the next batch is asked for. */
export class RecordBatch {
  count = 0;
  /** The held records, each directly behind the one before it: key and value, or only the key if no more was wanted. */
  readonly bytes: Uint8Array;
  /** The place of each record in `bytes`; −1 for a large one, which is at `offsets` in the source. */
  readonly starts: Int32Array;
  readonly offsets: Float64Array;
  readonly keySizes: Int32Array;
  readonly dataSizes: Int32Array;
  /** {@link WORDS} numbers of each record. */
  readonly words: Int32Array;
  /** All hashes are from `hashFrom` to before `hashTo`. */
  hashFrom = HASH_RANGE;
  hashTo = 0;
  /** Ranges of hashes of which the batch has all records, from the first to before the second, in order. */
  whole: [from: number, to: number][] = [];
  /** Later batches have no smaller hash, apart from records of damaged buckets. */
  hashesDone = 0;

  constructor(
    readonly source: Source,
    readonly part: RecordPart,
    { bytes, records }: BatchLimits,
  ) {
    this.bytes = new Uint8Array(bytes);
    this.starts = new Int32Array(records);
    this.offsets = new Float64Array(records);
    this.keySizes = new Int32Array(records);
    this.dataSizes = new Int32Array(records);
    this.words = new Int32Array(WORDS * records);
  }

  hash(i: number): number {
    return this.words[i * WORDS + HASH];
  }

  /** The number of the record's bucket in the survey. */
  site(i: number): number {
    return this.words[i * WORDS + SITE] >> 2;
  }

  isCertain(i: number): boolean {
    return (this.words[i * WORDS + SITE] & CERTAIN) !== 0;
  }

  isLoose(i: number): boolean {
    return (this.words[i * WORDS + SITE] & LOOSE) !== 0;
  }

  /** Takes out the records for which `kept` has a 0: the others close up. */
  keep(kept: Uint8Array): void {
    const { bytes, starts, offsets, keySizes, dataSizes, words, part } = this;
    let count = 0;
    let end = 0;
    for (let i = 0; i < this.count; i++) {
      if (kept[i] === 0) continue;
      const start = starts[i];
      starts[count] = start;
      if (start >= 0) {
        const size = keySizes[i] + (part === 'key' ? 0 : dataSizes[i]);
        if (start !== end) bytes.copyWithin(end, start, start + size);
        starts[count] = end;
        end += size;
      }
      offsets[count] = offsets[i];
      keySizes[count] = keySizes[i];
      dataSizes[count] = dataSizes[i];
      words.copyWithin(count * WORDS, i * WORDS, (i + 1) * WORDS);
      count++;
    }
    this.count = count;
  }
}

/**
 * Collects records of buckets, then reads their bytes in the order of the file. One reader serves a whole walk: its memory, 56
 * bytes for each record of a batch and room for their bytes, is used again for each batch.
 */
export class BatchReader {
  readonly #db: Database;
  readonly #limits: BatchLimits;
  readonly #batch: RecordBatch;
  readonly #ranges: RangeReader;
  readonly #key = new KeyHasher();
  /** Bytes to read of each record; −1 for a large one. */
  readonly #sizes: Int32Array;
  #count = 0;
  /** Bytes of the records that were added since the last batch. */
  #bytes = 0;
  #whole: [from: number, to: number][] = [];
  #hashesDone = 0;

  /** @param buckets that there are at most; their records need no more memory than those of a batch */
  constructor(db: Database, limits: BatchLimits, part: RecordPart, buckets: number) {
    const { source, geometry } = db;
    const elements = geometry.bucketElements;
    this.#db = db;
    this.#limits = limits;
    this.#batch = new RecordBatch(source, part, {
      bytes: Math.min(limits.bytes, source.size) + SMALL,
      // A bucket may have more elements than a batch should.
      records: Math.min(Math.max(limits.records, elements), buckets * elements),
    });
    this.#sizes = new Int32Array(this.#batch.starts.length);
    this.#ranges = new RangeReader(source);
  }

  /** True if one more bucket may have too many elements. */
  get isFull(): boolean {
    const { bytes, records } = this.#limits;
    if (this.#count === 0) return false;
    return this.#bytes >= bytes || this.#count + this.#db.geometry.bucketElements > records;
  }

  /** @param flags {@link CERTAIN} or {@link LOOSE} or none */
  add(hash: number, offset: number, keySize: number, dataSize: number, site: number, flags: number): void {
    const batch = this.#batch;
    const n = this.#count++;
    const { words } = batch;
    const at = n * WORDS;
    words[at + HASH] = hash;
    words[at + OFFSET_LOW] = offset | 0;
    words[at + OFFSET_HIGH] = offset / 2 ** 32;
    words[at + KEY_SIZE] = keySize;
    words[at + DATA_SIZE] = dataSize;
    words[at + SITE] = (site << 2) | flags;
    this.#bytes += batch.part === 'key' ? keySize : keySize + dataSize;
  }

  /** Notes that the batch has all records of a range of hashes. */
  addRange(from: number, to: number): void {
    const last = this.#whole.at(-1);
    if (last?.[1] === from) last[1] = to;
    else this.#whole.push([from, to]);
  }

  /** Notes that later buckets are for no smaller hash. */
  passHashes(to: number): void {
    this.#hashesDone = to;
  }

  /**
   * Reads the records that were added.
   *
   * @returns them, and how many were left out because their key no longer gives their hash: somebody wrote to the file
   */
  async read(): Promise<{ batch: RecordBatch; changed: number }> {
    const batch = this.#batch;
    batch.count = this.#count;
    batch.whole = this.#whole;
    batch.hashesDone = this.#hashesDone;
    this.#plan(batch);
    const changed = await this.#readBytes(batch);
    this.#count = 0;
    this.#bytes = 0;
    this.#whole = [];
    return { batch, changed };
  }

  /** Gives each small record its place in memory. */
  #plan(batch: RecordBatch): void {
    const { count, words, starts, offsets, keySizes, dataSizes, part } = batch;
    const sizes = this.#sizes;
    let [from, to] = [HASH_RANGE, 0];
    let end = 0;
    for (let i = 0, at = 0; i < count; i++, at += WORDS) {
      const hash = words[at + HASH];
      if (hash < from) from = hash;
      if (hash >= to) to = hash + 1;
      const keySize = (keySizes[i] = words[at + KEY_SIZE]);
      const dataSize = (dataSizes[i] = words[at + DATA_SIZE]);
      const size = part === 'key' ? keySize : keySize + dataSize;
      const isHeld = size <= SMALL && end + size <= batch.bytes.length;
      offsets[i] = offsetOf(words, at);
      starts[i] = words[at + START] = isHeld ? end : -1;
      sizes[i] = isHeld ? size : -1;
      if (isHeld) end += size;
    }
    batch.hashFrom = from;
    batch.hashTo = to;
  }

  async #readBytes(batch: RecordBatch): Promise<number> {
    const { count, words, offsets, bytes, part } = batch;
    let kept: Uint8Array | undefined;
    let changed = 0;
    await this.#ranges.read(offsets.subarray(0, count), this.#sizes, (i, window, from) => {
      const at = i * WORDS;
      if (this.#isKeyOf(words, at, window, from)) {
        const size = words[at + KEY_SIZE] + (part === 'key' ? 0 : words[at + DATA_SIZE]);
        copyBytes(window, from, from + size, bytes, words[at + START]);
      } else {
        kept ??= new Uint8Array(count).fill(1);
        kept[i] = 0;
        changed++;
      }
    });
    if (kept !== undefined) batch.keep(kept);
    return changed;
  }

  /** Tests that the bytes are a key which gives the record's hash, and notes its digest. */
  #isKeyOf(words: Int32Array, at: number, bytes: Uint8Array, from: number): boolean {
    const key = this.#key;
    key.takeBytes(bytes, from, from + words[at + KEY_SIZE]);
    words[at + DIGEST] = key.digest;
    return key.unsigned === words[at + HASH] || (!key.portable && key.signed === words[at + HASH]);
  }
}

function offsetOf(words: Int32Array, at: number): number {
  return words[at + OFFSET_HIGH] * 2 ** 32 + (words[at + OFFSET_LOW] >>> 0);
}

function copyBytes(from: Uint8Array, start: number, end: number, into: Uint8Array, at: number): void {
  if (end - start > SHORT) into.set(from.subarray(start, end), at);
  else for (let i = start, j = at; i < end; i++, j++) into[j] = from[i];
}
