import type { CutElements, Database } from '../database/database.js';
import { cutElements, mayBeCut } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import type { Survey } from '../database/survey.js';
import { isOutdated, rulerOf } from '../database/survey.js';
import type { BucketView } from '../format/bucket.js';
import { KEY_START, fromHome, usedBefore } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import { slotOf } from '../format/directory.js';
import type { HashChar } from '../format/hash.js';
import { FREE_HASH } from '../format/hash.js';
import type { Range } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { faultOfSlot } from './directory.js';
import type { Finding, FindingCode } from './finding.js';
import { finding } from './finding.js';
import { explainedByNextBlock } from './header.js';
import type { RejectReason, RejectedElement } from './marks.js';

/*
 * The findings of a bucket's elements.
 *
 * 1. The fields: a possible hash, and a record inside the file whose bytes are all there.
 * 2. The key, whose evidence the examination marked: it gives the hash, and no earlier element has it.
 * 3. The place: a lookup of the hash reaches this bucket, and the element in it.
 * 4. `key_start`: it is the beginning of the key.
 *
 * An element that fails in 1 or 2, or over whose hash another bucket rules, is rejected: it proves no record, and a
 * repair counts it as lost. All others are kept, whatever else is wrong with them.
 */

/** Evidence of a key's bytes for its element. */
export interface KeyEvidence {
  /** Flavour by which the key gives the element's hash; undefined if neither does. */
  readonly fits: HashChar | 'either' | undefined;
  /** First bytes of the key as a little-endian number. */
  readonly start: number;
  /** True if an earlier element has the same key. */
  readonly repeats: boolean;
}

/**
 * Bytes of keys that are read, as a multiple of the file's size. An honest file's keys do not overlap, so together
 * they are no larger than the file. Elements crafted to point at one huge key would cost the key times as much.
 */
export const KEY_BUDGET = 2;
/** Largest key, in bytes, that is read together with others; larger ones are read by themselves, in pieces. */
export const SMALL_KEY = 64 * 1024;

/**
 * Budget of the bytes of keys that may still be read. Small keys have a budget of their own: a few elements with a
 * wrong key size must not use up the bytes that thousands of sound ones need.
 */
export class KeyBudget {
  #small: number;
  #large: number;

  /** @param bytes budget of small keys, and again that of large ones */
  constructor(bytes: number) {
    this.#small = bytes;
    this.#large = bytes;
  }

  /** Takes a key's bytes from the budget if they fit. */
  allows(length: number): boolean {
    if (length <= SMALL_KEY) {
      if (length > this.#small) return false;
      this.#small -= length;
    } else {
      if (length > this.#large) return false;
      this.#large -= length;
    }
    return true;
  }
}

/** Returns the first bytes of a key as a little-endian number; bytes past its end are zero. */
export function startOf(key: Uint8Array): number {
  let start = 0;
  for (let i = Math.min(KEY_START, key.length) - 1; i >= 0; i--) start = (start << 8) | key[i];
  return start >>> 0;
}

/** Tells whether two keys of one size are the same. */
export async function sameKey(source: Source, a: Range, b: Range): Promise<boolean> {
  return equalBytes(await source.read(a.offset, a.length), await source.read(b.offset, b.length));
}

/** Result of the examination of one bucket's elements. */
interface ElementVerdicts {
  readonly rejected: RejectedElement[];
  readonly findings: Finding[];
  /** Number of elements in use whose bytes are gone. */
  readonly missing: number;
}

/**
 * Examines the elements of one bucket in two steps: first their fields, then the evidence of their keys, which the
 * caller reads in between.
 */
export class ElementExam {
  readonly #rejected: RejectedElement[] = [];
  readonly #findings: Finding[] = [];
  /** Elements in use whose hash is possible and whose record lies inside the file. */
  readonly #candidates: number[] = [];
  readonly #missing: number;
  #usedBefore: Int32Array | undefined;

  constructor(
    readonly db: Database,
    readonly survey: Survey,
    readonly site: BucketSite,
    readonly bucket: BucketView,
    /** Selects the elements to examine; all by default. */
    isWanted: (i: number) => boolean = () => true,
  ) {
    const cut = cutElements(db, site.offset);
    this.#missing = cut === undefined ? 0 : this.#countMissing(cut);
    for (let i = 0; i < bucket.elements; i++) {
      if (cut?.has(i) === true) continue;
      if (bucket.hash(i) !== FREE_HASH && isWanted(i) && this.#hasPossibleFields(i)) this.#candidates.push(i);
    }
  }

  /** Elements in use whose fields are possible; {@link judge} needs the evidence of their keys. */
  get candidates(): readonly number[] {
    return this.#candidates;
  }

  /** @param evidence for each candidate, in their order; undefined where its key was too costly to read */
  judge(evidence: readonly (KeyEvidence | undefined)[]): ElementVerdicts {
    for (const [n, i] of this.#candidates.entries()) {
      const found = evidence[n];
      if (!this.#isProvedByKey(i, found) || !this.#isInForce(i)) continue;
      const { repeats, start } = found;
      if (repeats) {
        this.#reject('duplicate', 'key-duplicate', i, 'a key that an earlier element has', 'each key once');
        continue;
      }
      this.#compareKeyStart(i, start);
    }
    return {
      rejected: this.#rejected,
      findings: this.#findings,
      missing: this.#missing,
    };
  }

  /**
   * Returns how many elements in use are gone. The bucket's count tells: it is compared with the elements in use that
   * are left, and the result is at most the number of elements whose bytes are gone. If the count is gone, too, the
   * share in use is assumed to be the same as among the elements that are left.
   */
  #countMissing(cut: CutElements): number {
    const { bucket, site } = this;
    const { elements } = bucket;
    let gone = 0;
    let used = 0;
    let first: number | undefined;
    let last = 0;
    for (let i = 0; i < elements; i++) {
      if (cut.has(i)) {
        first ??= i;
        last = i;
        gone++;
      } else if (bucket.hash(i) !== FREE_HASH) used++;
    }
    if (first === undefined) return 0;
    const isCounted = site.state !== 'headless' && !cut.head && site.count >= 0 && site.count <= elements;
    const missing = isCounted
      ? Math.max(0, Math.min(gone, site.count - used))
      : Math.round((gone * used) / Math.max(1, elements - gone));
    if (missing > 0) {
      const many = isCounted
        ? `${missing} of them in use as the bucket counts`
        : `about ${missing} of them in use if as many are as among the others`;
      this.#findings.push(
        finding(
          'bucket-cut',
          site.offset + bucket.elementOffset(first),
          `bytes missing or put in at elements ${first} to ${last}, ${many}`,
          'all bytes of a bucket',
        ),
      );
    }
    return missing;
  }

  #hasPossibleFields(i: number): boolean {
    const { bucket } = this;
    const { size } = this.db.source;
    const hash = bucket.hash(i);
    if (hash < 0) {
      this.#reject('hash', 'element-hash', i, `hash ${hash}`, '0 to 2147483647, or -1 for a free element');
      return false;
    }
    const offset = bucket.dataPointer(i);
    const keySize = bucket.keySize(i);
    const dataSize = bucket.dataSize(i);
    const end = offset + keySize + dataSize;
    if (!(offset >= 0 && keySize >= 0 && dataSize >= 0 && end <= size)) {
      this.#reject(
        'bounds',
        'element-bounds',
        i,
        `a key of ${keySize} and a value of ${dataSize} bytes at ${offset}`,
        `a record inside the file of ${size} bytes`,
        offset >= 0 && keySize >= 0 && dataSize >= 0 ? explainedByNextBlock(this.db, end) : undefined,
      );
      return false;
    }
    if (mayBeCut(this.db, offset, end)) {
      this.#reject(
        'gone',
        'element-gone',
        i,
        `a key of ${keySize} and a value of ${dataSize} bytes at ${offset}`,
        'a record whose bytes are all there',
      );
      return false;
    }
    const cause = explainedByNextBlock(this.db, end);
    if (cause !== undefined) {
      const expected = `at most ${this.db.header.next_block}`;
      this.#report('record-beyond-next-block', i, `a record that ends at ${end}`, expected, cause);
    }
    return true;
  }

  #isProvedByKey(
    i: number,
    found: KeyEvidence | undefined,
  ): found is KeyEvidence & { fits: NonNullable<KeyEvidence['fits']> } {
    const size = this.bucket.keySize(i);
    if (found === undefined) {
      this.#reject('unchecked', 'element-unchecked', i, `a key of ${size} bytes`, 'keys that fit the file');
      return false;
    }
    if (found.fits === undefined) {
      const expected = `a key with hash ${this.bucket.hash(i)}`;
      this.#reject('key', 'key-hash', i, `${size} bytes with another hash`, expected);
      return false;
    }
    return true;
  }

  /** Tells whether a lookup of this hash reaches this bucket, or would with a whole directory. */
  #isInForce(i: number): boolean {
    const hash = this.bucket.hash(i);
    const { directory } = this.db;
    const slot = directory.length === 0 ? -1 : slotOf(hash, Math.log2(directory.length));
    if (directory[slot] === this.site.offset && !isOutdated(this.survey, slot)) {
      if (!this.#isReachable(i, hash)) {
        this.#report('element-unreachable', i, 'a free element before it', 'used ones back to its home');
      }
      return true;
    }
    const ruler = rulerOf(this.survey, hash);
    const found = `hash ${hash}, which slot ${slot} looks up elsewhere`;
    const cause = faultOfSlot(this.survey, slot);
    // Another bucket rules over this hash and has the record in force: this one has an old copy.
    if (ruler !== undefined && this.survey.sites[ruler] !== this.site) {
      const report = this.site.origin === 'directory';
      this.#reject(
        'superseded',
        report ? 'element-wrong-bucket' : undefined,
        i,
        found,
        'hashes of its own slots',
        cause,
      );
      return false;
    }
    if (this.site.origin === 'directory') {
      this.#report('element-wrong-bucket', i, found, 'hashes of its own slots', cause);
    }
    return true;
  }

  /** Tells whether a lookup reaches an element: it walks from the home position and stops at a free element. */
  #isReachable(i: number, hash: number): boolean {
    this.#usedBefore ??= usedBefore(this.bucket);
    return this.#usedBefore[i] >= fromHome(i, hash, this.bucket.elements);
  }

  #compareKeyStart(i: number, start: number): void {
    const stored = this.bucket.keyStart(i);
    const known = Math.min(KEY_START, this.bucket.keySize(i));
    if (startOf(stored.subarray(0, known)) === start) return;
    const begins = Uint8Array.of(start, start >>> 8, start >>> 16, start >>> 24).subarray(0, known);
    this.#report('element-key-start', i, `key_start ${hex(stored)}`, `${hex(begins)} as the key begins`);
  }

  #report(code: FindingCode, i: number, found: string, expected: string, cause?: FindingCode): void {
    const at = this.site.offset + this.bucket.elementOffset(i);
    this.#findings.push(finding(code, at, `element ${i}: ${found}`, expected, cause));
  }

  #reject(
    reason: RejectReason,
    code: FindingCode | undefined,
    i: number,
    found: string,
    expected: string,
    cause?: FindingCode,
  ): void {
    if (code !== undefined) this.#report(code, i, found, expected, cause);
    const { bucket, site } = this;
    const keySize = bucket.keySize(i);
    this.#rejected.push({
      reason,
      hash: bucket.hash(i),
      keyStart: bucket.keyStart(i).slice(0, Math.max(0, Math.min(KEY_START, keySize))),
      offset: bucket.dataPointer(i),
      keySize,
      dataSize: bucket.dataSize(i),
      bucket: site.offset,
      element: i,
    });
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
