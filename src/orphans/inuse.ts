import { large } from '../columns/large.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/survey.js';
import { readSite, roomForBucket } from '../database/survey.js';
import type { BucketView } from '../format/bucket.js';
import { FREE_HASH } from '../format/hash.js';

/** Granules that are told apart, at most: a bit for each, 32 MiB in all. */
const MAX_GRANULES = 2 ** 28;
const LEAST_GRANULE = 8;
/** Of a longer record only so many bytes count, so that a wrong size does little. */
const LOOKED_AT = 4096;

/** Records of a bucket that lie on others', at least, and of how many one at least. */
const FEW = 2;
const MOST = 8;

/**
 * Where the records of buckets in force are. No two such buckets share a byte, so a bucket with several records on
 * theirs is an old one, or one of another file. Memory: a bit for each 8 bytes of the file, in larger files for more, so
 * that it is never over 32 MiB.
 */
export class RecordsInUse {
  readonly #granule: number;
  readonly #bits: Uint8Array;
  readonly #room: BucketView;

  private constructor(readonly db: Database) {
    const { size } = db.source;
    this.#granule = LEAST_GRANULE;
    while (size / this.#granule > MAX_GRANULES) this.#granule *= 2;
    this.#bits = large(Uint8Array, Math.ceil(size / this.#granule / 8) + 1);
    this.#room = roomForBucket(db);
  }

  /** @param settled buckets that are surely in force */
  static async read(db: Database, settled: readonly BucketSite[]): Promise<RecordsInUse> {
    const inUse = new RecordsInUse(db);
    for (const site of settled) {
      const bucket = await readSite(db, site, inUse.#room);
      for (let i = 0; i < bucket.elements; i++) {
        const [from, to] = inUse.#granulesOf(bucket, i);
        for (let at = from; at < to; at++) inUse.#bits[at >>> 3] |= 1 << (at & 7);
      }
    }
    return inUse;
  }

  /** Whether more of a bucket's records lie on those of others than a wrong element or two make. */
  async isContradicted(site: BucketSite): Promise<boolean> {
    const bucket = await readSite(this.db, site, this.#room);
    let looked = 0;
    let taken = 0;
    for (let i = 0; i < bucket.elements; i++) {
      const [from, to] = this.#granulesOf(bucket, i);
      if (from >= to) continue;
      looked++;
      for (let at = from; at < to; at++) {
        if ((this.#bits[at >>> 3] & (1 << (at & 7))) === 0) continue;
        taken++;
        break;
      }
    }
    return taken >= FEW && taken * MOST > looked;
  }

  /** The granules that lie whole inside an element's record: from the first to before the last; none of a free one. */
  #granulesOf(bucket: BucketView, i: number): [from: number, to: number] {
    if (bucket.hash(i) === FREE_HASH) return [0, 0];
    const offset = bucket.dataPointer(i);
    const keySize = bucket.keySize(i);
    const dataSize = bucket.dataSize(i);
    const end = offset + keySize + dataSize;
    if (!(offset > 0 && keySize >= 0 && dataSize >= 0 && end <= this.db.source.size)) return [0, 0];
    const to = Math.min(end, offset + LOOKED_AT);
    return [Math.ceil(offset / this.#granule), Math.floor(to / this.#granule)];
  }
}
