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
import { hashRanges } from './keyhashes.js';
import { LONGEST } from './findkeys.js';
import { weights } from '../weights.js';

/** Number of rounds in which what is known of a few blocks spreads to all. */
const ROUNDS = 24;

/** Maximum number of elements: 13 bytes each, and as much again for their messages. */
const MAX_LINKS = 1 << 21;
/** Maximum number of blocks: 8 bytes each. */
const MAX_BLOCKS = 1 << 22;
/**
 * Maximum number of key bytes read for each byte of the file: elements that share one long key must not multiply it.
 */
const READ_BUDGET = 2;

/**
 * Links between the block of an element's bucket and the block of its key. They are of one file if the key is there,
 * else of two.
 */
interface Links {
  readonly length: number;
  /** Blocks of the elements' buckets. */
  readonly buckets: Int32Array;
  /** Blocks of their keys. */
  readonly keys: Int32Array;
  /** 1 where the key is there, −1 where it is not. */
  readonly says: Int8Array;
  /** First link of each bucket, and the one after its last. */
  readonly of: ReadonlyMap<BucketSite, readonly [from: number, to: number]>;
}

/**
 * Tells two files apart whose blocks are mixed in one. A bucket's keys are in blocks of its own file and not in those
 * of the other one, so that each element is evidence about two blocks. Buckets that the directory leads to belong to
 * this file.
 *
 * Memory: 60 bytes for each of at most 2^21 elements. A file with more elements is not analysed.
 */
export class Kin {
  private constructor(
    readonly blocks: BlockGrid,
    readonly likeness: Float64Array,
    readonly links: Links,
  ) {}

  /**
   * @param settled buckets that the directory leads to
   * @returns undefined if there is no evidence of two files
   */
  static async read(
    db: Database,
    settled: readonly BucketSite[],
    candidates: readonly Candidate[],
  ): Promise<Kin | undefined> {
    if (settled.length === 0 || !areMixed(settled, candidates, db.directory.length)) return undefined;
    const blocks = blocksNow(db);
    const count = blocks.blockOf(db.source.size) + 1;
    if (count > MAX_BLOCKS) return undefined;
    const links = await readLinks(db, blocks, [...settled, ...candidates.map(({ site }) => site)]);
    if (links === undefined) return undefined;
    const led = new Float64Array(count);
    for (const { offset } of settled) led[blocks.blockOf(offset)] = weights.bucket.led;
    return new Kin(blocks, likenessOf(links, led), links);
  }

  /** Returns true if the block that contains a byte is another file's. */
  isForeign(offset: number): boolean {
    return this.likeness[this.blocks.blockOf(offset)] < weights.bucket.foreign;
  }

  /**
   * Judges a bucket within this file. A bucket of another file has no range, and keys in another file's blocks count
   * as overwritten.
   */
  judge(candidate: Candidate): Candidate {
    const { site } = candidate;
    if (this.isForeign(site.offset)) return { ...candidate, range: undefined, proved: 0 };
    if (site.state !== 'sound') return candidate;
    // A bucket that may be another file's ranks last, so it is in force only if there is no other.
    if (this.likeness[this.blocks.blockOf(site.offset)] < weights.bucket.doubtful)
      return { ...candidate, proved: 0 };
    const [from, to] = this.links.of.get(site) ?? [0, 0];
    let seen = 0;
    let proved = 0;
    for (let n = from; n < to; n++) {
      if (this.likeness[this.links.keys[n]] < weights.bucket.doubtful) continue;
      seen++;
      if (this.links.says[n] === 1) proved++;
    }
    return { ...candidate, proved: seen > 0 ? proved / seen : 1 };
  }
}

/**
 * Returns true if several buckets have the same range of hashes as another one, because there are blocks of two files.
 * Candidates count only if enough of their keys are there.
 *
 * @param slots number of entries of the directory
 */
export function areMixed(
  settled: readonly BucketSite[],
  candidates: readonly Candidate[],
  slots: number,
): boolean {
  const names = new NumberSet();
  // If most directory entries are wrong, the scan also reports the buckets that the directory leads to.
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
    if (
      range === undefined ||
      site.state !== 'sound' ||
      proved < weights.bucket.enoughProved ||
      led.has(site.offset)
    )
      continue;
    add(range);
  }
  return twins >= weights.bucket.twins;
}

/** @returns undefined if there are too many elements */
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
        offset > 0 && !isGone(db, offset) && size > 0 && size <= LONGEST && offset + size <= source.size;
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
 * Likeness of each block, from 1 for this file's to -1 for another one's. It is the mean of the block's links, each
 * weighted by what the other links say about its other end. The assumption that nothing is known has a weight too, so
 * that a few blocks with links only among each other do not become certain.
 */
function likenessOf({ length, buckets, keys, says }: Links, led: Float64Array): Float64Array {
  const toKey = new Float64Array(length);
  const toBucket = new Float64Array(length);
  for (let n = 0; n < length; n++) {
    if (led[buckets[n]] > 0) toKey[n] = 1;
    if (led[keys[n]] > 0) toBucket[n] = 1;
  }
  const weight = led.map((own) => own + weights.bucket.doubt);
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
