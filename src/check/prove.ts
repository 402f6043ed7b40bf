import type { Database } from '../database/database.js';
import { KEY_START } from '../format/bucket.js';
import { KeyHasher } from '../format/hash.js';
import type { Source } from '../source/source.js';
import { passChunks } from '../source/source.js';
import { AccountSweep } from './account.js';
import type { DirectoryRuns } from './bucketreader.js';
import { BucketPass, directoryRuns } from './bucketreader.js';
import type { BucketWords } from '../format/bucketwords.js';
import { SharedHashes, TwinFilter } from './duplicates.js';
import type { Structures } from './extents.js';
import type { FindingList } from './finding.js';
import {
  keySizeOf,
  LARGE_KEY,
  PART,
  PartKeys,
  placeOf,
  RecordParts,
  RecordStarts,
  ROW,
  SHARED,
} from './parts.js';
import { planRegions } from './regions.js';
import type { RecordRuns, SpaceAccount } from './space.js';

/** What a proof knows of a database all of whose records are in order. */
export interface Proof {
  readonly records: number;
  /** Bytes of keys and values. */
  readonly bytes: number;
  readonly flavours: Readonly<Flavours>;
  readonly account: SpaceAccount;
  readonly buckets: DirectoryRuns;
  readonly runs: RecordRuns;
  /** Whether libgdbm takes the avail tables of all buckets. */
  readonly tablesValid: boolean;
}

/**
 * Records held at a time: 16 bytes each. Half as many where free space takes the room of the others: a file that was much
 * changed has half as many ranges of it as records.
 */
const HELD = 1 << 20;
const MUCH_FREE = 8 << 20;

/**
 * Proves of a database that each bucket and each record is in order: the directory's runs are those that the buckets
 * say, a lookup reaches each element, each key gives its element's hash and is there once, and no byte belongs to two of
 * them, or to one and to free space. All that a check would find then is in header, directory's place and avail tables.
 *
 * The buckets are read in order of their places, then the keys, a part of the file after the other, so that memory does
 * not grow with the file: 16 bytes for each of at most {@link HELD} records, 13 for each structure, 4 for each range of free
 * space, a bit for each element.
 *
 * @param structures what is no record and no bucket; the buckets and their free space are added
 * @param findings gets what an intact file may have in the avail tables of its buckets
 * @param held elements remembered at a time
 * @returns undefined where anything is not so; what it is, the examination of each element tells
 * @throws SourceError if the source cannot be read
 */
export async function prove(
  db: Database,
  structures: Structures,
  findings: FindingList,
  held = structures.free.room > MUCH_FREE ? HELD / 2 : HELD,
): Promise<Proof | undefined> {
  if (db.missing !== 0 || db.fault !== undefined || db.rearrangement !== undefined) return undefined;
  const { source, geometry } = db;
  const buckets = directoryRuns(db);
  if (buckets === undefined) return undefined;
  const pass = new BucketPass(db, buckets);

  // 1. Every bucket by itself; as many elements are remembered as there is room for.
  const elements = buckets.length * geometry.bucketElements;
  // Buckets are half full or more as a rule: where there are more than are held, a part of the file after the other is taken
  // that has room.
  const spread = elements > 2 * held ? 0 : source.size;
  const parts = new RecordParts(source.size, Math.min(held, elements), spread);
  const shared = new SharedHashes(buckets.length, geometry.bucketElements);
  let records = 0;
  let bytes = 0;
  const sound = await pass.judge(structures, findings, (words, run) => {
    const { used, usedCount, keySizes, dataSizes } = words;
    for (let n = 0; n < usedCount; n++) bytes += keySizes[used[n]] + dataSizes[used[n]];
    records += usedCount;
    shared.mark(words, run);
    parts.count(words);
    parts.take(words, run, shared);
    // More than the file has room for cannot be in order.
    return bytes <= source.size;
  });
  if (!sound) return undefined;

  // 2. The keys, and the records in order of their places with what lies between them.
  const sweep = new AccountSweep(structures.extents.sort(), source.size, structures);
  const twins = new TwinFilter(shared.count);
  const prover = new KeyProver(source, parts, sweep, twins);
  const regions =
    parts.missed === 0
      ? [{ from: 0, to: parts.length }]
      : planRegions({ counts: parts.needed(), slice: 1 }, parts.room / ROW);
  if (regions === undefined) return undefined;
  for (const { from, to } of regions) {
    if (regions.length > 1) {
      parts.clear();
      await pass.eachBetween(from * PART, to * PART, (words, run) => parts.take(words, run, shared));
      // Only if the file changed meanwhile.
      if (parts.missed > 0) return undefined;
    }
    if (!(await prover.prove(from, to))) return undefined;
  }
  const account = sweep.finish();
  if (account === undefined) return undefined;

  // 3. No key is there twice.
  if (!(await twins.areDistinct(db))) return undefined;
  const { tablesValid } = pass;
  return { records, bytes, flavours: prover.flavours, account, buckets, runs: sweep.runs, tablesValid };
}

/** What is known of a database that a copy is of. */
export interface CopiedFrom {
  readonly records: number;
  /** Bytes of keys and values. */
  readonly bytes: number;
  readonly flavours: Readonly<Flavours>;
  /** File offset in the copy from which on the records lie behind each other. */
  readonly base: number;
  /**
   * Whether a bucket of the copy has the elements of the one that it is of, with pointers into the bytes from
   * {@link base} on, to no two records that share any.
   */
  readonly isBucket: (words: BucketWords, run: number, buckets: DirectoryRuns) => Promise<boolean>;
}

/**
 * Proves of a copy what `prove` does, from what is known of its source: keys that were proved there need not be hashed
 * again. Whether the bytes of the records are the same is for who calls to find out.
 *
 * @returns undefined where anything is not so
 * @throws SourceError if the source cannot be read
 */
export async function proveCopy(
  db: Database,
  structures: Structures,
  findings: FindingList,
  { records, bytes, flavours, base, isBucket }: CopiedFrom,
): Promise<Proof | undefined> {
  const buckets = directoryRuns(db);
  if (buckets === undefined) return undefined;
  const pass = new BucketPass(db, buckets);
  const sound = await pass.judge(structures, findings, (words, run) => isBucket(words, run, buckets));
  if (!sound) return undefined;
  const sweep = new AccountSweep(structures.extents.sort(), db.source.size, structures);
  const account = sweep.takeRecord(base, bytes) ? sweep.finish() : undefined;
  if (account === undefined) return undefined;
  const { tablesValid } = pass;
  return { records, bytes, flavours, account, buckets, runs: sweep.runs, tablesValid };
}

/** By which flavours keys gave the hashes of their elements. */
export interface Flavours {
  either: number;
  signed: number;
  unsigned: number;
}

/**
 * Holds keys against their elements, a part of the file after the other, and tells a sweep of the records in their order.
 * Memory: a part with its keys, and five bytes for each byte of a part.
 */
export class KeyProver {
  readonly flavours: Flavours = { either: 0, signed: 0, unsigned: 0 };
  readonly #source: Source;
  readonly #parts: RecordParts;
  readonly #sweep: AccountSweep;
  readonly #twins: TwinFilter;
  readonly #starts = new RecordStarts();
  readonly #keys: PartKeys;
  readonly #look = new KeyHasher();

  constructor(source: Source, parts: RecordParts, sweep: AccountSweep, twins: TwinFilter) {
    this.#source = source;
    this.#parts = parts;
    this.#sweep = sweep;
    this.#twins = twins;
    this.#keys = new PartKeys(source, parts);
  }

  /** Whether every key of the elements whose records begin in some parts fits, and no two records share a byte. */
  async prove(from: number, to: number): Promise<boolean> {
    const take = (offset: number, length: number) => this.#sweep.takeRecord(offset, length);
    for (let part = from; part < to; part++) {
      if (!this.#parts.has(part)) continue;
      await this.#keys.read(part);
      const large: number[] = [];
      const fits = this.#parts.each(part, (start, end) => this.#areKeys(start, end, large));
      if (!fits || !this.#starts.walk(part * PART, take)) return false;
      for (const row of large) if (!(await this.#isLargeKey(part, row))) return false;
    }
    return true;
  }

  /** Looks at rows; those of large keys are told. */
  #areKeys(from: number, end: number, large: number[]): boolean {
    const { rows } = this.#parts;
    const { view } = this.#keys;
    const twins = this.#twins;
    const starts = this.#starts;
    const look = this.#look;
    const [step, largeSize] = [ROW, LARGE_KEY];
    let either = 0;
    for (let row = from; row < end; row += step) {
      const place = placeOf(rows[row]);
      const size = keySizeOf(rows[row]);
      const length = size + rows[row + 3];
      if (size === largeSize) {
        if (!starts.add(place, this.#parts.largeKeySize(row) + rows[row + 3])) return false;
        large.push(row);
        continue;
      }
      if (length > 0 && !starts.add(place, length)) return false;
      if (!isStart(view, place, size, rows[row + 2])) return false;
      look.take(view, place, size);
      const marked = rows[row + 1];
      const hash = marked & 0x7fffffff;
      if (marked < 0 && !twins.add(hash, look.digest)) return false;
      const unsigned = look.unsigned === hash;
      if (look.portable) {
        if (!unsigned) return false;
        either++;
      } else if (!this.#count(look.signed === hash, unsigned)) return false;
    }
    this.flavours.either += either;
    return true;
  }

  async #isLargeKey(part: number, row: number): Promise<boolean> {
    const { rows } = this.#parts;
    const offset = part * PART + placeOf(rows[row]);
    const size = this.#parts.largeKeySize(row);
    const hash = rows[row + 1] & ~SHARED;
    const hasher = new KeyHasher(size);
    const { buffer, byteOffset } = await this.#source.read(offset, KEY_START);
    if (!isStart(new DataView(buffer, byteOffset), 0, KEY_START, rows[row + 2])) return false;
    for await (const bytes of passChunks(this.#source, offset, size)) hasher.update(bytes);
    if (rows[row + 1] < 0 && !this.#twins.add(hash, hasher.digest)) return false;
    return this.#count(hasher.signed === hash, hasher.unsigned === hash);
  }

  /** Counts a key by the flavours of hash that fit it; false where none does. */
  #count(signed: boolean, unsigned: boolean): boolean {
    if (!signed && !unsigned) return false;
    this.flavours[signed && unsigned ? 'either' : signed ? 'signed' : 'unsigned']++;
    return true;
  }
}

/** Whether a key begins as `key_start` says, the first byte in its lowest place. */
export function isStart(view: DataView, place: number, size: number, start: number): boolean {
  if (size >= KEY_START) return view.getInt32(place, true) === start;
  for (let i = 0; i < size; i++) if (((start >>> (8 * i)) & 0xff) !== view.getUint8(place + i)) return false;
  return true;
}
