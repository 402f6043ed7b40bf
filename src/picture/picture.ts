import { checkAvailChain } from '../check/avail.js';
import type { BucketExamination } from '../check/bucket.js';
import { examine } from '../check/examination.js';
import { examineBuckets } from '../check/judge.js';
import type { CheckResult } from '../check/check.js';
import { checkDatabase } from '../check/check.js';
import type { RejectedElement } from '../check/record.js';
import type { Database } from '../database/database.js';
import { OffsetList } from '../numbers.js';
import { HASH_RANGE } from '../format/hash.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { findOld } from '../salvage/old.js';
import type { OldRecord } from '../salvage/oldrecord.js';
import type { SalvagedRecord } from '../salvage/salvage.js';
import { provenanceOf, withProvenance } from '../salvage/salvage.js';
import type { Report } from '../source/sweep.js';
import type { Claims } from './claims.js';
import type { OtherElements } from './databaseclaims.js';
import { claimsOf, kindOf } from './databaseclaims.js';
import { ElementSet } from './elements.js';
import { Magnitudes, Sample } from './tally.js';

/** A bucket as far as a picture shows it. */
export interface BucketMark {
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
  /** What claims bytes, by which every byte is painted. */
  readonly claims: Claims;
  /** Offsets as the database has them; see `placeNow`. */
  readonly records: {
    readonly shown: readonly SalvagedRecord[];
    readonly all: number;
    /** How many were found in each way. */
    readonly counts: ReadonlyMap<string, number>;
  };
  readonly old: {
    readonly shown: readonly OldRecord[];
    /** How many there are of each {@link oldClass}. */
    readonly counts: ReadonlyMap<string, number>;
    /** Elements that were too many to be remembered. */
    readonly dropped: number;
  };
  readonly buckets: { readonly shown: readonly BucketMark[]; readonly all: number };
  /** Elements that prove no record, the first of them. */
  readonly rejected: readonly RejectedElement[];
  readonly availBlocks: readonly { readonly offset: number; readonly bytes: number }[];
  /** How many buckets have so many elements in use, by their number. */
  readonly fill: readonly number[];
  /** By magnitude: 0, 1, 2 to 3, 4 to 7 and so on. */
  readonly keySizes: readonly number[];
  readonly valueSizes: readonly number[];
  /** Records in each of {@link HASH_CELLS} equal parts of all hashes. */
  readonly hashes: readonly number[];
  /** Hashes that lead to no bucket, from `first` to before `end`, the first {@link MAX_OPEN} of them. */
  readonly open: readonly { readonly first: number; readonly end: number }[];
}

/** How an old record was found and how sure it is, as `salvage --deleted` counts them. */
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
