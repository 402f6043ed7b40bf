import { examineBuckets } from '../check/bucket.js';
import type { ExaminedSurvey } from '../check/examination.js';
import { KEPT } from '../check/marks.js';
import { cutElements, equalAt } from '../database/database.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { isPlaced, roomForBucket, rulerOf } from '../database/survey.js';
import type { Opened } from '../examine.js';
import { searchExamined } from '../examine.js';
import type { BucketView } from '../format/bucket.js';
import { slotOf } from '../format/directory.js';
import { digestOf, FREE_HASH, hashKey, KeyHasher } from '../format/hash.js';
import { firstAfter, NumberList, OffsetList } from '../numbers.js';
import type { RecordPlace } from '../salvage/read.js';
import { readChunks, readInto } from '../source/source.js';

/** The value that a lookup found. */
export interface FoundRecord {
  /** File offset of the value. */
  readonly valueOffset: number;
  /** Bytes of the value. */
  readonly valueSize: number;
  /** The number of the record's bucket in the survey; undefined outside of the buckets that rule over the hash. */
  readonly site: number | undefined;
}

/** Bytes of buckets that are kept, and their least number: one for each flavour of hash. */
const KEPT_BYTES = 1 << 20;
const KEPT_LEAST = 2;
/** Up to so many keys of one hash and size are compared one by one; more are told apart by their digests. */
const FEW = 8;
/** Groups of such keys whose digests are kept. */
const KEPT_GROUPS = 64;

/**
 * Finds the records of a database by their keys: the same records that {@link readRecords} gives.
 *
 * In a database that is proved to be in order a lookup goes the way of libgdbm: slot, bucket, probe run. In a damaged one it
 * looks at every proved element of the bucket that rules over the hash, of the bucket that the directory leads to, and of all
 * buckets that rule over nothing.
 *
 * Memory: some buckets; of a damaged database 28 bytes for each record outside of its bucket.
 */
export class Lookup {
  #db: Database;
  #survey: ExaminedSurvey | undefined;
  /** True if a probe run ends at a free element, because all elements are in order. */
  readonly #isProved: boolean;
  /** True while a key that is not found where libgdbm looks may be elsewhere. */
  #isUnproved: boolean;
  #searching: Promise<Opened> | undefined;
  readonly #buckets = new Map<number, BucketView>();
  readonly #digests = new Map<string, PlaceIndex>();
  readonly #room = new Uint8Array(4096);
  #loose: Promise<PlaceIndex> | undefined;

  /**
   * @param opened a database that was proved or searched; without its buckets, keys are found where libgdbm looks. A
   *   {@link Database} that was only opened will do: the first key that is not found there costs a search of the file
   */
  constructor(opened: (Pick<Opened, 'db'> & Partial<Opened>) | Database) {
    const isOpened = 'db' in opened;
    this.#db = isOpened ? opened.db : opened;
    this.#survey = isOpened ? opened.survey : undefined;
    this.#isProved = isOpened && opened.proof !== undefined;
    this.#isUnproved = !isOpened;
  }

  /**
   * Finds a key's record, by whichever flavour of hash it was stored.
   *
   * @param known file offset where the key is known to stand, which is not read again
   * @throws SourceError if the source cannot be read
   */
  async find(key: Uint8Array, known?: number): Promise<FoundRecord | undefined> {
    for (const hash of this.#hashesOf(key)) {
      const found = await this.#findHash(key, hash, known);
      if (found !== undefined) return found;
    }
    if (!this.#isUnproved) return undefined;
    this.#searching ??= searchExamined(this.#db);
    const { db, survey } = await this.#searching;
    this.#db = db;
    this.#survey = survey;
    this.#isUnproved = false;
    this.#buckets.clear();
    this.#digests.clear();
    return this.find(key, known);
  }

  /** The hashes that a key may be stored by; first by the flavour that most keys have. */
  #hashesOf(key: Uint8Array): Set<number> {
    const { signed = 0, unsigned = 0 } = this.#survey?.examination ?? {};
    const hashes = [hashKey(key, 'signed'), hashKey(key, 'unsigned')];
    return new Set(unsigned > signed ? hashes.reverse() : hashes);
  }

  async #findHash(key: Uint8Array, hash: number, known?: number): Promise<FoundRecord | undefined> {
    const survey = this.#survey;
    const { directory } = this.#db;
    for (const site of survey === undefined ? [-1] : sitesOf(survey, hash)) {
      const offset = survey?.sites[site].offset ?? directory[slotOf(hash, Math.log2(directory.length))];
      const bucket = await this.#bucketAt(offset);
      if (bucket === undefined) continue;
      const elements = () => this.#elements(bucket, offset, site, hash);
      const found = await this.#firstEqual(`${offset}`, elements, key, hash, known);
      if (found !== undefined) return foundAt(found, site);
    }
    if (survey === undefined) return undefined;
    // Only on demand: it reads the file.
    this.#loose ??= looseRecords(this.#db, survey);
    const loose = await this.#loose;
    const found = await this.#firstEqual('loose', () => loose.with(hash), key, hash, known);
    return found && foundAt(found, undefined);
  }

  /**
   * The elements of a bucket that have a hash, in the order of a probe run.
   *
   * @param site the bucket's number in the survey; −1 without one
   */
  *#elements(bucket: BucketView, offset: number, site: number, hash: number): Generator<RecordPlace> {
    const { elements } = bucket;
    const marks = this.#survey?.examination?.marks;
    const cut = marks === undefined ? cutElements(this.#db, offset) : undefined;
    const home = hash % elements;
    for (let n = 0; n < elements; n++) {
      const i = (home + n) % elements;
      // A cut may leave the beginning of one element and the end of another in its place.
      if (cut?.has(i) === true) continue;
      const found = bucket.hash(i);
      if (found === FREE_HASH && (marks === undefined || this.#isProved)) return;
      if (found !== hash) continue;
      if (marks !== undefined && (marks.flags[site * elements + i] & KEPT) === 0) continue;
      yield { offset: bucket.dataPointer(i), keySize: bucket.keySize(i), dataSize: bucket.dataSize(i) };
    }
  }

  async #bucketAt(offset: number): Promise<BucketView | undefined> {
    const { source, geometry } = this.#db;
    const { blockSize, bucketSize } = geometry;
    let bucket = this.#buckets.get(offset);
    if (bucket !== undefined) return bucket;
    if (!(offset >= blockSize && offset + bucketSize <= source.size)) return undefined;
    const oldest = this.#buckets.entries().next();
    const isFull = this.#buckets.size >= Math.max(KEPT_LEAST, KEPT_BYTES / bucketSize);
    if (isFull && !oldest.done) this.#buckets.delete(oldest.value[0]);
    bucket = isFull && !oldest.done ? oldest.value[1] : roomForBucket(this.#db);
    await readInto(source, offset, bucket.bytes);
    this.#buckets.set(offset, bucket);
    return bucket;
  }

  /**
   * The first of some records of one hash that has a key.
   *
   * @param group the name of the records among which it is looked for
   */
  async #firstEqual(
    group: string,
    records: () => Iterable<RecordPlace>,
    key: Uint8Array,
    hash: number,
    known: number | undefined,
  ): Promise<RecordPlace | undefined> {
    const { source } = this.#db;
    const name = `${group} ${hash} ${key.length}`;
    let places: Iterable<RecordPlace> | undefined = this.#digests.get(name)?.with(digestOf(key));
    if (places === undefined) {
      const isPossible = ({ offset, keySize, dataSize }: RecordPlace) =>
        keySize === key.length && offset >= 0 && dataSize >= 0 && offset + keySize + dataSize <= source.size;
      const alike = [...records()].filter(isPossible);
      places = alike.length <= FEW ? alike : (await this.#byDigest(name, alike)).with(digestOf(key));
    }
    for (const place of places) {
      if (place.offset === known || (await equalAt(source, place.offset, key, this.#room))) return place;
    }
    return undefined;
  }

  /** A file may be made of keys of one hash: each is read once for all that are looked for. */
  async #byDigest(name: string, places: readonly RecordPlace[]): Promise<PlaceIndex> {
    const index = new PlaceIndex();
    for (const place of places) {
      const hasher = new KeyHasher(place.keySize);
      for await (const piece of readChunks(this.#db.source, place.offset, place.keySize)) {
        hasher.update(piece);
      }
      index.add(hasher.digest, place);
    }
    if (this.#digests.size >= KEPT_GROUPS) this.#digests.clear();
    this.#digests.set(name, index);
    return index;
  }
}

function foundAt({ offset, keySize, dataSize }: RecordPlace, site: number | undefined): FoundRecord {
  return { valueOffset: offset + keySize, valueSize: dataSize, site };
}

/** Places of records, found by a number of each: 28 bytes a record. Once it was asked nothing may be added. */
class PlaceIndex {
  readonly #added = new NumberList();
  readonly #offsets = new OffsetList();
  /** The size of the key, then that of the value, of each record. */
  readonly #sizes = new NumberList();
  #order = new Uint32Array(0);
  #numbers = new Int32Array(0);

  add(number: number, { offset, keySize, dataSize }: RecordPlace): void {
    this.#added.push(number);
    this.#offsets.push(offset);
    this.#sizes.push(keySize);
    this.#sizes.push(dataSize);
  }

  /** The records that were added with a number, in the order in which they were. */
  *with(number: number): Generator<RecordPlace> {
    const added = this.#added;
    if (this.#order.length < added.length) {
      this.#order = Uint32Array.from({ length: added.length }, (_, n) => n);
      this.#order.sort((a, b) => added.at(a) - added.at(b) || a - b);
      this.#numbers = Int32Array.from(this.#order, (n) => added.at(n));
    }
    for (let n = firstAfter(this.#numbers, number - 1); this.#numbers[n] === number; n++) {
      const i = this.#order[n];
      yield {
        offset: this.#offsets.at(i),
        keySize: this.#sizes.at(2 * i),
        dataSize: this.#sizes.at(2 * i + 1),
      };
    }
  }
}

/** The sound bucket that rules over a hash, and the one that the directory leads to: with a wrong entry these are two. */
function sitesOf(survey: ExaminedSurvey, hash: number): Set<number> {
  const slots = survey.siteOfSlot.length;
  const pointedTo = slots > 0 ? survey.siteOfSlot[slotOf(hash, Math.log2(slots))] : -1;
  const sites = [rulerOf(survey, hash) ?? -1, pointedTo];
  return new Set(sites.filter((site) => survey.sites[site]?.state === 'sound'));
}

/** True for a record that is not in the sound bucket which rules over its hash. */
export function isLoose(survey: ExaminedSurvey, site: BucketSite, hash: number): boolean {
  if (site.state !== 'sound') return true;
  const ruler = rulerOf(survey, hash);
  return ruler === undefined || survey.sites[ruler] !== site;
}

/** The records in force that are in no bucket which rules over their hash. */
async function looseRecords(db: Database, survey: ExaminedSurvey): Promise<PlaceIndex> {
  const loose = new PlaceIndex();
  const marks = survey.examination?.marks;
  const sites = survey.sites.filter((site, s) => !isPlaced(site) || marks?.sites[s] !== 0);
  for await (const { site, records } of examineBuckets(db, survey, sites)) {
    for (const record of records) if (isLoose(survey, site, record.hash)) loose.add(record.hash, record);
  }
  return loose;
}
