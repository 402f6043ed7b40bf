import { Bits } from '../numbers.js';
import { SiteIndex } from '../database/siteindex.js';
import type { BucketSite } from '../database/site.js';

/** Which elements of buckets are something: a bit for each. */
export class ElementSet {
  readonly #bits: Bits;
  readonly #elements: number;
  /** Of each bucket whether any of its elements is there. */
  readonly #some: Bits;
  readonly #sites: readonly BucketSite[];
  /** Numbers of buckets by their file offsets, as soon as they are asked for. */
  #numbers: SiteIndex | undefined;

  /** @param elements of a bucket */
  constructor(sites: readonly BucketSite[], elements: number) {
    this.#sites = sites;
    this.#elements = elements;
    this.#bits = new Bits(sites.length * elements);
    this.#some = new Bits(sites.length);
  }

  /** @param site the number of the element's bucket */
  add(site: number, element: number): void {
    this.#bits.add(site * this.#elements + element);
    this.#some.add(site);
  }

  /**
   * Adds an element of the bucket at a file offset.
   *
   * @returns whether that is one of the whole buckets
   */
  addOf(bucket: number, element: number): boolean {
    this.#numbers ??= numbersOf(this.#sites);
    const site = this.#numbers.get(bucket);
    if (site !== undefined) this.add(site, element);
    return site !== undefined;
  }

  has(site: number, element: number): boolean {
    return this.#bits.has(site * this.#elements + element);
  }

  hasAny(site: number): boolean {
    return this.#some.has(site);
  }
}

function numbersOf(sites: readonly BucketSite[]): SiteIndex {
  const numbers = new SiteIndex(sites);
  // Of a bucket without its head there may be two parts at one offset, and one of them old.
  for (const [s, { state }] of sites.entries()) if (state === 'sound') numbers.add(s);
  return numbers;
}
