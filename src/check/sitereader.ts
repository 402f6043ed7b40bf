import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { readSite } from '../database/survey.js';
import { BucketView } from '../format/bucket.js';
import { readInto } from '../source/source.js';
import { BucketWords } from './sound/bucketwords.js';

/** Bytes that are read together at most. */
const TOGETHER = 1 << 18;

/** Reads one bucket after the other into the same memory: what it gives is valid until the next one is read. */
export class SiteReader {
  /** Elements of a bucket. */
  readonly elements: number;
  readonly #db: Database;
  readonly #bytes: Uint8Array;
  readonly #words: BucketWords;
  readonly #view: BucketView;
  /** The bytes from file offset {@link #from} to before {@link #to}. */
  #ahead: Uint8Array | undefined;
  #from = 0;
  #to = 0;
  /** Where the last bucket was, and how many were directly behind each other. */
  #last = Number.NaN;
  #run = 0;

  constructor(db: Database) {
    const { bucketSize, bucketElements } = db.geometry;
    this.elements = bucketElements;
    this.#db = db;
    this.#bytes = new Uint8Array(bucketSize);
    this.#words = new BucketWords(db.format, bucketSize, bucketElements);
    this.#view = new BucketView(this.#bytes, db.format, bucketElements);
  }

  async read(site: BucketSite): Promise<BucketWords> {
    await this.#take(site);
    this.#words.load(this.#bytes);
    return this.#words;
  }

  /** Reads a bucket, but only the elements whose records begin from one file offset to before another. */
  async readBetween(site: BucketSite, from: number, to: number): Promise<BucketWords> {
    await this.#take(site);
    this.#words.loadBetween(this.#bytes, from, to);
    return this.#words;
  }

  async #take(site: BucketSite): Promise<void> {
    if (site.elements === undefined) await this.#fill(site.offset);
    else await readSite(this.#db, site, this.#view);
  }

  /**
   * Reads a bucket; where others were directly before it, as many behind it as well. Two halves of a split often lie side by
   * side, and are no reason to read more.
   */
  async #fill(offset: number): Promise<void> {
    const { source } = this.#db;
    const { length } = this.#bytes;
    this.#run = offset === this.#last + length ? this.#run + 1 : 0;
    if (this.#run > 1 && length < TOGETHER) {
      const inside = offset >= this.#from && offset + length <= this.#to;
      if (!inside) {
        this.#to = this.#from = offset;
        const ahead = (this.#ahead ??= new Uint8Array(TOGETHER)).subarray(
          0,
          Math.min(TOGETHER, this.#run * length, source.size - offset),
        );
        await readInto(source, offset, ahead);
        this.#to = offset + ahead.length;
      }
      this.#bytes.set(this.#ahead!.subarray(offset - this.#from, offset - this.#from + length));
    } else await readInto(source, offset, this.#bytes);
    this.#last = offset;
  }

  /** The same bucket by its fields. */
  get view(): BucketView {
    return this.#view;
  }
}
