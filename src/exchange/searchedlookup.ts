import { examineBuckets } from '../check/judge.js';
import { KEPT } from '../check/marks.js';
import { equalAt } from '../database/equalat.js';
import type { FoundRecord } from '../database/lookup.js';
import { isPlaced, readSite, rulerOf } from '../database/survey.js';
import type { Searched } from '../examine.js';
import { slotOf } from '../format/directory.js';
import { digestOf, digestOn, FREE_HASH, hashKey, keyDigest } from '../format/hash.js';
import type { RecordPlace } from '../salvage/read.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import { RecordsByHash } from './recordsbyhash.js';

/** Bytes of buckets whose elements are kept, and how many at least: of one for each flavour of hash. */
const KEPT_BYTES = 1 << 20;
const KEPT_LEAST = 2;
/** So many keys of one hash are compared one by one; more are told apart by their digests. */
export const FEW = 8;

/**
 * Finds keys in what a search found of a database, the same records that a salvage gives: in the bucket that rules over
 * their hash or that the directory leads to, wherever in it, and among those that are in no such bucket. Memory: 28 bytes for
 * each of these, and for each element of the buckets that were asked last.
 */
export class SearchedLookup {
  readonly #searched: Searched;
  readonly #source: Source;
  readonly #buckets = new Map<number, RecordsByHash>();
  readonly #room = new Uint8Array(4096);
  #loose: Promise<RecordsByHash> | undefined;

  /**
   * @param searched whose elements are examined, or proved to be in order
   * @param source what to read the database from
   */
  constructor(searched: Searched, source = searched.db.source) {
    this.#searched = searched;
    this.#source = source;
  }

  /**
   * Finds a key's record, by whichever flavour of hash it was stored.
   *
   * @returns where it is, and the number of the bucket that it was found in; −1 where that is none which rules over it
   */
  async find(key: Uint8Array): Promise<(FoundRecord & { readonly site: number }) | undefined> {
    for (const hash of new Set([hashKey(key, 'signed'), hashKey(key, 'unsigned')])) {
      for (const site of this.#sitesOf(hash)) {
        const found = await this.#among(await this.#recordsOf(site), hash, key);
        if (found !== undefined) return { ...found, site };
      }
      // Asked for only where it is waited for: it reads the file, which may be closed when nobody does.
      this.#loose ??= looseRecords(this.#searched);
      const found = await this.#among(await this.#loose, hash, key);
      if (found !== undefined) return { ...found, site: -1 };
    }
    return undefined;
  }

  /** The sound bucket that rules over a hash, and the one that the directory leads to: with a wrong entry it is another one. */
  #sitesOf(hash: number): Set<number> {
    const { survey } = this.#searched;
    const slots = survey.siteOfSlot.length;
    const led = slots > 0 ? survey.siteOfSlot[slotOf(hash, Math.log2(slots))] : -1;
    const sites = [rulerOf(survey, hash) ?? -1, led];
    return new Set(sites.filter((site) => survey.sites[site]?.state === 'sound'));
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

  /** The records of a bucket. */
  async #recordsOf(site: number): Promise<RecordsByHash> {
    let records = this.#buckets.get(site);
    if (records !== undefined) return records;
    const oldest = this.#buckets.keys().next();
    const isFull =
      this.#buckets.size >= Math.max(KEPT_LEAST, KEPT_BYTES / this.#searched.db.geometry.bucketSize);
    if (isFull && !oldest.done) this.#buckets.delete(oldest.value);
    records = await elementsOf(this.#searched, site, this.#source);
    this.#buckets.set(site, records);
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
