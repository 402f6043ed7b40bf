import type { FoundRecord } from '../database/lookup.js';
import { Lookup } from '../database/lookup.js';
import { NumberSet, OffsetList, firstAfter } from '../numbers.js';
import { search } from '../examine.js';
import { isPortableKey } from '../format/hash.js';
import { FEW, SearchedLookup } from './searchedlookup.js';
import { cached } from '../source/cached.js';
import type { Source } from '../source/source.js';
import type { WalkedBatch, WalkLoss } from './batch.js';
import { HASH, WORDS } from './batchwords.js';
import type { BatchLimits } from './batchreader.js';
import type { Walkable } from './walk.js';
import { walkRecords } from './walk.js';

/** Of two databases at once, with what a search of each may have found. */
const LIMITS: BatchLimits = { bytes: 7 << 20, records: 48 << 10 };

interface OpenLookup {
  readonly source: Source;
  readonly find: (key: Uint8Array) => Promise<FoundRecord | undefined>;
}

/** One of two databases that are compared: walked through, and asked for a key where the walk cannot tell. */
export class DiffSide {
  /** The batch at hand; undefined behind the last one. */
  batch: WalkedBatch | undefined;
  /** For each of its records whether the other database was seen to have it, too. */
  found = new Uint8Array(0);
  /** Whether its records are those of whole buckets; what was not found of others has to be looked up. */
  isSure = false;
  /** Behind the hashes that were gone through. */
  to = 0;
  /** Of which hashes all records were seen: where each range begins, and ends. */
  readonly #wholeFrom = new OffsetList();
  readonly #wholeTo = new OffsetList();
  /** Hashes of the records that were not in memory, which nothing was held against. */
  readonly #large = new NumberSet();
  readonly #database: Walkable;
  readonly #batches: AsyncGenerator<WalkedBatch>;
  #lookup: Promise<OpenLookup> | undefined;

  /** @param loss is told of what the database cannot give */
  constructor(database: Walkable, loss: WalkLoss, limits = LIMITS) {
    this.#database = database;
    this.#batches = walkRecords(database, loss, limits);
  }

  /** Goes to the next batch; the one before it is no longer good. */
  async advance(): Promise<void> {
    const next = await this.#batches.next();
    this.batch = next.done ? undefined : next.value;
    if (this.batch === undefined) return;
    const { count, hashes, starts } = this.batch;
    if (this.found.length < count) this.found = new Uint8Array(count);
    this.found.fill(0);
    this.isSure = hashes.whole.length > 0;
    for (let n = 0; n < count; n++) if (starts[n] < 0) this.#large.add(hashes.words[n * WORDS + HASH]);
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
    if (!this.#isCovered(hash) || this.#large.has(hash)) return false;
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
    const { source, find } = await this.#lookup;
    const found = await find(key);
    return found === undefined ? undefined : { ...found, source };
  }

  async #openLookup(): Promise<OpenLookup> {
    const { db, found } = this.#database;
    const source = cached(db.source);
    if (found !== undefined) {
      const lookup = new SearchedLookup(found, source);
      return { source, find: (key) => lookup.find(key) };
    }
    // All that is there is where a lookup looks. Keys of which many have one hash are told apart by their digests.
    const lookup = new Lookup({ ...db, source }, FEW);
    let alike: SearchedLookup | undefined;
    return {
      source,
      find: async (key) => {
        const one = await lookup.find(key);
        if (one !== 'many') return one;
        alike ??= new SearchedLookup(await search(db), source);
        return alike.find(key);
      },
    };
  }
}
