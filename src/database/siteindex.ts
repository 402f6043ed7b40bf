import { salted } from '../numbers.js';
import type { BucketSite } from './site.js';

/** Initial number of slots, a power of two. */
const LEAST = 1 << 8;

/** Hash table from file offsets to the numbers of buckets. Memory: 8 to 16 bytes a bucket, where a `Map` takes 50. */
export class SiteIndex {
  readonly #sites: readonly Pick<BucketSite, 'offset'>[];
  /** Number of a bucket plus 1; 0 in an empty slot. */
  #slots = new Int32Array(LEAST);
  #count = 0;

  /** @param sites buckets that may be added, by their numbers; the list may grow */
  constructor(sites: readonly Pick<BucketSite, 'offset'>[]) {
    this.#sites = sites;
  }

  /** Number of the bucket that was added last for a file offset; undefined if there is none. */
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

  /** Slot of the bucket at an offset, or the free slot for it. */
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
