import { eachExtent } from '../check/account.js';
import { checkAvailChain } from '../check/avail.js';
import type { BucketExamination } from '../check/bucket.js';
import { examineBuckets } from '../check/bucket.js';
import type { CheckResult } from '../check/check.js';
import { checkDatabase } from '../check/check.js';
import type { Examination } from '../check/examination.js';
import { examine } from '../check/examination.js';
import type { RejectedElement } from '../check/marks.js';
import type { Database } from '../database/database.js';
import { placeNow, placesNow } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { provesItself } from '../database/survey.js';
import { HASH_RANGE } from '../format/hash.js';
import { OffsetList } from '../numbers.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { findOld } from '../salvage/old.js';
import type { OldRecord } from '../salvage/oldrecord.js';
import type { SalvagedRecord } from '../salvage/salvage.js';
import { provenanceOf, withProvenance } from '../salvage/salvage.js';
import type { Report } from '../source/sweep.js';
import type { Claim, Claims } from './map.js';

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
/** Damaged elements whose bytes are painted. */
const MAX_DAMAGED = 1 << 20;

/**
 * Checks a database and draws it. Memory: what a check of it takes, 16 bytes for each damaged or old record, and the samples.
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
  const taker = new PictureTaker(db);
  const result = checked ?? (await checkDatabase(db, survey));
  for await (const examined of examineBuckets(db, survey)) taker.take(examined);
  const old = new Sample<OldRecord>(MAX_OLD);
  const oldCounts = new Map<string, number>();
  const found = await findOld(db, survey, { report });
  for (const one of found) {
    old.take(one);
    oldCounts.set(oldClass(one), (oldCounts.get(oldClass(one)) ?? 0) + 1);
    // Others stand where the key of a trace was.
    if (one.confidence !== 'trace') taker.deleted.add(one.offset, one.keySize + one.dataSize);
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
class PictureTaker {
  readonly damaged = new Places(MAX_DAMAGED);
  /** Records of free elements, and those that only superseded buckets know. */
  readonly deleted = new Places(Infinity);
  readonly records = new Sample<SalvagedRecord>(MAX_RECORDS);
  readonly counts = new Map<string, number>();
  readonly buckets = new Sample<BucketMark>(MAX_BUCKETS);
  readonly rejected: RejectedElement[] = [];
  readonly fill: number[];
  readonly keySizes = new Magnitudes();
  readonly valueSizes = new Magnitudes();
  readonly hashes = new Array<number>(HASH_CELLS).fill(0);
  readonly #size: number;

  constructor({ geometry, source }: Database) {
    this.#size = source.size;
    this.fill = new Array<number>(geometry.bucketElements + 1).fill(0);
  }

  take({ site, records, rejected }: BucketExamination): void {
    const { offset, state, used, firstSlot, slots, bits } = site;
    if (state === 'sound' && (records.length > 0 || provesItself(site)))
      this.fill[Math.min(used, this.fill.length - 1)]++;
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
    for (const { reason, offset: at, keySize, dataSize } of rejected) {
      const size = keySize + dataSize;
      const inside = keySize >= 0 && dataSize >= 0 && at > 0 && at + size <= this.#size;
      if ((reason === 'key' || reason === 'hash') && inside && size <= MAX_DAMAGE) this.damaged.add(at, size);
    }
  }
}

/** File offsets and bytes of elements that claim bytes although they prove no record in force. */
class Places {
  readonly offsets = new OffsetList();
  readonly lengths = new OffsetList();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** Adds one, if there is room. */
  add(offset: number, length: number): void {
    if (this.offsets.length >= this.#most) return;
    this.offsets.push(offset);
    this.lengths.push(length);
  }
}

/**
 * All that claims bytes of a database that was examined, at the offsets of the file as it lies there. The claims of the
 * account of bytes are read from the buckets each time, so that nothing is held of them.
 */
function claimsOf(
  db: Database,
  survey: SearchedSurvey,
  examination: Examination,
  { damaged, deleted }: Pick<PictureTaker, 'damaged' | 'deleted'>,
): Claims {
  const { geometry, headerLost } = db;
  const hasDirectory = survey.sites.some(({ origin }) => origin === 'directory');
  const isDamaged = ({ state }: BucketSite) => state === 'malformed' || state === 'wiped';

  return async (tell) => {
    // If nothing was moved, millions of records need no iterator each.
    const claim: Claim =
      db.layout === undefined
        ? (kind, offset, length) => tell(kind, placeNow(db, offset), length)
        : (kind, offset, length) => {
            for (const place of placesNow(db, offset, length)) tell(kind, place.offset, place.length);
          };
    await eachExtent(db, survey, examination, (kind, offset, length, bucket) => {
      if (bucket !== undefined && isDamaged(bucket)) return;
      const isLost = kind === 'header' ? headerLost : kind === 'directory' && !hasDirectory;
      claim(isLost ? 'damaged' : kind, offset, length);
    });
    for (const site of survey.sites) {
      if (isDamaged(site)) claim('damaged', site.offset, geometry.bucketSize);
    }
    for (const [kind, { offsets, lengths }] of [
      ['damaged', damaged],
      ['deleted', deleted],
    ] as const) {
      for (let i = 0; i < offsets.length; i++) claim(kind, offsets.at(i), lengths.at(i));
    }
  };
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
