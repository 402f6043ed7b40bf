import { SiteReader } from '../check/bucketreader.js';
import type { BucketWords } from '../format/bucketwords.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { weights } from '../weights.js';

/** Maximum number of granules: one bit for each, 32 MiB in total. */
const MAX_GRANULES = 2 ** 28;
const LEAST_GRANULE = 8;
/** Maximum number of bytes of a record that count, so that a wrong size does little harm. */
const LOOKED_AT = 4096;

/**
 * Bitmap of the bytes that hold records of buckets in force. No two such buckets share a byte, so a bucket with
 * several records that overlap theirs is an old one, or one of another file. Memory: one bit for each 8 bytes of the
 * file, and for more bytes in larger files, so that it never exceeds 32 MiB.
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

  /** Returns true if more of a bucket's records overlap those of others than one or two wrong elements explain. */
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
    return taken * weights.bucket.contradictedShare > looked;
  }

  /** The first granule that lies wholly inside a possible record. */
  #startOf({ pointers }: BucketWords, i: number): number {
    return Math.ceil(pointers[i] / this.#granule);
  }

  /** The granule after the last one that lies wholly inside the record. */
  #endOf({ pointers, keySizes, dataSizes }: BucketWords, i: number): number {
    const looked = Math.min(keySizes[i] + dataSizes[i], LOOKED_AT);
    return Math.floor((pointers[i] + looked) / this.#granule);
  }

  /** Returns true if an element leads to a record inside the file: any other record has no granule in the bitmap. */
  #isPossible({ pointers, keySizes, dataSizes }: BucketWords, i: number): boolean {
    const offset = pointers[i];
    const isPositive = offset > 0 && keySizes[i] >= 0 && dataSizes[i] >= 0;
    return isPositive && offset + keySizes[i] + dataSizes[i] <= this.db.source.size;
  }
}
