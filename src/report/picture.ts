import { checkAvailChain } from '../check/avail.js';
import { takeOthers } from '../check/account.js';
import type { BucketExamination } from '../check/bucket.js';
import { examineHead } from '../check/bucket.js';
import { examine } from '../check/examination.js';
import { examineBuckets } from '../check/bucket.js';
import type { CheckResult } from '../check/check.js';
import { checkDatabase } from '../check/check.js';
import type { RejectedElement } from '../check/record.js';
import type { Database } from '../database/database.js';
import { Bits, OffsetList } from '../numbers.js';
import { HASH_RANGE } from '../format/hash.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { findOld } from '../salvage/old.js';
import type { OldRecord } from '../salvage/oldrecord.js';
import type { SalvagedRecord } from '../salvage/salvage.js';
import { provenanceOf, withProvenance } from '../salvage/salvage.js';
import type { Report } from '../source/sweep.js';
import type { Claim, ClaimKind, Claims } from './map.js';
import type { Examination } from '../check/examination.js';
import { KEPT } from '../check/marks.js';
import { SiteReader } from '../check/bucketreader.js';
import { placeNow, placesNow } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { isReadable, provesItself } from '../database/survey.js';
import { elementStruct } from '../format/bucket.js';
import { SiteIndex } from '../database/siteindex.js';

/** A bucket as far as a picture shows it. */
interface BucketMark {
  /** File offset. */
  readonly offset: number;
  readonly firstSlot: number;
  readonly slots: number;
  readonly bits: number;
  /** Elements in use. */
  readonly used: number;
  readonly state: string;
}

/** A file as it is drawn: what every byte is, and how buckets, records and hashes are spread. */
export interface Picture {
  readonly checked: CheckResult;
  /** The claims by which every byte is painted. */
  readonly claims: Claims;
  /** Offsets as the database has them; see `placeNow`. */
  readonly records: {
    readonly shown: readonly SalvagedRecord[];
    readonly all: number;
    /** Records by the way in which they were found. */
    readonly counts: ReadonlyMap<string, number>;
  };
  readonly old: {
    readonly shown: readonly OldRecord[];
    /** Records of each {@link oldClass}. */
    readonly counts: ReadonlyMap<string, number>;
    /** Elements that were too many to be remembered. */
    readonly dropped: number;
  };
  readonly buckets: { readonly shown: readonly BucketMark[]; readonly all: number };
  /** Elements that prove no record, the first of them. */
  readonly rejected: readonly RejectedElement[];
  readonly availBlocks: readonly { readonly offset: number; readonly bytes: number }[];
  /** The number of buckets by their elements in use. */
  readonly fill: readonly number[];
  /** By magnitude: 0, 1, 2 to 3, 4 to 7 and so on. */
  readonly keySizes: readonly number[];
  readonly valueSizes: readonly number[];
  /** Records in each of {@link HASH_CELLS} equal parts of all hashes. */
  readonly hashes: readonly number[];
  /** Hashes that lead to no bucket, from `first` to before `end`, the first {@link MAX_OPEN} of them. */
  readonly open: readonly { readonly first: number; readonly end: number }[];
}

/** The class of an old record, provenance and confidence, as `salvage --deleted` counts them. */
export function oldClass({ provenance, confidence }: OldRecord): string {
  return `${provenance}, ${confidence}`;
}

export const HASH_CELLS = 256;
const MAX_OPEN = 256;
const MAX_RECORDS = 1500;
const MAX_OLD = 500;
const MAX_BUCKETS = 3000;
const MAX_REJECTED = 1000;
/** A damaged element's sizes may be damaged too; more than this is not painted for one. */
const MAX_DAMAGE = 16 << 20;

/**
 * Checks a database and draws it. Memory: what a check of it takes, two bits for each element, and the samples.
 *
 * @param checked the check of it, if it is known
 * @throws SourceError if the source cannot be read
 */
export async function takePicture(
  db: Database,
  searched: SearchedSurvey,
  checked?: CheckResult,
  report?: Report,
): Promise<Picture> {
  const examination = searched.examination ?? (await examine(db, searched));
  const survey = { ...searched, examination };
  const taker = new PictureTaker(db, survey);
  const result = checked ?? (await checkDatabase(db, survey));
  for await (const examined of examineBuckets(db, survey)) taker.take(examined);
  const old = new Sample<OldRecord>(MAX_OLD);
  const oldCounts = new Map<string, number>();
  const found = await findOld(db, survey, { report });
  for (const one of found) {
    old.take(one);
    oldCounts.set(oldClass(one), (oldCounts.get(oldClass(one)) ?? 0) + 1);
    // Others stand where the key of a trace was.
    if (one.confidence === 'trace') continue;
    if (one.provenance === 'stale') taker.takeStale(one);
    else taker.takeDeleted(one);
  }
  const open: { first: number; end: number }[] = [];
  for (const range of survey.claims.open()) {
    if (open.push(range) === MAX_OPEN) break;
  }
  return {
    checked: result,
    claims: claimsOf(db, survey, examination, taker),
    records: { shown: taker.records.kept, all: taker.records.seen, counts: taker.counts },
    old: { shown: old.kept, counts: oldCounts, dropped: found.dropped },
    buckets: { shown: taker.buckets.kept, all: taker.buckets.seen },
    rejected: taker.rejected,
    availBlocks: (await checkAvailChain(db)).blocks,
    fill: taker.fill,
    keySizes: taker.keySizes.counts,
    valueSizes: taker.valueSizes.counts,
    hashes: taker.hashes,
    open,
  };
}

/** Takes what a check sees as it goes by. */
class PictureTaker implements OtherElements {
  readonly damaged: ElementSet;
  readonly deleted: ElementSet;
  readonly stale = { offsets: new OffsetList(), lengths: new OffsetList() };
  readonly records = new Sample<SalvagedRecord>(MAX_RECORDS);
  readonly counts = new Map<string, number>();
  readonly buckets = new Sample<BucketMark>(MAX_BUCKETS);
  readonly rejected: RejectedElement[] = [];
  readonly fill: number[];
  readonly keySizes = new Magnitudes();
  readonly valueSizes = new Magnitudes();
  readonly hashes = new Array<number>(HASH_CELLS).fill(0);
  readonly #db: Database;
  /** The bucket that is taken next. */
  #site = 0;

  constructor(db: Database, { sites }: SearchedSurvey) {
    const { bucketElements } = db.geometry;
    this.#db = db;
    this.fill = new Array<number>(bucketElements + 1).fill(0);
    this.damaged = new ElementSet(sites, bucketElements);
    this.deleted = new ElementSet(sites, bucketElements);
  }

  /** Takes each bucket, in the order of the survey. */
  take({ site, records, rejected }: BucketExamination): void {
    const { offset, state, used, firstSlot, slots, bits } = site;
    const s = this.#site++;
    if (kindOf(site, records.length) === 'bucket') this.fill[Math.min(used, this.fill.length - 1)]++;
    this.buckets.take({ offset, firstSlot, slots, bits, used, state });
    const provenance = provenanceOf(site);
    if (records.length > 0) this.counts.set(provenance, (this.counts.get(provenance) ?? 0) + records.length);
    for (const record of records) {
      const { hash, keySize, dataSize } = record;
      this.keySizes.add(keySize);
      this.valueSizes.add(dataSize);
      this.hashes[Math.floor(hash / (HASH_RANGE / HASH_CELLS))]++;
      this.records.take(withProvenance(record, provenance));
    }
    if (this.rejected.length < MAX_REJECTED) this.rejected.push(...rejected);
    for (const { reason, offset: at, keySize, dataSize, element } of rejected) {
      const size = keySize + dataSize;
      const inside = keySize >= 0 && dataSize >= 0 && at > 0 && at + size <= this.#db.source.size;
      if ((reason === 'key' || reason === 'hash') && inside && size <= MAX_DAMAGE)
        this.damaged.add(s, element);
    }
  }

  /** Takes a record that only a superseded bucket knows. */
  takeStale({ offset, keySize, dataSize }: SalvagedRecord): void {
    this.stale.offsets.push(offset);
    this.stale.lengths.push(keySize + dataSize);
  }

  /** Takes the record of a free element, of a bucket in force or not. */
  takeDeleted(record: SalvagedRecord): void {
    if (!this.deleted.addOf(record.bucket, record.element)) this.takeStale(record);
  }
}

/** Elements that claim bytes although they prove no record in force. */
interface OtherElements {
  /** In use, and damaged. */
  readonly damaged: ElementSet;
  /** Free, and still leading to the key that they had. */
  readonly deleted: ElementSet;
  /** File offsets and bytes of records that only superseded buckets know. */
  readonly stale: { readonly offsets: OffsetList; readonly lengths: OffsetList };
}

/**
 * All that claims bytes of a database that was examined, at the offsets of the file as it lies there. It is read from the
 * buckets each time, so that nothing is held of it.
 */
export function claimsOf(
  db: Database,
  survey: SearchedSurvey,
  { marks }: Examination,
  { damaged, deleted, stale }: OtherElements,
): Claims {
  const { geometry, format, headerLost } = db;
  const { sites } = survey;
  const elementSize = elementStruct(format.layout).size;

  return async (tell) => {
    // If nothing was moved, millions of records need no iterator each.
    const claim: Claim =
      db.rearrangement === undefined && db.fault === undefined
        ? (kind, offset, length) => tell(kind, placeNow(db, offset), length)
        : (kind, offset, length) => {
            for (const place of placesNow(db, offset, length)) tell(kind, place.offset, place.length);
          };

    // 1. The header, the directory and the chain of avail blocks.
    const hasDirectory = sites.some(({ origin }) => origin === 'directory');
    const isLost = (kind: ClaimKind) =>
      kind === 'header' ? headerLost : kind === 'directory' && !hasDirectory;
    await takeOthers(db, (kind, offset, length) => claim(isLost(kind) ? 'damaged' : kind, offset, length));

    // 2. Buckets, their free space, and what their elements lead to.
    const reader = new SiteReader(db);
    for (const [s, site] of sites.entries()) {
      if (site.elements !== undefined) for (const at of site.elements) claim('bucket', at, elementSize);
      else {
        const kind = kindOf(site, marks.kept[s]);
        if (kind !== undefined) claim(kind, site.offset, geometry.bucketSize);
      }
      if (!isReadable(site)) continue;
      const words = await reader.read(site);
      for (const { av_adr, av_size } of examineHead(db, site, reader.view).free)
        claim('free', av_adr, av_size);
      const others = damaged.hasAny(s) || deleted.hasAny(s);
      if (marks.kept[s] === 0 && !others) continue;
      for (let i = 0, at = s * marks.elements; i < marks.elements; i++, at++) {
        if ((marks.flags[at] & KEPT) !== 0) {
          claim('record', words.pointer(i), words.keySize(i) + words.dataSize(i));
        } else if (others && (damaged.has(s, i) || deleted.has(s, i))) {
          const { view } = reader;
          const kind = damaged.has(s, i) ? 'damaged' : 'deleted';
          claim(kind, view.dataPointer(i), view.keySize(i) + view.dataSize(i));
        }
      }
    }

    // 3. What only superseded buckets know.
    const { offsets, lengths } = stale;
    for (let i = 0; i < offsets.length; i++) claim('deleted', offsets.at(i), lengths.at(i));
  };
}

/** The kind of a bucket's own bytes; undefined if nothing proves that they are a bucket. */
export function kindOf(site: BucketSite, kept: number): ClaimKind | undefined {
  const { state } = site;
  if (state === 'sound') return kept > 0 || provesItself(site) ? 'bucket' : undefined;
  return state === 'malformed' || state === 'wiped' ? 'damaged' : undefined;
}

/** A set of elements of buckets: a bit for each. */
class ElementSet {
  readonly #bits: Bits;
  readonly #elements: number;
  /** The buckets that have an element in the set. */
  readonly #some: Bits;
  readonly #sites: readonly BucketSite[];
  /** Numbers of buckets by their file offsets, as soon as they are asked for. */
  #numbers: SiteIndex | undefined;

  /** @param elements of a bucket */
  constructor(sites: readonly BucketSite[], elements: number) {
    this.#sites = sites;
    this.#elements = elements;
    this.#bits = new Bits(sites.length * elements);
    this.#some = new Bits(sites.length);
  }

  /** @param site the number of the element's bucket */
  add(site: number, element: number): void {
    this.#bits.add(site * this.#elements + element);
    this.#some.add(site);
  }

  /**
   * Adds an element of the bucket at a file offset.
   *
   * @returns whether that is one of the whole buckets
   */
  addOf(bucket: number, element: number): boolean {
    this.#numbers ??= numbersOf(this.#sites);
    const site = this.#numbers.get(bucket);
    if (site !== undefined) this.add(site, element);
    return site !== undefined;
  }

  has(site: number, element: number): boolean {
    return this.#bits.has(site * this.#elements + element);
  }

  hasAny(site: number): boolean {
    return this.#some.has(site);
  }
}

function numbersOf(sites: readonly BucketSite[]): SiteIndex {
  const numbers = new SiteIndex(sites);
  // A bucket without its head can have two parts at one offset, of which one is old.
  for (const [s, { state }] of sites.entries()) if (state === 'sound') numbers.add(s);
  return numbers;
}

/** An evenly spread sample of things that come one by one. */
class Sample<T> {
  readonly #most: number;
  #stride = 1;
  #seen = 0;
  #kept: T[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** Keeps every n-th thing of all that come, n as small as the limit allows. */
  take(one: T): void {
    if (this.#seen++ % this.#stride !== 0) return;
    this.#kept.push(one);
    if (this.#kept.length <= this.#most) return;
    this.#kept = this.#kept.filter((_, i) => i % 2 === 0);
    this.#stride *= 2;
  }

  get kept(): readonly T[] {
    return this.#kept;
  }

  /** Things that came. */
  get seen(): number {
    return this.#seen;
  }
}

/** Counts sizes by their magnitude: 0, 1, 2 to 3, 4 to 7 and so on. */
class Magnitudes {
  readonly counts: number[] = [];

  add(size: number): void {
    const bin = size <= 0 ? 0 : Math.floor(Math.log2(size)) + 1;
    while (this.counts.length <= bin) this.counts.push(0);
    this.counts[bin]++;
  }
}
