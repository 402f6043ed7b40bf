import { DistinctCount } from '../carve/distinct.js';
import { KeyFilter } from '../carve/keyfilter.js';
import type { KeysBefore } from '../carve/keysbefore.js';
import { KnownKeys } from '../carve/knownkeys.js';
import type { Examination } from '../check/examination.js';
import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import type { Source } from '../source/source.js';
import { eachKeptKey } from './keptkeys.js';
import { SearchedLookup } from './searchedlookup.js';

/** Bytes that looking up keys may read, for each byte of the file and in any file. */
const READ_BUDGET = 16;
const READ_AT_LEAST = 256 << 20;
/** Bytes of the other keys that are held. */
const MAX_HELD = 16 << 20;
/** Keys that are looked up for one place at most. */
const MAX_LOOKUPS = 64;

/**
 * Every key of a record in force, and others that are held: what the first of them may be is told by a filter, and whether
 * it is by looking it up in the database. So none is held of those, however many there are. Memory: that of the filter and
 * of a {@link SearchedLookup}.
 */
export class KeysInForce implements KeysBefore {
  readonly count: number;
  readonly #held: KnownKeys;
  readonly #filter: KeyFilter;
  readonly #lookup: SearchedLookup;
  #budget: number;

  private constructor(
    db: Database,
    survey: Survey & { readonly examination: Examination },
    { held, filter, count }: { held: KnownKeys; filter: KeyFilter; count: number },
  ) {
    this.count = count;
    this.#held = held;
    this.#filter = filter;
    this.#budget = READ_AT_LEAST + READ_BUDGET * db.source.size;
    const { source } = db;
    const counting: Source = {
      size: source.size,
      read: (offset, length) => {
        this.#budget -= length;
        return source.read(offset, length);
      },
    };
    this.#lookup = new SearchedLookup({ db, survey }, counting);
  }

  /**
   * @param maxKey bytes of the longest key that is wanted
   * @param addOthers gives other keys that are known
   */
  static async read(
    db: Database,
    survey: Survey & { readonly examination: Examination },
    maxKey: number,
    addOthers: (add: (key: Uint8Array) => void) => Promise<void>,
  ): Promise<KeysInForce> {
    const { examination } = survey;
    const filter = new KeyFilter(examination.records);
    const held = new KnownKeys([], { maxBytes: MAX_HELD });
    const distinct = new DistinctCount();
    await eachKeptKey(db, survey, examination, maxKey, (key) => {
      filter.add(key);
      distinct.add(key);
    });
    await addOthers((key) => {
      held.add(key);
      distinct.add(key);
    });
    return new KeysInForce(db, survey, { held, filter, count: distinct.count });
  }

  async longestBefore(source: Source, offset: number, least: number): Promise<number | undefined> {
    const before = Math.min(Math.max(this.#held.longest, this.#filter.longest), offset - least);
    if (before === 0) return undefined;
    const bytes = Uint8Array.from(await source.read(offset - before, before));
    const held = this.#held.longestEndingAt(bytes, before);
    const sizes = this.#filter.sizesBefore(bytes, before);
    for (let size = sizes.pop(), n = 0; size !== undefined && n < MAX_LOOKUPS; size = sizes.pop(), n++) {
      if (size <= (held ?? 0) || this.#budget < 0) break;
      if ((await this.#lookup.find(bytes.subarray(before - size))) !== undefined) return size;
    }
    return held;
  }
}
