import { checkAvailChain } from '../check/avail.js';
import type { BucketExamination } from '../check/bucket.js';
import { examineBuckets } from '../check/judge.js';
import type { CheckResult } from '../check/check.js';
import { checkDatabase } from '../check/check.js';
import type { RejectedElement } from '../check/record.js';
import type { Database } from '../database/database.js';
import { owns } from '../database/survey.js';
import { elementStruct } from '../format/bucket.js';
import { HASH_RANGE } from '../format/hash.js';
import { offsetSize } from '../format/layout.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { salvageDeleted } from '../salvage/deleted.js';
import type { SalvagedRecord } from '../salvage/salvage.js';
import { provenanceOf } from '../salvage/salvage.js';
import { salvageStale } from '../salvage/stale.js';
import type { Areas, ClaimKind } from './areas.js';
import { ClaimList } from './claims.js';
import { placesNow } from './place.js';
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
  readonly areas: Areas;
  /** Offsets as the database has them; see `placeNow`. */
  readonly records: { readonly shown: readonly SalvagedRecord[]; readonly all: number };
  readonly old: { readonly shown: readonly SalvagedRecord[]; readonly all: number };
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

export const HASH_CELLS = 256;
export const MAX_OPEN = 256;
const MAX_RECORDS = 1500;
const MAX_OLD = 500;
const MAX_BUCKETS = 3000;
const MAX_REJECTED = 1000;
/** A damaged element's sizes may be damaged too; more than this is not painted for one. */
const MAX_DAMAGE = 16 << 20;

/**
 * Checks a database and draws it. Memory: 34 bytes for each record and each piece of free space, and the samples.
 *
 * @param fileSize bytes of the file as it lies there, which the areas cover
 * @throws SourceError if the source cannot be read
 */
export async function takePicture(db: Database, survey: SearchedSurvey, fileSize: number): Promise<Picture> {
  const painter = new Painter(db);
  const checked = await checkDatabase(db, survey);
  for await (const examined of examineBuckets(db, survey)) painter.take(examined);
  const availBlocks = await painter.structures(survey);
  const old = new Sample<SalvagedRecord>(MAX_OLD);
  for (const batches of [salvageStale(db, survey), salvageDeleted(db, survey)]) {
    for await (const batch of batches) {
      for (const record of batch) {
        painter.claim('deleted', record.offset, record.keySize + record.dataSize);
        old.take(record);
      }
    }
  }
  const open: { first: number; end: number }[] = [];
  for (const range of survey.claims.open()) {
    if (open.push(range) === MAX_OPEN) break;
  }
  return {
    checked,
    areas: painter.claims.paint(fileSize),
    records: { shown: painter.records.kept, all: painter.records.seen },
    old: { shown: old.kept, all: old.seen },
    buckets: { shown: painter.buckets.kept, all: painter.buckets.seen },
    rejected: painter.rejected,
    availBlocks,
    fill: painter.fill,
    keySizes: painter.keySizes.counts,
    valueSizes: painter.valueSizes.counts,
    hashes: painter.hashes,
    open,
  };
}

/** Takes what a check sees as it goes by. */
class Painter {
  readonly claims = new ClaimList();
  readonly records = new Sample<SalvagedRecord>(MAX_RECORDS);
  readonly buckets = new Sample<BucketMark>(MAX_BUCKETS);
  readonly rejected: RejectedElement[] = [];
  readonly fill: number[];
  readonly keySizes = new Magnitudes();
  readonly valueSizes = new Magnitudes();
  readonly hashes = new Array<number>(HASH_CELLS).fill(0);
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
    this.fill = new Array<number>(db.geometry.bucketElements + 1).fill(0);
  }

  claim(kind: ClaimKind, offset: number, length: number): void {
    for (const place of placesNow(this.#db, offset, length))
      this.claims.add(kind, place.offset, place.length);
  }

  take({ site, records, rejected, free }: BucketExamination): void {
    const { bucketSize } = this.#db.geometry;
    const { offset, state, used } = site;
    if (site.elements !== undefined) {
      const { size } = elementStruct(this.#db.format.layout);
      for (const at of site.elements) this.claim('bucket', at, size);
    } else if (
      state === 'sound' &&
      (records.length > 0 || site.origin === 'scan' || owns(site, site.firstSlot))
    ) {
      this.claim('bucket', offset, bucketSize);
      this.fill[Math.min(used, this.fill.length - 1)]++;
    } else if (state === 'malformed' || state === 'wiped') this.claim('damaged', offset, bucketSize);
    const { firstSlot, slots, bits } = site;
    this.buckets.take({ offset, firstSlot, slots, bits, used, state });
    for (const { av_adr, av_size } of free) this.claim('free', av_adr, av_size);
    const provenance = provenanceOf(site);
    for (const record of records) {
      const { hash, keySize, dataSize } = record;
      this.claim('record', record.offset, keySize + dataSize);
      this.keySizes.add(keySize);
      this.valueSizes.add(dataSize);
      this.hashes[Math.floor(hash / (HASH_RANGE / HASH_CELLS))]++;
      this.records.take({ ...record, provenance });
    }
    if (this.rejected.length < MAX_REJECTED) this.rejected.push(...rejected);
    for (const { reason, offset: at, keySize, dataSize } of rejected) {
      const size = keySize + dataSize;
      const inside = keySize >= 0 && dataSize >= 0 && at > 0 && at + size <= this.#db.source.size;
      if ((reason === 'key' || reason === 'hash') && inside && size <= MAX_DAMAGE)
        this.claim('damaged', at, size);
    }
  }

  /** The header, the directory and the chain of avail blocks. */
  async structures(survey: SearchedSurvey): Promise<Picture['availBlocks']> {
    const { geometry, directory, format, headerLost } = this.#db;
    this.claim(headerLost ? 'damaged' : 'header', 0, geometry.blockSize);
    if (geometry.directory !== undefined) {
      const leads = survey.sites.some(({ origin }) => origin === 'directory');
      const size = directory.length * offsetSize(format.layout);
      this.claim(leads ? 'directory' : 'damaged', geometry.directory.offset, size);
    }
    const { blocks } = await checkAvailChain(this.#db, ({ av_adr, av_size }) =>
      this.claim('free', av_adr, av_size),
    );
    for (const { offset, bytes } of blocks.slice(1)) this.claim('avail', offset, bytes);
    return blocks;
  }
}
