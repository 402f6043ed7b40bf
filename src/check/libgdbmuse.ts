import type { Database } from '../database/database.js';
import { isHeld, readDirectory } from '../database/readdirectory.js';
import type { Survey } from '../database/survey.js';
import { BucketView, fromHome, usedBefore } from '../format/bucket.js';
import { slotOf } from '../format/directory.js';
import { FREE_HASH, hashKey, KeyHasher } from '../format/hash.js';
import { gather } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { exact, passChunks } from '../source/source.js';
import type { Examination } from './examination.js';
import { KEY_BUDGET, KeyBudget, SMALL_KEY } from './key.js';
import type { Judge, LibgdbmMessage, Opened } from './libgdbm.js';
import { judgeBucketHead, openAsLibgdbm } from './libgdbm.js';
import type { ElementMarks } from './marks.js';
import { KEPT, READ, SIGNED, START, UNSIGNED } from './marks.js';

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
export interface Examined {
  readonly db: Database;
  readonly survey: Survey;
  readonly examination: Examination;
}

/**
 * Predicts how a full walk of a file by libgdbm 1.23 ends, and which of the records that were found it can fetch. A
 * walk takes the buckets in the order of the directory and compares each key with the hash of its element. The first
 * key that does not match, or whose hash the directory leads elsewhere, ends it with "Malformed bucket hash entry". A
 * test compares the predictions with the real library.
 *
 * @param raw the file as it is
 * @param examined returns the results of the examination; if that read the file as it is, keys are not read again
 * @returns undefined if the file does not open, if its directory is a hole in the file, or if its keys claim too many
 *   bytes to be read
 * @throws SourceError if the source cannot be read
 */
export async function predictUse(
  raw: Source,
  judge: Judge,
  examined?: () => Promise<Examined>,
): Promise<LibgdbmUse | undefined> {
  const source = exact(raw);
  if (source.size === 0) return undefined;
  const opened = await openAsLibgdbm(source, judge);
  if (typeof opened === 'string' || opened.header.next_block < source.size) return undefined;
  const { header, format } = opened;
  const entries = { offset: header.dir, bits: header.dir_bits };
  if (!(await isHeld(source, format, entries))) return undefined;
  const directory = await readDirectory(source, format, entries);
  const found = await examined?.();
  const known = found !== undefined && isReadAlike(opened, found) ? found : undefined;
  const fits = new KeyFits(source, judge, known);
  const walk = await walkAsLibgdbm(opened, directory, fits);
  if (walk === undefined) return undefined;
  return { ...walk, fetched: known && (await countFetched(opened, directory, known, judge)) };
}

/** Tells whether the examination read the same bytes as libgdbm. */
function isReadAlike({ header, format }: Opened, { db }: Examined): boolean {
  const { bucketSize, bucketElements } = db.geometry;
  return (
    !db.headerLost &&
    db.missing === 0 &&
    db.fault === undefined &&
    db.rearrangement === undefined &&
    db.format.byteOrder === format.byteOrder &&
    db.format.layout === format.layout &&
    bucketSize === header.bucket_size &&
    bucketElements === header.bucket_elems
  );
}

async function walkAsLibgdbm(
  opened: Opened,
  directory: Float64Array,
  fits: KeyFits,
): Promise<Pick<LibgdbmUse, 'walked' | 'end'> | undefined> {
  const { source, header } = opened;
  const bits = header.dir_bits;
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
  readonly #marks: ElementMarks | undefined;
  /** Numbers of the examined buckets, by file offset. */
  readonly #sites = new Map<number, number>();
  /** File offsets of elements whose hash was corrected; libgdbm reads the wrong one. */
  readonly #corrected: ReadonlySet<number>;

  constructor(source: Source, judge: Judge, examined: Examined | undefined) {
    this.#source = source;
    this.#judge = judge;
    this.#budget = new KeyBudget(KEY_BUDGET * source.size);
    this.#marks = examined?.examination.marks;
    const sites = examined?.survey.sites ?? [];
    for (const [s, { offset, elements }] of sites.entries())
      if (elements === undefined) this.#sites.set(offset, s);
    this.#corrected = new Set(examined?.db.corrected?.hashes.map(({ element }) => element));
  }

  /** Returns 1 for each element whose key fits, else 0; undefined if reading the keys would cost too much. */
  async ofBucket(place: number, bucket: BucketView): Promise<Uint8Array | undefined> {
    const fits = new Uint8Array(bucket.elements);
    const site = this.#sites.get(place);
    const unknown: number[] = [];
    const flavour = this.#judge.hashChar === 'signed' ? SIGNED : UNSIGNED;
    for (let i = 0; i < bucket.elements; i++) {
      if (bucket.hash(i) < 0 || !isInside(this.#source, bucket, i)) continue;
      if (this.#corrected.has(place + bucket.elementOffset(i))) continue;
      const marks = this.#marks;
      const flags = site === undefined || marks === undefined ? 0 : marks.flags[site * marks.elements + i];
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
  { db, survey, examination }: Examined,
  { hashChar }: Judge,
): Promise<number> {
  const { flags, kept, elements } = examination.marks;
  const flavour = hashChar === 'signed' ? SIGNED : UNSIGNED;
  const corrected = new Set(db.corrected?.hashes.map(({ element }) => element));
  // A size that the file cannot hold is refused below, before a bucket is read.
  const room = new Uint8Array(Math.min(header.bucket_size, source.size));
  const bucket = new BucketView(room, format, header.bucket_elems);
  let fetched = 0;
  for (const [s, { offset, elements: loose }] of survey.sites.entries()) {
    // Elements that were found one by one are in no bucket that libgdbm reads.
    if (kept[s] === 0 || loose !== undefined) continue;
    room.set(await source.read(offset, header.bucket_size));
    if (judgeBucketHead(header, bucket) !== null) continue;
    const before = usedBefore(bucket);
    for (let i = 0, at = s * elements; i < elements; i++, at++) {
      if ((flags[at] & KEPT) === 0 || (flags[at] & flavour) === 0 || (flags[at] & START) !== 0) continue;
      const hash = bucket.hash(i);
      if (corrected.has(offset + bucket.elementOffset(i)) || hash < 0) continue;
      const isLed = directory[slotOf(hash, header.dir_bits)] === offset;
      if (isLed && before[i] >= fromHome(i, hash, elements)) fetched++;
    }
  }
  return fetched;
}
