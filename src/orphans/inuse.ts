import { SiteReader } from '../check/bucketreader.js';
import type { BucketWords } from '../format/bucketwords.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';

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
  readonly #reader: SiteReader;

  private constructor(readonly db: Database) {
    const { size } = db.source;
    this.#granule = LEAST_GRANULE;
    while (size / this.#granule > MAX_GRANULES) this.#granule *= 2;
    this.#bits = new Uint8Array(Math.ceil(size / this.#granule / 8) + 1);
    this.#reader = new SiteReader(db);
  }

  /** @param settled buckets that are surely in force */
  static async read(db: Database, settled: readonly BucketSite[]): Promise<RecordsInUse> {
    const inUse = new RecordsInUse(db);
    const bits = inUse.#bits;
    for (const site of settled) {
      const words = await inUse.#reader.read(site);
      for (let n = 0; n < words.usedCount; n++) {
        const i = words.used[n];
        if (!inUse.#isPossible(words, i)) continue;
        const to = inUse.#endOf(words, i);
        for (let at = inUse.#startOf(words, i); at < to; at++) bits[at >>> 3] |= 1 << (at & 7);
      }
    }
    return inUse;
  }

  /** Whether more of a bucket's records lie on those of others than a wrong element or two make. */
  async isContradicted(site: BucketSite): Promise<boolean> {
    const words = await this.#reader.read(site);
    const bits = this.#bits;
    let looked = 0;
    let taken = 0;
    for (let n = 0; n < words.usedCount; n++) {
      const i = words.used[n];
      if (!this.#isPossible(words, i)) continue;
      const to = this.#endOf(words, i);
      let at = this.#startOf(words, i);
      if (at >= to) continue;
      looked++;
      while (at < to && (bits[at >>> 3] & (1 << (at & 7))) === 0) at++;
      if (at < to) taken++;
    }
    return taken >= FEW && taken * MOST > looked;
  }

  /** The first granule that lies whole inside a possible record. */
  #startOf({ pointers }: BucketWords, i: number): number {
    return Math.ceil(pointers[i] / this.#granule);
  }

  /** The one behind the last of them. */
  #endOf({ pointers, keySizes, dataSizes }: BucketWords, i: number): number {
    const looked = Math.min(keySizes[i] + dataSizes[i], LOOKED_AT);
    return Math.floor((pointers[i] + looked) / this.#granule);
  }

  /** Whether an element leads to a record inside the file: granules of others would be before it, or in no memory. */
  #isPossible({ pointers, keySizes, dataSizes }: BucketWords, i: number): boolean {
    const offset = pointers[i];
    const isPositive = offset > 0 && keySizes[i] >= 0 && dataSizes[i] >= 0;
    return isPositive && offset + keySizes[i] + dataSizes[i] <= this.db.source.size;
  }
}
