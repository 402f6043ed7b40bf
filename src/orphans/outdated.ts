import { SiteReader } from '../check/bucketreader.js';
import { Bits, NumberList, OffsetList } from '../numbers.js';
import type { HashRange } from '../database/claims.js';
import { rangeName, rangeOf } from '../database/claims.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import type { Survey } from '../database/survey.js';
import { ownRange, settledSites } from '../database/survey.js';
import { endOfRun } from '../format/directory.js';
import { HASH_BITS, HASH_RANGE } from '../format/hash.js';
import type { Candidate } from './candidates.js';
import { judgeBuckets } from './candidates.js';
import { Cover } from './cover.js';
import { FreeSpace } from './free.js';
import { RecordsInUse } from './inuse.js';
import { hashRanges } from './keyhashes.js';
import { Kin } from './kin.js';
import { LONGEST } from './findkeys.js';
import { placesInUse } from './overlaps.js';
import { weights } from '../weights.js';

/** Parts of a directory that are stale. */
export interface Outdated {
  /** Indexes of sites at which no bucket is in force. */
  readonly sites: ReadonlySet<number>;
  /**
   * File offsets of buckets whose hashes are not those of the slots that lead there. The place was reused after the
   * bucket of these slots had been split.
   */
  readonly reused: ReadonlySet<number>;
  /** End of the space that is known to be allocated; a bucket behind it may be of a split that was not finished. */
  readonly end: number;
}

/** Maximum number of bytes of a record that count as in use: its size may be wrong. */
const REACH = 4096;

/**
 * Finds the places that the directory leads to and that hold no bucket in force. A directory page that was never
 * written leads to the buckets of an earlier time. A bucket keeps its place until it is split, and two buckets never
 * merge, so deeper whole buckets are newer. If they have all hashes of a bucket that the directory leads to, that one
 * was split. It also was split if they have only some of its hashes, but space of their own by the header, which is
 * written last. Without such space, the result of an unfinished split proves nothing, unless the space of the
 * shallower bucket is listed as free. A place that holds a record in force has no bucket.
 */
export async function findOutdated(
  db: Database,
  survey: Survey,
  candidates: readonly Candidate[],
): Promise<Outdated> {
  const outdated = { sites: new Set<number>(), reused: new Set<number>(), end: headerEnd(db) };
  const led = new Led(survey);
  let found = candidates.filter(isBelievable);
  const first = new Cover(led.ranges(), rangesOf(found));
  const contested = led.settled.filter((index) => first.reachesInto(led.rangeOf(index)));
  if (contested.length === 0 && led.others.size + led.strays.size === 0) return outdated;

  // Uncontested buckets are the evidence for which of the deeper buckets may be in force.
  const isContested = new Set(contested);
  const sitesOf = (indexes: Int32Array) => Array.from(indexes, (index) => survey.sites[index]);
  const inForce = sitesOf(led.settled.filter((index) => !isContested.has(index)));
  const all = sitesOf(led.settled);
  const kin = await Kin.read(db, all, candidates);
  if (kin !== undefined) found = found.map((one) => kin.judge(one)).filter(isBelievable);
  const judged = await judgeBuckets(
    db,
    Float64Array.from(contested, (index) => survey.sites[index].offset),
  );
  outdated.end = await allocatedEnd(db, inForce, meanOf(judged.map(({ proved }) => proved)));
  const isAllocated = ({ site }: Candidate) => site.offset + db.geometry.bucketSize <= outdated.end;
  const free = await FreeSpace.read(db, inForce);
  const newer = await notOverwritten(db, found, free, inForce);
  const cover = new Cover(led.ranges(), rangesOf(newer));
  // A split writes the header last, so a bucket with space by the header comes from a finished split.
  const written = new Cover(led.ranges(), rangesOf(newer.filter(isAllocated)));

  // 1. Buckets that were split.
  const provedOf = new Map(newer.map(({ range, proved }) => [rangeName(range!), proved]));
  const reader = new SiteReader(db);
  for (const [n, index] of contested.entries()) {
    const range = led.rangeOf(index);
    const { site, proved } = judged[n];
    const isFree = () => free.covers(site.offset, db.geometry.bucketSize);
    if (written.reachesInto(range) && (await hasHashIn(reader, site, written, range.bits + 1))) {
      outdated.sites.add(index);
      continue;
    }
    if (!cover.reachesInto(range)) continue;
    const isSplitByNow = cover.splits(range) || isFree();
    const deepest = [...cover.inside(range)].filter((one) => !cover.splits(one));
    const deeper = deepest.flatMap((one) => provedOf.get(rangeName(one)) ?? []);
    // Buckets of another time of the database, put after this file, have fewer of their keys here.
    const share = meanOf(deeper);
    if (isSplitByNow ? share >= proved : share > proved) outdated.sites.add(index);
  }

  // 2. Places that hold no bucket, or no longer hold one.
  const settled = led.settled.filter((index) => !outdated.sites.has(index));
  const ruled = new Cover(led.ranges(settled));
  const sites = sitesOf(settled);
  const believed = [...sites, ...newer.map(({ site }) => site)];
  const places = Array.from(led.others.keys(), (index) => survey.sites[index].offset);
  const records = await placesInUse(db, places, believed, REACH);
  const doubtful: number[] = [];
  for (const [index, runs] of led.others) {
    const site = survey.sites[index];
    const isOverwritten = site.state === 'malformed' && records.has(site.offset);
    const isRuled = () =>
      runs.every((run) => everySlot(run, (slot) => ruled.covers(slot, 0) || cover.covers(slot, run.bits)));
    const isSplitByNow = () => site.state === 'malformed' && runs.some((run) => reachesBelow(written, run));
    if (isSplit(cover, runs) || isSplitByNow() || (isOverwritten && isRuled())) outdated.sites.add(index);
    else if (isOverwritten) doubtful.push(site.offset);
  }
  // A key at a place was written after the bucket. This test does not depend on a size that may be wrong.
  const keys = await placesInUse(db, doubtful, believed, 1, 1);
  for (const index of led.others.keys()) if (keys.has(survey.sites[index].offset)) outdated.sites.add(index);
  for (const [index, runs] of led.strays) {
    if (!isSplit(cover, runs)) continue;
    const own = led.rangeOf(index);
    if (ruled.covers(own, own.bits) || cover.splits(own)) outdated.sites.add(index);
    else outdated.reused.add(survey.sites[index].offset);
  }
  return outdated;
}

/** Buckets that are not free space, not overwritten, and whose records no record in force overlaps. */
async function notOverwritten(
  db: Database,
  found: readonly Candidate[],
  free: FreeSpace,
  inForce: readonly BucketSite[],
): Promise<Candidate[]> {
  // The map of all records needs a pass through all buckets.
  if (found.length === 0) return [];
  const inUse = await RecordsInUse.read(db, inForce);
  const places = found.map(({ site }) => site.offset);
  const overwritten = await placesInUse(db, places, inForce, REACH);
  const newer: Candidate[] = [];
  for (const one of found) {
    const { offset } = one.site;
    if (overwritten.has(offset) || free.covers(offset, db.geometry.bucketSize)) continue;
    if (!(await inUse.isContradicted(one.site))) newer.push(one);
  }
  return newer;
}

/** Mean of the proved shares; 1 without any, as then the directory's own buckets are all the evidence. */
function meanOf(proved: readonly number[]): number {
  return proved.length === 0 ? 1 : proved.reduce((a, b) => a + b) / proved.length;
}

/** Returns true if a deeper bucket has a slot. */
function reachesBelow(cover: Cover, run: Run): boolean {
  return !everySlot(run, (slot) => !cover.covers(slot, run.bits + 1));
}

/** Returns true if deeper buckets have all hashes of these slots. */
function isSplit(cover: Cover, runs: readonly Run[]): boolean {
  return runs.every((run) => everySlot(run, (slot) => cover.covers(slot, run.bits + 1)));
}

/**
 * Returns true if a bucket has an element whose hash deeper buckets cover. A head that claims too large a range
 * covers hashes that its elements do not have.
 */
async function hasHashIn(
  reader: SiteReader,
  site: BucketSite,
  deeper: Cover,
  leastBits: number,
): Promise<boolean> {
  const { used, usedCount, hashes } = await reader.read(site);
  for (let n = 0; n < usedCount; n++)
    if (deeper.covers(rangeOf(hashes[used[n]], HASH_BITS), leastBits)) return true;
  return false;
}

/** End of the space that the header counts. */
function headerEnd({ header, headerLost }: Database): number {
  return headerLost ? 0 : header.next_block;
}

/**
 * End of the space that is known to be allocated: the header's; or the file's, if the header is older than other pages.
 * It is if a record in force lies behind its end, or if buckets that may have been split lack keys: an older state that
 * is whole has all of them.
 *
 * @param proved share of the keys that are there, of the buckets that may have been split
 */
async function allocatedEnd(db: Database, inForce: readonly BucketSite[], proved: number): Promise<number> {
  const end = headerEnd(db);
  const { size } = db.source;
  if (db.headerLost || size <= end) return end;
  if (proved < 1 - weights.bucket.missingKeys) return size;
  const [offsets, sizes, hashes] = [new OffsetList(), new NumberList(), new NumberList()];
  const reader = new SiteReader(db);
  for (const site of inForce) {
    const { used, usedCount, pointers, keySizes, hashes: own } = await reader.read(site);
    for (let n = 0; n < usedCount; n++) {
      const [offset, keySize] = [pointers[used[n]], keySizes[used[n]]];
      if (!(offset >= end && keySize > 0 && keySize <= LONGEST && offset + keySize <= size)) continue;
      offsets.push(offset);
      sizes.push(keySize);
      hashes.push(own[used[n]]);
    }
  }
  const keys = { length: offsets.length, offsets: offsets.values(), sizes: sizes.values() };
  const { signed, unsigned } = await hashRanges(db.source, keys);
  const isProved = (hash: number, n: number) => hash === signed[n] || hash === unsigned[n];
  return hashes.values().some(isProved) ? size : end;
}

/** Returns true if a bucket's range is told, and enough of its keys are there. */
function isBelievable({ range, proved }: Candidate): boolean {
  return range !== undefined && proved >= weights.bucket.enoughProved;
}

function rangesOf(candidates: readonly Candidate[]): HashRange[] {
  return candidates.flatMap(({ range }) => range ?? []);
}

/** Consecutive slots with the same entry. */
interface Run {
  /** First hash of the first slot, and the number of hashes of one slot. */
  readonly first: number;
  readonly share: number;
  readonly slots: number;
  /** Depth of a single slot, and depth of a bucket with this many slots. */
  readonly slotBits: number;
  readonly bits: number;
}

/** Tests the hashes of each slot without keeping an object for one: a directory may have very many. */
function everySlot({ first, share, slots, slotBits }: Run, is: (slot: HashRange) => boolean): boolean {
  for (let n = 0; n < slots; n++) if (!is({ first: first + n * share, bits: slotBits })) return false;
  return true;
}

/** Targets of a directory, by indexes of sites. There may be 100,000 settled ones, so none takes an object. */
class Led {
  /** Buckets that at least one slot of their own leads to, in order of their first slot. */
  readonly settled: Int32Array;
  /** Places without a bucket that is readable as it is, with the slots that lead there. */
  readonly others = new Map<number, Run[]>();
  /** Buckets that only slots of others lead to, with those slots. */
  readonly strays = new Map<number, Run[]>();

  constructor(readonly survey: Survey) {
    const { sites, siteOfSlot } = survey;
    this.settled = settledSites(survey);
    const isSettledSite = new Bits(sites.length);
    for (const index of this.settled) isSettledSite.add(index);
    const slots = siteOfSlot.length;
    const bits = Math.log2(slots);
    const share = HASH_RANGE / slots;
    for (let slot = 0, end: number; slot < slots; slot = end) {
      const index = siteOfSlot[slot];
      end = endOfRun(siteOfSlot, slot);
      if (index < 0 || sites[index].state === 'unread' || isSettledSite.has(index)) continue;
      const depth = bits - Math.floor(Math.log2(end - slot));
      const run = { first: slot * share, share, slots: end - slot, slotBits: bits, bits: depth };
      const runs = sites[index].state === 'sound' ? this.strays : this.others;
      const before = runs.get(index);
      if (before === undefined) runs.set(index, [run]);
      else before.push(run);
    }
  }

  /** All hashes that a settled bucket claims. */
  rangeOf(index: number): HashRange {
    return ownRange(this.survey.sites[index], this.survey.siteOfSlot.length);
  }

  *ranges(settled = this.settled): Generator<HashRange> {
    for (const index of settled) yield this.rangeOf(index);
  }
}
