import type { HashRange } from '../database/claims.js';
import { rangeName, rangeOf } from '../database/claims.js';
import type { Database } from '../database/database.js';
import { blocksNow, isGone } from '../database/database.js';
import { NumberSet } from '../numbers.js';
import type { BucketSite } from '../database/site.js';
import { readSite, roomForBucket } from '../database/survey.js';
import { FREE_HASH } from '../format/hash.js';
import type { BlockGrid } from '../source/views.js';
import type { Candidate } from './candidates.js';
import { UNSEEN } from './candidates.js';
import { hashRanges } from './keyhashes.js';
import { MAX_LOCATED } from './locate.js';

/** Buckets for hashes for which there is another one, at least: in one file a bucket for just these is never written twice. */
const TWINS = 2;
/** With fewer of its keys a bucket says nothing of others. */
const HALFWAY = 0.25;
/** How often blocks are asked again, by which what is known of a few comes to all. */
const ROUNDS = 24;
/** So many elements' worth is it that the directory leads to a bucket. */
const LED = 4;
/** So many elements' worth is it that nothing is known. */
const DOUBT = 1;
/**
 * Likeness fades with every step from what the directory leads to, and blocks far from that are told by its sign alone.
 * Below the first of these a block is another file's; below the second one it may be, as a few wrong links can make.
 */
const FOREIGN = -0.02;
const DOUBTFUL = -0.001;

/** Elements that are looked at, at most: 13 bytes each, and as much again for what they hear. */
const MAX_LINKS = 1 << 21;
/** Blocks that are told apart, at most: 8 bytes each. */
const MAX_BLOCKS = 1 << 22;
/** Bytes of keys read for each byte of the file, at most: elements that all point at one long key must not multiply it. */
const READ_BUDGET = 2;

/** What elements say: the block of an element's bucket and that of its key are of one file if the key is there, else of two. */
interface Links {
  readonly length: number;
  /** Blocks of the elements' buckets. */
  readonly buckets: Int32Array;
  /** Blocks of their keys. */
  readonly keys: Int32Array;
  /** 1 where the key is there, −1 where it is not. */
  readonly says: Int8Array;
  /** Which of them are a bucket's: from the first to before the second. */
  readonly of: ReadonlyMap<BucketSite, readonly [from: number, to: number]>;
}

/**
 * Tells two files apart whose blocks came to lie in one. A bucket's keys are in blocks of its own file and not in those
 * of the other one, so that each element says something of two blocks. What the directory leads to is this file's.
 *
 * Memory: 60 bytes for each of at most 2^21 elements. A file with more is not told apart.
 */
export class Kin {
  private constructor(
    readonly blocks: BlockGrid,
    readonly likeness: Float64Array,
    readonly links: Links,
  ) {}

  /**
   * @param settled buckets that the directory leads to
   * @returns undefined where nothing says that there are two files
   */
  static async read(
    db: Database,
    settled: readonly BucketSite[],
    candidates: readonly Candidate[],
  ): Promise<Kin | undefined> {
    if (settled.length === 0 || countTwins(settled, candidates, db.directory.length) < TWINS)
      return undefined;
    const blocks = blocksNow(db);
    const count = blocks.blockOf(db.source.size) + 1;
    if (count > MAX_BLOCKS) return undefined;
    const links = await readLinks(db, blocks, [...settled, ...candidates.map(({ site }) => site)]);
    if (links === undefined) return undefined;
    const led = new Float64Array(count);
    for (const { offset } of settled) led[blocks.blockOf(offset)] = LED;
    return new Kin(blocks, likenessOf(links, led), links);
  }

  /** Whether the block that a byte is in is another file's. */
  isForeign(offset: number): boolean {
    return this.likeness[this.blocks.blockOf(offset)] < FOREIGN;
  }

  /** A bucket by what is left of this file: another one's is for no hashes, and keys in another one's blocks are overwritten. */
  judge(candidate: Candidate): Candidate {
    const { site } = candidate;
    if (this.isForeign(site.offset)) return { ...candidate, range: undefined, proved: 0 };
    if (site.state !== 'sound') return candidate;
    // One that may be is behind every other, and in force where there is no other.
    if (this.likeness[this.blocks.blockOf(site.offset)] < DOUBTFUL) return { ...candidate, proved: 0 };
    const [from, to] = this.links.of.get(site) ?? [0, 0];
    let seen = 0;
    let proved = 0;
    for (let n = from; n < to; n++) {
      if (this.likeness[this.links.keys[n]] < DOUBTFUL) continue;
      seen++;
      if (this.links.says[n] === 1) proved++;
    }
    return { ...candidate, proved: seen > 0 ? proved / seen : UNSEEN };
  }
}

/** How many buckets are for just the hashes that another one is for, both with keys that are there. */
function countTwins(settled: readonly BucketSite[], candidates: readonly Candidate[], slots: number): number {
  const names = new NumberSet();
  // Where the directory leads most buckets astray, a scan finds those that it leads to once more.
  const led = new NumberSet();
  let twins = 0;
  const add = (range: HashRange) => {
    if (!names.add(rangeName(range))) twins++;
  };
  for (const { offset, ownFirst, bits } of settled) {
    led.add(offset);
    add(rangeOf((ownFirst / slots) * 2 ** 31, bits));
  }
  for (const { site, range, proved } of candidates) {
    if (range === undefined || site.state !== 'sound' || proved < HALFWAY || led.has(site.offset)) continue;
    add(range);
  }
  return twins;
}

/** @returns undefined where there are too many elements */
async function readLinks(
  db: Database,
  blocks: BlockGrid,
  sites: readonly BucketSite[],
): Promise<Links | undefined> {
  const { source } = db;
  const room = sites.reduce((sum, { used }) => sum + used, 0);
  if (room > MAX_LINKS) return undefined;
  const buckets = new Int32Array(room);
  const keys = new Int32Array(room);
  const offsets = new Float64Array(room);
  const sizes = new Int32Array(room);
  const hashes = new Int32Array(room);
  const of = new Map<BucketSite, readonly [number, number]>();
  let length = 0;
  let budget = READ_BUDGET * source.size;
  const bucketRoom = roomForBucket(db);
  for (const site of sites) {
    const bucket = await readSite(db, site, bucketRoom);
    const from = length;
    for (let i = 0; i < bucket.elements && length < room; i++) {
      const hash = bucket.hash(i);
      const offset = bucket.dataPointer(i);
      const size = bucket.keySize(i);
      const isPossible =
        offset > 0 && !isGone(db, offset) && size > 0 && size <= MAX_LOCATED && offset + size <= source.size;
      if (hash === FREE_HASH || !isPossible || size > budget) continue;
      budget -= size;
      buckets[length] = blocks.blockOf(site.offset);
      keys[length] = blocks.blockOf(offset);
      offsets[length] = offset;
      sizes[length] = size;
      hashes[length++] = hash;
    }
    of.set(site, [from, length]);
  }
  const { signed, unsigned } = await hashRanges(source, { length, offsets, sizes });
  const says = new Int8Array(length);
  for (let n = 0; n < length; n++) says[n] = hashes[n] === signed[n] || hashes[n] === unsigned[n] ? 1 : -1;
  return { length, buckets, keys, says, of };
}

/**
 * For each block from 1, this file's, to -1, another one's: the mean of what its links say, each as far as its other end
 * is known by other links than this one. What nothing is known of counts, too, so that a few blocks that know only each
 * other do not talk themselves into anything.
 */
function likenessOf({ length, buckets, keys, says }: Links, led: Float64Array): Float64Array {
  const toKey = new Float64Array(length);
  const toBucket = new Float64Array(length);
  for (let n = 0; n < length; n++) {
    if (led[buckets[n]] > 0) toKey[n] = 1;
    if (led[keys[n]] > 0) toBucket[n] = 1;
  }
  const weight = led.map((own) => own + DOUBT);
  for (let n = 0; n < length; n++) {
    weight[buckets[n]]++;
    weight[keys[n]]++;
  }
  const sum = new Float64Array(led.length);
  for (let round = 0; round < ROUNDS; round++) {
    sum.set(led);
    for (let n = 0; n < length; n++) {
      sum[buckets[n]] += says[n] * toBucket[n];
      sum[keys[n]] += says[n] * toKey[n];
    }
    for (let n = 0; n < length; n++) {
      const heardByBucket = toBucket[n];
      const heardByKey = toKey[n];
      toKey[n] = (sum[buckets[n]] - says[n] * heardByBucket) / (weight[buckets[n]] - 1);
      toBucket[n] = (sum[keys[n]] - says[n] * heardByKey) / (weight[keys[n]] - 1);
    }
  }
  return sum.map((total, block) => total / weight[block]);
}
