/** A bucket of the database. Read its fields by name, not by a spread: many buckets share theirs through getters. */
export interface BucketSite {
  /** Source of the bucket: the directory, or only a scan of the file. */
  readonly origin: 'directory' | 'scan';
  /** File offset. */
  readonly offset: number;
  /** The first directory slot that leads here; −1 where none does. */
  readonly firstSlot: number;
  /** Number of consecutive slots from `firstSlot` that lead here. */
  readonly slots: number;
  /** `bucket_bits` as it stands in the file. */
  readonly bits: number;
  /** `count` as it stands in the file. */
  readonly count: number;
  /** `av_count` as it stands in the file. */
  readonly availCount: number;
  /** Elements that are not free. */
  readonly used: number;
  /** First slot of the bucket's own range, by its bits and hashes. */
  readonly ownFirst: number;
  /** Number of slots in the bucket's own range. */
  readonly ownSlots: number;
  readonly state: SiteState;
  /** File offsets of the elements that are left; only in a `headless` bucket. */
  readonly elements?: readonly number[];
}

/**
 * `sound`: the head is possible. `malformed`: the head is not possible, the elements may be. `wiped`: all bytes are
 * the same. `overlapping`: the bucket lies on another one that fits better, and is not read. `unread`: reading it
 * would cost more than any honest file does. `headless`: only elements of it are left, which a scan found.
 * `outdated`: the directory leads there, but whole buckets elsewhere have all its hashes, so it was split or never
 * was a bucket; it is not read.
 */
export type SiteState = 'sound' | 'malformed' | 'wiped' | 'overlapping' | 'unread' | 'headless' | 'outdated';

/** A copy of a bucket with some fields changed. A spread would miss the fields that {@link AlikeSite} shares. */
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

/** A bucket in its place that shares all fields but its offset and slot with others. */
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

/** Upper bounds, exclusive, of `bits` and `availCount` in buckets that {@link AlikeSites} shares. */
const BITS = 32;
const AVAIL = 8;

/**
 * Stores the fields that buckets have in common once. There may be 100,000 buckets, nearly all of them sound, in
 * their places, and of a few hundred kinds. Memory: 48 bytes for each of these instead of 112.
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
