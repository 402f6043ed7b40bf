import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import type { BucketWords } from '../format/bucketwords.js';
import type { HashChar } from '../format/hash.js';
import { requireRange } from '../source/source.js';
import { SiteReader } from './bucketreader.js';

/*
 * Results of the examination for single elements: a byte of flags for each, and the records that elements prove or do
 * not prove.
 */

/** The key gives the element's hash with a signed char. */
export const SIGNED = 1;
/** The key gives the element's hash with an unsigned char. */
export const UNSIGNED = 2;
/** The element proves a record. */
export const KEPT = 4;
/** The element has an exception, which {@link judgeSites} explains. */
export const MARKED = 8;
/** The element's fields are possible and its key was read. */
export const READ = 16;
/** The element's `key_start` differs from the beginning of its key. */
export const START = 32;
/** An earlier element of the bucket has the same key. */
export const REPEATS = 64;
/** Another bucket rules over the element's hash. */
export const APART = 128;

/** Marks of each element of each bucket: a byte for each, in the order of a survey's sites. */
export class ElementMarks {
  /** Elements of a bucket. */
  readonly elements: number;
  readonly flags: Uint8Array;
  /** Number of elements of each site that prove a record. */
  readonly kept: Uint32Array;
  /** 1 for each site whose head or elements have an exception. */
  readonly sites: Uint8Array;
  /** True if any element is marked. */
  hasMarked = false;

  /** @throws RangeError for 2^32 elements or more, whose buckets alone have 80 GB */
  constructor(sites: number, elements: number) {
    if (sites * elements >= 2 ** 32)
      throw new RangeError('The database has too many elements to be examined');
    this.elements = elements;
    this.flags = new Uint8Array(sites * elements);
    this.kept = new Uint32Array(sites);
    this.sites = new Uint8Array(sites);
  }

  /** Adds the counts of a site's elements: those that seem to prove a record, and those with an exception. */
  addSite(s: number, kept: number, marked: number): void {
    this.kept[s] = kept;
    if (marked === 0) return;
    this.hasMarked = true;
    this.sites[s] = 1;
  }

  /** Marks an element that has an exception. */
  mark(ordinal: number): void {
    this.hasMarked = true;
    this.flags[ordinal] |= MARKED;
    this.sites[Math.floor(ordinal / this.elements)] = 1;
  }

  /** Marks an element that proves no record. */
  reject(ordinal: number): void {
    if ((this.flags[ordinal] & KEPT) !== 0) this.kept[Math.floor(ordinal / this.elements)]--;
    this.flags[ordinal] &= ~KEPT;
    this.mark(ordinal);
  }

  /** Returns the flavours of hash by which the key of an element that proves a record gives its hash. */
  hashChar(ordinal: number): 'signed' | 'unsigned' | 'either' {
    const flavours = this.flags[ordinal] & (SIGNED | UNSIGNED);
    return flavours === SIGNED ? 'signed' : flavours === UNSIGNED ? 'unsigned' : 'either';
  }
}

/**
 * Visits each element that proves a record, bucket by bucket in the order of the survey.
 *
 * @throws SourceError where such a record is not inside the file any more: the file has changed since it was examined
 */
export async function eachKept(
  db: Database,
  { sites }: Survey,
  { flags, kept, elements }: ElementMarks,
  visit: (words: BucketWords, i: number, site: number) => void,
): Promise<void> {
  const reader = new SiteReader(db);
  for (const [s, site] of sites.entries()) {
    if (kept[s] === 0) continue;
    const words = await reader.read(site);
    for (let i = 0, at = s * elements; i < elements; i++, at++) {
      if ((flags[at] & KEPT) === 0) continue;
      const keySize = words.keySize(i);
      requireRange(db.source, words.pointer(i), keySize);
      requireRange(db.source, words.pointer(i) + keySize, words.dataSize(i));
      visit(words, i, s);
    }
  }
}

/** Place of a record's bytes, and the element that points to it. The bytes themselves stay in the source. */
export interface StoredRecord {
  /** The element's hash, which the key's bytes give too. */
  readonly hash: number;
  /** The flavour by which the key gives that hash; `either` for keys that hash the same on every machine. */
  readonly hashChar: HashChar | 'either';
  /** File offset of the key; the value follows it. */
  readonly offset: number;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes of the value. */
  readonly dataSize: number;
  /** File offset of the bucket that holds the element. */
  readonly bucket: number;
  /** The element's index in the bucket. */
  readonly element: number;
}

/** An element in use whose record cannot be proved to be one that was stored, or is not the one in force. */
export interface RejectedElement {
  readonly reason: RejectReason;
  /** The element's hash as it stands. */
  readonly hash: number;
  /** The key's first bytes as the element holds them, at most 4. */
  readonly keyStart: Uint8Array;
  /** File offset of the key as it stands. */
  readonly offset: number;
  readonly keySize: number;
  readonly dataSize: number;
  readonly bucket: number;
  readonly element: number;
}

export const LOSS_REASONS = [
  'hash',
  'bounds',
  'gone',
  'missing',
  'key',
  'superseded',
  'duplicate',
  'unchecked',
] as const;
/**
 * Reasons why the record of an element in use is lost. `hash`: the hash is impossible. `bounds`: the record is not
 * inside the file. `gone`: bytes are missing from the file, or were put into it, where the record is. `missing`:
 * bytes are missing or were put in where the element itself is, so that nothing is known of its record. `key`: the
 * key's bytes do not give the hash. `superseded`: another bucket rules over this hash. `duplicate`: an earlier
 * element has the same key. `unchecked`: checking it would have cost more than any honest file.
 */
export type LossReason = (typeof LOSS_REASONS)[number];

/** Reason why an element in use proves no record; see {@link LossReason}. */
export type RejectReason = Exclude<LossReason, 'missing'>;
