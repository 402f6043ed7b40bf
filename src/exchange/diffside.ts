import { Lookup } from '../database/lookup.js';
import type { FoundRecord } from '../database/lookup.js';
import { OffsetList } from '../columns/offsetlist.js';
import { isPlaced } from '../database/survey.js';
import { HASHES, isPortableKey } from '../format/hash.js';
import { SearchedLookup } from './searchedlookup.js';
import { cached } from '../source/cached.js';
import type { Source } from '../source/source.js';
import { firstAfter } from '../source/ranges.js';
import type { WalkedBatch, WalkLoss } from './batch.js';
import { HASH, WORDS } from './batchwords.js';
import type { BatchLimits } from './batchreader.js';
import type { Walkable } from './walk.js';
import { walkable, walkRecords } from './walk.js';

/** Of two databases at once, with what a search of each may have found. */
const LIMITS: BatchLimits = { bytes: 7 << 20, records: 48 << 10 };

/** One of two databases that are compared: walked through, and asked for a key where the walk cannot tell. */
export class DiffSide {
  /** The batch at hand; undefined behind the last one. */
  batch: WalkedBatch | undefined;
  /** For each of its records whether the other database was seen to have it, too. */
  found = new Uint8Array(0);
  /** For each whether that has to be looked up. */
  unsure = new Uint8Array(0);
  /** Behind the hashes that were gone through. */
  to = 0;
  /** Of which hashes all records were seen: where each range begins, and ends. */
  readonly #wholeFrom = new OffsetList();
  readonly #wholeTo = new OffsetList();
  readonly #database: Walkable;
  readonly #batches: AsyncGenerator<WalkedBatch>;
  #lookup: Promise<{ source: Source; lookup: Lookup | SearchedLookup }> | undefined;

  private constructor(database: Walkable, loss: WalkLoss, limits: BatchLimits) {
    this.#database = database;
    this.#batches = walkRecords(database, loss, limits);
  }

  /**
   * Proves that the database is in order, or looks at all that is damaged before the first record is compared: a value may
   * be in a block that changed its place.
   *
   * @param loss is told of what the database cannot give
   */
  static async open(database: Walkable, loss: WalkLoss, limits = LIMITS): Promise<DiffSide> {
    const isProved = await database.isProved();
    return new DiffSide(isProved ? database : walkable(await database.examined()), loss, limits);
  }

  /** Goes to the next batch; the one before it is no longer good. */
  async advance(): Promise<void> {
    const next = await this.#batches.next();
    this.batch = next.done ? undefined : next.value;
    if (this.batch === undefined) return;
    const { count, hashes } = this.batch;
    if (this.found.length < count) {
      this.found = new Uint8Array(count);
      this.unsure = new Uint8Array(count);
    }
    this.found.fill(0);
    this.unsure.fill(hashes.whole.length > 0 ? 0 : 1);
    for (const [from, to] of hashes.whole) this.#cover(from, to);
    this.to = Math.max(this.to, hashes.done);
  }

  /**
   * Whether it is proved that this database does not have a record of another one: a key that is hashed the same on every
   * machine would be in the buckets that were gone through.
   */
  lacks({ bytes, starts, keySizes, hashes }: WalkedBatch, n: number): boolean {
    if (starts[n] < 0) return false;
    const hash = hashes.words[n * WORDS + HASH];
    if (!this.#isCovered(hash)) return false;
    return isPortableKey(bytes.subarray(starts[n], starts[n] + keySizes[n]));
  }

  #cover(from: number, to: number): void {
    const last = this.#wholeTo.length - 1;
    if (last >= 0 && this.#wholeTo.at(last) === from) this.#wholeTo.values()[last] = to;
    else {
      this.#wholeFrom.push(from);
      this.#wholeTo.push(to);
    }
  }

  #isCovered(hash: number): boolean {
    const range = firstAfter(this.#wholeFrom.values(), hash) - 1;
    return range >= 0 && hash < this.#wholeTo.at(range);
  }

  /** Finds a record in what there is of the database. */
  async find(key: Uint8Array): Promise<(FoundRecord & { source: Source }) | undefined> {
    this.#lookup ??= this.#openLookup();
    const { source, lookup } = await this.#lookup;
    const found = await lookup.find(key);
    return found === undefined ? undefined : { ...found, source };
  }

  async #openLookup() {
    if (this.#wholeTo.length === 1 && this.#wholeFrom.at(0) === 0 && this.#wholeTo.at(0) === HASHES) {
      const { db } = this.#database;
      const source = cached(db.source);
      return { source, lookup: new Lookup({ ...db, source }) };
    }
    let found = await this.#database.searched();
    if (!found.survey.sites.every(isPlaced)) found = await this.#database.examined();
    const source = cached(found.db.source);
    return { source, lookup: new SearchedLookup(found, source) };
  }
}
