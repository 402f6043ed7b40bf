import { salted } from '../numbers.js';
import type { BucketSite } from './site.js';

/** Places at first; a power of two. */
const LEAST = 1 << 8;

/** Which of a list of buckets is at a file offset: 8 to 16 bytes for each, where a map of the language takes 50. */
export class SiteIndex {
  readonly #sites: readonly Pick<BucketSite, 'offset'>[];
  /** Numbers of buckets and 1; 0 where there is none. */
  #slots = new Int32Array(LEAST);
  #count = 0;

  /** @param sites those that may be added, by their numbers; more may come */
  constructor(sites: readonly Pick<BucketSite, 'offset'>[]) {
    this.#sites = sites;
  }

  /** The bucket at a file offset, the last that was added; undefined where there is none. */
  get(offset: number): number | undefined {
    const found = this.#slots[this.#find(offset)];
    return found === 0 ? undefined : found - 1;
  }

  add(site: number): void {
    if (2 * this.#count >= this.#slots.length) this.#grow();
    const at = this.#find(this.#sites[site].offset);
    if (this.#slots[at] === 0) this.#count++;
    this.#slots[at] = site + 1;
  }

  /** Where the bucket at an offset is, or goes. */
  #find(offset: number): number {
    const mask = this.#slots.length - 1;
    let at = salted(offset) & mask;
    while (this.#slots[at] !== 0 && this.#sites[this.#slots[at] - 1].offset !== offset) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const slots = this.#slots;
    this.#slots = new Int32Array(2 * slots.length);
    for (const found of slots) {
      if (found !== 0) this.#slots[this.#find(this.#sites[found - 1].offset)] = found;
    }
  }
}
