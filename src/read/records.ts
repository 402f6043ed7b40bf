import type { BucketExamination } from '../check/bucket.js';
import { examineBuckets } from '../check/bucket.js';
import { SiteReader } from '../check/bucketreader.js';
import type { DoubtfulRecords } from '../check/doubtful.js';
import { doubtfulIn } from '../check/doubtful.js';
import type { ExaminedSurvey } from '../check/examination.js';
import { KEPT } from '../check/marks.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { isPlaced, isReadable } from '../database/survey.js';
import type { Opened } from '../examine.js';
import { searchExamined } from '../examine.js';
import { HASH_RANGE, isPortableKey } from '../format/hash.js';
import { PlaceSet } from '../salvage/placeset.js';
import type { RecordPart } from '../salvage/read.js';
import type { Provenance } from '../salvage/salvage.js';
import { provenanceOf } from '../salvage/salvage.js';
import type { BatchLimits, RecordBatch } from './batch.js';
import { BatchReader, CERTAIN, LOOSE, PART_BATCH, WHOLE_BATCH } from './batch.js';
import { isLoose, Lookup } from './lookup.js';

/** The records that could not be given. */
export interface RecordLoss {
  /** Elements in use whose record is not proved, is in doubt, or claims more bytes than the file can hold. */
  records: number;
  /** True if some buckets are gone. */
  incomplete: boolean;
}

export interface ReadOptions {
  /** Counts the records that cannot be given. */
  readonly loss?: RecordLoss | undefined;
  readonly limits?: BatchLimits | undefined;
  /** `key` leaves the values in the source. */
  readonly part?: RecordPart;
  /** Records of a damaged database that are left out, because their value may not be what was stored. */
  readonly doubtful?: DoubtfulRecords | undefined;
}

/**
 * Bytes that all records may claim together, for each byte of the file. Some records of a damaged file may share bytes and be
 * no less true; a file made for it could fill a disk.
 */
const CLAIMABLE = 4;

/**
 * Every record that is proved, in the order of libgdbm: buckets by their slots, then those that only a scan found; elements by
 * their numbers. A key may come twice in a damaged database.
 *
 * @throws SourceError if the source cannot be read
 */
export async function* allRecords(
  opened: Opened,
  {
    loss = { records: 0, incomplete: false },
    limits = opened.proof === undefined ? PART_BATCH : WHOLE_BATCH,
    part = 'whole',
    doubtful,
  }: ReadOptions = {},
): AsyncGenerator<RecordBatch> {
  const { db } = opened;
  let claimable = CLAIMABLE * db.source.size;
  const take: Take = (hash, offset, keySize, dataSize, site, flags) => {
    const size = keySize + dataSize;
    if (size > claimable || doubtful?.has(offset, size) === true) {
      loss.records++;
      return;
    }
    claimable -= size;
    reader.add(hash, offset, keySize, dataSize, site, flags);
  };
  const buckets = new Buckets(opened, take, loss);
  const reader = new BatchReader(db, limits, part, buckets.length);
  for (let n = 0; n <= buckets.length; n++) {
    if (reader.isFull || n === buckets.length) {
      const { batch, changed } = await reader.read();
      loss.records += changed;
      yield batch;
    }
    if (n < buckets.length) await buckets.read(n, reader);
  }
}

/** Takes an element that proves a record. */
type Take = BatchReader['add'];

/** The buckets of a database. Those about which there is something to tell are examined once more, one by one. */
class Buckets {
  readonly db: Database;
  readonly survey: ExaminedSurvey;
  readonly #reader: SiteReader;
  /** True if at most the tables of free space of some buckets are wrong. */
  readonly #isProved: boolean;
  readonly #damaged: AsyncGenerator<BucketExamination>;

  constructor(
    { db, survey, proof }: Opened,
    readonly take: Take,
    readonly loss: RecordLoss,
  ) {
    this.db = db;
    this.survey = survey;
    this.#reader = new SiteReader(db);
    this.#isProved = proof !== undefined;
    const damaged = survey.sites.filter((_, s) => !this.#isInOrder(s));
    this.#damaged = examineBuckets(db, survey, damaged);
    loss.incomplete = proof === undefined && survey.claims.open().next().done !== true;
  }

  get length(): number {
    return this.survey.sites.length;
  }

  #isInOrder(s: number): boolean {
    const { sites, examination } = this.survey;
    return this.#isProved || (isReadable(sites[s]) && examination?.marks.sites[s] === 0);
  }

  async read(s: number, reader: BatchReader): Promise<void> {
    const { survey } = this;
    const site = survey.sites[s];
    if (this.#isInOrder(s)) await this.#readInOrder(s, site);
    else await this.#readDamaged(s, site);
    if (site.firstSlot < 0) return;
    const slot = HASH_RANGE / this.db.directory.length;
    const [from, to] = [site.firstSlot * slot, (site.firstSlot + site.slots) * slot];
    if (this.#isInOrder(s) && isPlaced(site)) reader.addRange(from, to);
    reader.passHashes(to);
  }

  async #readInOrder(s: number, site: BucketSite): Promise<void> {
    const { flags: marks } = this.survey.examination!.marks;
    const { size } = this.db.source;
    const words = await this.#reader.read(site);
    // Anything else than what was examined comes of a program that writes to the file.
    if (site.elements === undefined && words.usedCount !== site.used) {
      this.loss.incomplete = true;
      return;
    }
    const { used, hashes, pointers, keySizes, dataSizes } = words;
    const isSure = isPlaced(site);
    const first = s * words.elements;
    for (let n = 0; n < words.usedCount; n++) {
      const i = used[n];
      if ((marks[first + i] & KEPT) === 0) continue;
      const [hash, offset, keySize, dataSize] = [hashes[i], pointers[i], keySizes[i], dataSizes[i]];
      const isInside = offset >= 0 && keySize >= 0 && dataSize >= 0 && offset + keySize + dataSize <= size;
      const flags = isSure ? CERTAIN : isLoose(this.survey, site, hash) ? LOOSE : 0;
      if (isInside) this.take(hash, offset, keySize, dataSize, s, flags);
      else this.loss.records++;
    }
  }

  async #readDamaged(s: number, site: BucketSite): Promise<void> {
    const next = await this.#damaged.next();
    if (next.done) return;
    const { records, rejected, missing } = next.value;
    this.loss.records += missing;
    for (const { reason } of rejected) {
      if (reason !== 'superseded' && reason !== 'duplicate') this.loss.records++;
    }
    for (const { hash, offset, keySize, dataSize } of records) {
      this.take(hash, offset, keySize, dataSize, s, isLoose(this.survey, site, hash) ? LOOSE : 0);
    }
  }
}

/** Longer keys are not compared with each other. */
const MAX_KEY = 1 << 20;
/** Places of loose records that are remembered. */
const REMEMBERED = 1 << 20;

/**
 * The records that a repair keeps: without the doubtful ones, and each key once.
 *
 * @param options without `doubtful` these are found first
 */
export async function* keptRecords(opened: Opened, options: ReadOptions = {}): AsyncGenerator<RecordBatch> {
  const { db, survey, proof } = opened;
  if (proof !== undefined) {
    yield* allRecords(opened, options);
    return;
  }
  const doubtful = options.doubtful ?? (await doubtfulIn(db, survey));
  const lookup = new Lookup(opened);
  const given = new PlaceSet();
  const isNew = (...place: [offset: number, keySize: number, dataSize: number]) =>
    given.size === REMEMBERED ? !given.has(...place) : given.add(...place);
  const { signed = 0, unsigned = 0 } = survey.examination ?? {};
  // A key may be there once by each flavour of hash, each time in the bucket for it.
  const isMixed = signed > 0 && unsigned > 0;
  for await (const batch of allRecords(opened, { ...options, doubtful })) {
    const { count, starts, bytes, offsets, keySizes, dataSizes } = batch;
    const kept = new Uint8Array(count).fill(1);
    let isFewer = false;
    for (let i = 0; i < count; i++) {
      if ((!isMixed && !batch.isLoose(i)) || keySizes[i] > MAX_KEY) continue;
      const [start, offset, keySize] = [starts[i], offsets[i], keySizes[i]];
      const key = start < 0 ? await db.source.read(offset, keySize) : bytes.subarray(start, start + keySize);
      if (!batch.isLoose(i) && isPortableKey(key)) continue;
      const first = await lookup.find(key, offset);
      if (first === undefined || first.valueOffset === offset + keySize) {
        // Two damaged buckets may both have the record.
        const isInBucket = first?.site !== undefined;
        if (isInBucket ? first.site === batch.site(i) : isNew(offset, keySize, dataSizes[i])) continue;
      }
      kept[i] = 0;
      isFewer = true;
    }
    if (isFewer) batch.keep(kept);
    yield batch;
  }
}

/** A record with its key; its value stays in the source until it is asked for. */
interface KeyAndValue {
  readonly key: Uint8Array;
  readonly hash: number;
  /** File offset of the key; the value is directly behind it. */
  readonly offset: number;
  readonly keySize: number;
  readonly dataSize: number;
  readonly provenance: Provenance;
  /** Reads the value whole. */
  readonly readValue: () => Promise<Uint8Array>;
}

/**
 * Every record of a database whose key is proved, in the order of buckets, one at a time. In a damaged database a key may
 * come twice.
 *
 * @param opened as `openSearched` gives it; of a {@link Database} that was only opened the buckets are searched for first
 * @throws SourceError if the source cannot be read
 */
export async function* readRecords(opened: Opened | Database): AsyncGenerator<KeyAndValue> {
  const searched = 'db' in opened ? opened : await searchExamined(opened);
  const { survey, db } = searched;
  const { source } = db;
  for await (const batch of allRecords(searched, { part: 'key', limits: PART_BATCH })) {
    const { count, starts, bytes, offsets, keySizes, dataSizes } = batch;
    for (let i = 0; i < count; i++) {
      const [start, offset, keySize, dataSize] = [starts[i], offsets[i], keySizes[i], dataSizes[i]];
      yield {
        // A copy: the memory of the batch is used again.
        key: start < 0 ? await source.read(offset, keySize) : bytes.slice(start, start + keySize),
        hash: batch.hash(i),
        offset,
        keySize,
        dataSize,
        provenance: provenanceOf(survey.sites[batch.site(i)]),
        readValue: () => source.read(offset + keySize, dataSize),
      };
    }
  }
}
