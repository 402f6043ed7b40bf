/** A bucket of the database. Its fields are to be asked for by name: of many buckets they are held in common. */
export interface BucketSite {
  /** What leads to it: the directory, or only a scan of the file. */
  readonly origin: 'directory' | 'scan';
  /** File offset. */
  readonly offset: number;
  /** The first directory slot that leads here; −1 where none does. */
  readonly firstSlot: number;
  /** How many slots in a row from `firstSlot` lead here. */
  readonly slots: number;
  /** `bucket_bits` as it stands in the file. */
  readonly bits: number;
  /** `count` as it stands in the file. */
  readonly count: number;
  /** `av_count` as it stands in the file. */
  readonly availCount: number;
  /** Elements that are not free. */
  readonly used: number;
  /** The first slot that the bucket's own bits and hashes say is its. */
  readonly ownFirst: number;
  /** How many slots in a row are its own. */
  readonly ownSlots: number;
  readonly state: SiteState;
  /** Only of a `headless` one: file offsets of the elements that are left. */
  readonly elements?: readonly number[];
}

/**
 * `sound`: its head is possible. `malformed`: its head is not, its elements may be. `wiped`: all its bytes are the
 * same. `overlapping`: it lies on
 * another bucket that fits better, and is not read. `unread`: reading it would cost more than any honest file. `headless`:
 * only elements of it are left, which a scan found. `outdated`: the directory leads there, but whole buckets elsewhere have all
 * its hashes, so that it was split or never was a bucket; it is not read.
 */
export type SiteState = 'sound' | 'malformed' | 'wiped' | 'overlapping' | 'unread' | 'headless' | 'outdated';

/** The same bucket, with something else known of it. A spread would leave out what {@link AlikeSite} knows by others. */
export function changedSite(
  site: BucketSite,
  change: Partial<Pick<BucketSite, 'state' | 'elements' | 'firstSlot' | 'slots' | 'ownFirst'>>,
): BucketSite {
  const { origin, offset, firstSlot, slots, bits, count, availCount, used, ownFirst, ownSlots, state } = site;
  const { elements } = site;
  return {
    origin,
    offset,
    firstSlot,
    slots,
    bits,
    count,
    availCount,
    used,
    ownFirst,
    ownSlots,
    state,
    ...(elements && { elements }),
    ...change,
  };
}

/** A bucket where it belongs, which has all but its place in common with others. */
class AlikeSite implements BucketSite {
  readonly #like: BucketSite;

  constructor(
    readonly offset: number,
    readonly firstSlot: number,
    like: BucketSite,
  ) {
    this.#like = like;
  }

  get origin() {
    return this.#like.origin;
  }

  get slots() {
    return this.#like.slots;
  }

  get bits() {
    return this.#like.bits;
  }

  get count() {
    return this.#like.count;
  }

  get availCount() {
    return this.#like.availCount;
  }

  get used() {
    return this.#like.used;
  }

  get ownFirst() {
    return this.firstSlot;
  }

  get ownSlots() {
    return this.#like.ownSlots;
  }

  get state() {
    return this.#like.state;
  }
}

/** Numbers of bits, and of elements of an avail table, that {@link AlikeSites} tells apart. */
const BITS = 32;
const AVAIL = 8;

/**
 * Holds what buckets have in common once for all of them: there may be 100,000, of which nearly all are sound, where they belong, and
 * of a few hundred kinds. Memory: 48 bytes for each of these instead of 112.
 */
export class AlikeSites {
  readonly #kinds = new Map<number, BucketSite>();

  /** The same bucket, in less memory where it is like another one. */
  slim(site: BucketSite): BucketSite {
    const { state, offset, firstSlot, ownFirst, slots, ownSlots, used, count, bits, availCount } = site;
    const isUsual = state === 'sound' && ownFirst === firstSlot && ownSlots === slots && count === used;
    if (!isUsual || !(bits >= 0 && bits < BITS && availCount >= 0 && availCount < AVAIL)) return site;
    const kind = (used * AVAIL + availCount) * BITS + bits;
    const like = this.#kinds.get(kind);
    if (like === undefined) this.#kinds.set(kind, site);
    const known = like ?? site;
    return known.slots === slots && known.origin === site.origin
      ? new AlikeSite(offset, firstSlot, known)
      : site;
  }
}
