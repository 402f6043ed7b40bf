import type { ExaminedSurvey } from '../check/examination.js';
import { examineBuckets } from '../check/judge.js';
import { KEPT } from '../check/marks.js';
import type { Database } from '../database/database.js';
import { equalAt } from '../database/equalat.js';
import type { FoundRecord } from '../database/lookup.js';
import { isPlaced, readSite, rulerOf } from '../database/survey.js';
import { digestOf, digestOn, FREE_HASH, hashKey, keyDigest } from '../format/hash.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import type { RecordPlace } from './read.js';
import { RecordsByHash } from './recordsbyhash.js';

/** Bytes of buckets whose elements are kept, and how many at least: of one for each flavour of hash. */
const KEPT_BYTES = 1 << 20;
const KEPT_LEAST = 2;
/** So many keys of one hash are compared one by one; more are told apart by their digests. */
export const FEW = 8;

/** A database whose elements are examined, or proved to be in order. */
interface Searched {
  readonly db: Database;
  readonly survey: ExaminedSurvey;
}

/**
 * Finds keys in what a search found of a database, the same records that a salvage gives: in the bucket that rules over
 * their hash, wherever in it, and among those that are in no such bucket. Memory: 28 bytes for each of these, and for each
 * element of the buckets that were asked last.
 */
export class SearchedLookup {
  readonly #searched: Searched;
  readonly #source: Source;
  readonly #buckets = new Map<number, RecordsByHash>();
  readonly #room = new Uint8Array(4096);
  #loose: Promise<RecordsByHash> | undefined;

  /**
   * @param searched what was found
   * @param source what to read the database from
   */
  constructor(searched: Searched, source = searched.db.source) {
    this.#searched = searched;
    this.#source = source;
  }

  /** Finds a key's record, by whichever flavour of hash it was stored. */
  async find(key: Uint8Array): Promise<FoundRecord | undefined> {
    this.#loose ??= looseRecords(this.#searched);
    for (const hash of new Set([hashKey(key, 'signed'), hashKey(key, 'unsigned')])) {
      for (const records of [await this.#ruled(hash), await this.#loose]) {
        const found = records && (await this.#among(records, hash, key));
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  async #among(records: RecordsByHash, hash: number, key: Uint8Array): Promise<FoundRecord | undefined> {
    let [from, to] = records.withHash(hash);
    // A file may be made of such keys: each is read once for all that are looked for.
    if (to - from > FEW) {
      [from, to] = await records.withDigest(from, to, digestOf(key), (place) => this.#digestOf(place));
    }
    for (let n = from; n < to; n++) {
      const { offset, keySize, dataSize } = records.at(n);
      if (keySize !== key.length || !(await equalAt(this.#source, offset, key, this.#room))) continue;
      return { valueOffset: offset + keySize, valueSize: dataSize };
    }
    return undefined;
  }

  async #digestOf({ offset, keySize }: RecordPlace): Promise<number> {
    let digest = keyDigest(keySize);
    for await (const piece of readChunks(this.#source, offset, keySize))
      digest = digestOn(digest, piece, piece.length);
    return digest;
  }

  /** The records of the bucket that rules over a hash. */
  async #ruled(hash: number): Promise<RecordsByHash | undefined> {
    const { db, survey } = this.#searched;
    const ruler = rulerOf(survey, hash);
    if (ruler === undefined || survey.sites[ruler].state !== 'sound') return undefined;
    let records = this.#buckets.get(ruler);
    if (records !== undefined) return records;
    const oldest = this.#buckets.keys().next();
    const isFull = this.#buckets.size >= Math.max(KEPT_LEAST, KEPT_BYTES / db.geometry.bucketSize);
    if (isFull && !oldest.done) this.#buckets.delete(oldest.value);
    records = await elementsOf(this.#searched, ruler, this.#source);
    this.#buckets.set(ruler, records);
    return records;
  }
}

/** The elements of a bucket that prove a record. */
async function elementsOf({ db, survey }: Searched, site: number, source: Source): Promise<RecordsByHash> {
  const bucket = await readSite({ ...db, source }, survey.sites[site]);
  const marks = survey.examination?.marks;
  const records = new RecordsByHash();
  for (let i = 0; i < bucket.elements; i++) {
    const hash = bucket.hash(i);
    const isKept = marks === undefined || (marks.flags[site * marks.elements + i] & KEPT) !== 0;
    if (hash === FREE_HASH || !isKept) continue;
    records.add(hash, {
      offset: bucket.dataPointer(i),
      keySize: bucket.keySize(i),
      dataSize: bucket.dataSize(i),
    });
  }
  return records;
}

/** The records in force that are not in a sound bucket which rules over their hash; none where all is proved. */
async function looseRecords({ db, survey }: Searched): Promise<RecordsByHash> {
  const loose = new RecordsByHash();
  const marks = survey.examination?.marks;
  if (marks === undefined) return loose;
  // Of an element whose hash is another bucket's, or nobody's, there is something to tell.
  const apart = survey.sites.filter((site, s) => !isPlaced(site) || marks.sites[s] !== 0);
  for await (const { site, records } of examineBuckets(db, survey, apart)) {
    for (const record of records) {
      const ruler = rulerOf(survey, record.hash);
      if (site.state !== 'sound' || ruler === undefined || survey.sites[ruler] !== site)
        loose.add(record.hash, record);
    }
  }
  return loose;
}
