import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/survey.js';
import { readSite } from '../database/survey.js';
import { BucketView } from '../format/bucket.js';
import { readInto } from '../source/source.js';
import { BucketWords } from './sound/bucketwords.js';

/** Reads one bucket after the other into the same memory: what it gives is valid until the next one is read. */
export class SiteReader {
  /** Elements of a bucket. */
  readonly elements: number;
  readonly #db: Database;
  readonly #bytes: Uint8Array;
  readonly #words: BucketWords;
  readonly #view: BucketView;

  constructor(db: Database) {
    const { bucketSize, bucketElements } = db.geometry;
    this.elements = bucketElements;
    this.#db = db;
    this.#bytes = new Uint8Array(bucketSize);
    this.#words = new BucketWords(db.format, bucketSize, bucketElements);
    this.#view = new BucketView(this.#bytes, db.format, bucketElements);
  }

  async read(site: BucketSite): Promise<BucketWords> {
    if (site.elements === undefined) await readInto(this.#db.source, site.offset, this.#bytes);
    else this.#bytes.set((await readSite(this.#db, site)).bytes);
    this.#words.load(this.#bytes);
    return this.#words;
  }

  /** The same bucket by its fields. */
  get view(): BucketView {
    return this.#view;
  }
}
