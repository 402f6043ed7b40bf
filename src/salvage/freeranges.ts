import { checkAvailChain } from '../check/avail.js';
import { examineHead } from '../check/bucket.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { isPlaced, readSite, roomForBucket } from '../database/survey.js';
import type { AvailElement } from '../format/avail.js';
import { Rows } from '../numbers.js';

/** A range of a list of free space. */
export interface FreeRange {
  /** File offset. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** The bucket that lists it; undefined for a range of the header's chain. */
  readonly site: BucketSite | undefined;
}

const OFFSET = 0;
const LENGTH = 2;
/** Number of the bucket's site; −1 without one. */
const SITE = 3;
const WORDS = 4;

/**
 * All ranges in the lists of free space, of the header's chain and of the buckets in force. Memory: 16 bytes for each.
 *
 * libgdbm does not join ranges unless it is asked to, so each range is what was freed at once: a record with its key first,
 * or a structure. If a part of a range is used again, it is cut at its beginning.
 */
export class FreeRanges {
  /**
   * False if ranges may have been joined: no two of one list touch, which libgdbm leaves so only when it joins them. In a short
   * list none may touch by chance.
   */
  areSeparate = false;
  readonly #rows = new Rows(WORDS);
  readonly #sites: readonly BucketSite[];

  private constructor(sites: readonly BucketSite[]) {
    this.#sites = sites;
  }

  static async read(db: Database, sites: readonly BucketSite[]): Promise<FreeRanges> {
    const ranges = new FreeRanges(sites);
    let [table, list]: [number, AvailElement[]] = [0, []];
    await checkAvailChain(db, (free, block) => {
      if (block !== table) {
        ranges.#add(list, -1);
        [table, list] = [block, []];
      }
      list.push(free);
    });
    ranges.#add(list, -1);
    const room = roomForBucket(db);
    for (const [s, site] of sites.entries()) {
      if (!isPlaced(site) || !(site.availCount > 0)) continue;
      ranges.#add(examineHead(db, site, await readSite(db, site, room)).free, s);
    }
    return ranges;
  }

  get length(): number {
    return this.#rows.length;
  }

  offsetOf(i: number): number {
    return this.#rows.wide[i * (WORDS / 2) + OFFSET];
  }

  lengthOf(i: number): number {
    return this.#rows.words[i * WORDS + LENGTH];
  }

  at(i: number): FreeRange {
    const site = this.#rows.words[i * WORDS + SITE];
    return {
      offset: this.offsetOf(i),
      length: this.lengthOf(i),
      site: site < 0 ? undefined : this.#sites[site],
    };
  }

  #add(list: readonly AvailElement[], site: number): void {
    const starts = new Set(list.map(({ av_adr }) => av_adr));
    for (const { av_adr, av_size } of list) {
      if (av_size <= 0) continue;
      if (starts.has(av_adr + av_size)) this.areSeparate = true;
      const row = this.#rows.add();
      this.#rows.wide[row * (WORDS / 2) + OFFSET] = av_adr;
      this.#rows.words[row * WORDS + LENGTH] = av_size;
      this.#rows.words[row * WORDS + SITE] = site;
    }
  }
}
