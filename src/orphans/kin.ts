import { rangeOf } from '../database/claims.js';
import type { Database } from '../database/database.js';
import { blocksNow } from '../database/database.js';
import type { BucketSite } from '../database/survey.js';
import { readSite } from '../database/survey.js';
import { FREE_HASH } from '../format/hash.js';
import type { BlockGrid } from '../source/rearranged.js';
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

/** Elements that are asked at most, some 100 bytes each, and blocks that are told apart, 8 bytes each. */
const MAX_LINKS = 1 << 20;
const MAX_BLOCKS = 1 << 24;
/** Bytes of keys read for each byte of the file, at most. */
const READ_BUDGET = 2;

/** What an element says: its bucket's block and its key's are of one file if the key is there, else of two. */
interface Link {
  readonly bucket: number;
  readonly key: number;
  readonly says: 1 | -1;
}

/**
 * Tells two files apart whose blocks came to lie in one. A bucket's keys are in blocks of its own file and not in those
 * of the other one, so that each element says something of two blocks. What the directory leads to is this file's.
 * Memory: 100 bytes for each of at most 2^20 elements; more buckets than half of that are not told apart.
 */
export class Kin {
  private constructor(
    readonly blocks: BlockGrid,
    readonly likeness: Float64Array,
    readonly links: ReadonlyMap<BucketSite, readonly Link[]>,
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
    const sites = [...settled, ...candidates.map(({ site }) => site)];
    if (count > MAX_BLOCKS || 2 * sites.length > MAX_LINKS) return undefined;
    const links = await readLinks(db, blocks, sites);
    const led = new Float64Array(count);
    for (const { offset } of settled) led[blocks.blockOf(offset)] = LED;
    return new Kin(blocks, likenessOf([...links.values()].flat(), led), links);
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
    const seen = this.links.get(site)!.filter(({ key }) => this.likeness[key] >= DOUBTFUL);
    const proved = seen.filter(({ says }) => says === 1).length;
    return { ...candidate, proved: seen.length > 0 ? proved / seen.length : UNSEEN };
  }
}

/** How many buckets are for just the hashes that another one is for, both with keys that are there. */
function countTwins(settled: readonly BucketSite[], candidates: readonly Candidate[], slots: number): number {
  const names = new Set<string>();
  // Where the directory leads most buckets astray, a scan finds those that it leads to once more.
  const led = new Set(settled.map(({ offset }) => offset));
  const whole = candidates.filter(
    ({ site, proved }) => site.state === 'sound' && proved >= HALFWAY && !led.has(site.offset),
  );
  const ranges = [
    ...settled.map(({ ownFirst, bits }) => rangeOf((ownFirst / slots) * 2 ** 31, bits)),
    ...whole.flatMap(({ range }) => range ?? []),
  ];
  for (const { first, bits } of ranges) names.add(`${first} ${bits}`);
  return ranges.length - names.size;
}

async function readLinks(
  db: Database,
  blocks: BlockGrid,
  sites: readonly BucketSite[],
): Promise<Map<BucketSite, Link[]>> {
  const { source } = db;
  const elements: { site: BucketSite; offset: number; size: number; hash: number }[] = [];
  const each = Math.floor(MAX_LINKS / sites.length);
  let budget = READ_BUDGET * source.size;
  for (const site of sites) {
    const bucket = await readSite(db, site);
    const most = elements.length + each;
    for (let i = 0; i < bucket.elements && elements.length < most; i++) {
      const [hash, offset, size] = [bucket.hash(i), bucket.dataPointer(i), bucket.keySize(i)];
      const isPossible =
        offset > db.missing && size > 0 && size <= MAX_LOCATED && offset + size <= source.size;
      if (hash === FREE_HASH || !isPossible || size > budget) continue;
      budget -= size;
      elements.push({ site, offset, size, hash });
    }
  }
  const { signed, unsigned } = await hashRanges(source, {
    length: elements.length,
    offsets: Float64Array.from(elements, ({ offset }) => offset),
    sizes: Int32Array.from(elements, ({ size }) => size),
  });
  const links = new Map<BucketSite, Link[]>(sites.map((site) => [site, []]));
  for (const [n, { site, offset, hash }] of elements.entries()) {
    const says = hash === signed[n] || hash === unsigned[n] ? 1 : -1;
    links.get(site)!.push({ bucket: blocks.blockOf(site.offset), key: blocks.blockOf(offset), says });
  }
  return links;
}

/**
 * For each block from 1, this file's, to -1, another one's: the mean of what its links say, each as far as its other end
 * is known by other links than this one. What nothing is known of counts, too, so that a few blocks that know only each
 * other do not talk themselves into anything.
 */
function likenessOf(links: readonly Link[], led: Float64Array): Float64Array {
  const toKey = new Float64Array(links.length);
  const toBucket = new Float64Array(links.length);
  for (const [n, { bucket, key }] of links.entries()) {
    if (led[bucket] > 0) toKey[n] = 1;
    if (led[key] > 0) toBucket[n] = 1;
  }
  let sum = led;
  let weight = led;
  for (let round = 0; round < ROUNDS; round++) {
    sum = Float64Array.from(led);
    weight = led.map((own) => own + DOUBT);
    for (const [n, { bucket, key, says }] of links.entries()) {
      sum[bucket] += says * toBucket[n];
      sum[key] += says * toKey[n];
      weight[bucket]++;
      weight[key]++;
    }
    for (const [n, { bucket, key, says }] of links.entries()) {
      const [heardByBucket, heardByKey] = [toBucket[n], toKey[n]];
      toKey[n] = (sum[bucket] - says * heardByBucket) / (weight[bucket] - 1);
      toBucket[n] = (sum[key] - says * heardByKey) / (weight[key] - 1);
    }
  }
  return sum.map((total, block) => total / weight[block]);
}
