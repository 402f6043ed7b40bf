/** A bucket of the database. */
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
