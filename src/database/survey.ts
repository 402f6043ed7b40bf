import { BUCKET_AVAIL, BucketView, elementStruct } from '../format/bucket.js';
import { endOfRun, hashOfSlot, slotOf } from '../format/directory.js';
import { FREE_HASH, HASH_BITS } from '../format/hash.js';
import { offsetSize } from '../format/format.js';
import type { HashRange } from './claims.js';
import { HashClaims } from './claims.js';
import type { BucketSite } from './site.js';
import type { Database } from './database.js';
import { Bits, NumberList } from '../numbers.js';
import { readInto } from '../source/source.js';

/** All known buckets, the bucket that each slot leads to, and the owner of each hash. */
export interface Survey {
  /** Buckets that the directory leads to, in order of their first slot, then those that a scan found. */
  readonly sites: readonly BucketSite[];
  /** For each slot the index of its site, −1 where its entry cannot be a bucket's offset. */
  readonly siteOfSlot: Int32Array;
  /** Owner, as an index of `sites`, of each hash that no intact slot leads to. */
  readonly claims: HashClaims;
}

/**
 * An honest file's buckets do not overlap, so together they are no larger than the file. A directory made to
 * lead to a bucket at every byte would cost the bucket size times as much; past this factor reading stops.
 */
const READ_BUDGET = 4;

/** Looks at every bucket's head and hashes, without reading a record. */
export async function survey(db: Database): Promise<Survey> {
  const { source, directory, geometry } = db;
  const { blockSize, bucketSize } = geometry;
  const directoryFrom = geometry.directory?.offset ?? 0;
  const directoryTo = directoryFrom + directory.length * offsetSize(db.format.layout);
  const siteOfSlot = new Int32Array(directory.length).fill(-1);
  const sites: BucketSite[] = [];
  const indexOf = new Map<number, number>();
  let budget = READ_BUDGET * source.size + 2 * bucketSize;
  const bucket = new BucketView(new Uint8Array(bucketSize), db.format, geometry.bucketElements);
  let unreadIndex: number | undefined;
  for (let slot = 0; slot < directory.length; slot++) {
    const offset = directory[slot];
    if (!(offset >= blockSize && offset + bucketSize <= source.size)) continue;
    let index = indexOf.get(offset) ?? unreadIndex;
    if (index === undefined) {
      index = sites.length;
      budget -= bucketSize;
      if (budget >= 0) {
        await readInto(source, offset, bucket.bytes);
        const site = surveyBucket(db, offset, slot, bucket);
        const isInDirectory = offset + bucketSize > directoryFrom && offset < directoryTo;
        // A bucket that overlaps the directory is wrong, unless it has records and a slot of its own leads to it.
        const isWrong = isInDirectory && !(site.state === 'sound' && site.used > 0 && isAtHome(site));
        sites.push(isWrong ? { ...site, state: 'overlapping' } : site);
        indexOf.set(offset, index);
      } else {
        // One site stands for all that are not read: a site for each would cost more than the directory.
        unreadIndex = index;
        sites.push(unread(offset, slot));
      }
    }
    siteOfSlot[slot] = index;
  }
  placeEmpty(sites, siteOfSlot);
  return surveyOf(settleOverlaps(sites, siteOfSlot, bucketSize), siteOfSlot);
}

/** The same survey with some sites marked as outdated: directory entries that lead to them no longer count. */
export function withOutdated(survey: Survey, outdated: ReadonlySet<number>): Survey {
  if (outdated.size === 0) return survey;
  const { siteOfSlot } = survey;
  const sites = survey.sites.map((site, i): BucketSite =>
    outdated.has(i) ? { ...site, state: 'outdated' } : site,
  );
  return surveyOf(sites, siteOfSlot);
}

/** A survey of buckets whose states are known. */
function surveyOf(sites: readonly BucketSite[], siteOfSlot: Int32Array): Survey {
  const settled = { sites, siteOfSlot };
  return { ...settled, claims: claimSettled(settled) };
}

/** Claims each settled bucket's own hash range for it, so that slots with damaged entries there have an owner. */
export function claimSettled(survey: Omit<Survey, 'claims'>): HashClaims {
  const claims = new HashClaims();
  const slots = survey.siteOfSlot.length;
  const deepestFirst = settledSites(survey).sort((a, b) => survey.sites[b].bits - survey.sites[a].bits);
  for (const index of deepestFirst) {
    claims.claim(ownRange(survey.sites[index], slots), index);
  }
  return claims;
}

/**
 * The range of hashes that a bucket's own bits and hashes give.
 *
 * @param slots of the directory
 */
export function ownRange({ ownFirst, bits }: BucketSite, slots: number): HashRange {
  return { first: hashOfSlot(ownFirst, slots), bits };
}

/** Returns true if a bucket is sound and exactly the slots that its own bits and hashes give lead to it. */
export function isPlaced({ state, origin, firstSlot, slots, ownFirst, ownSlots }: BucketSite): boolean {
  return state === 'sound' && origin === 'directory' && firstSlot === ownFirst && slots === ownSlots;
}

/** Returns true if each slot leads to a sound bucket, and exactly that bucket's own slots lead to it. */
export function isInOrder({ sites, siteOfSlot }: Survey): boolean {
  let slots = 0;
  for (const site of sites) {
    if (!isPlaced(site)) return false;
    slots += site.slots;
  }
  return slots > 0 && slots === siteOfSlot.length;
}

/** The index of the bucket that rules over a hash; undefined where none is known. */
export function rulerOf(survey: Survey, hash: number): number | undefined {
  const slots = survey.siteOfSlot.length;
  if (slots > 0) {
    const slot = slotOf(hash, Math.log2(slots));
    if (isSettled(survey, slot)) return survey.siteOfSlot[slot];
  }
  return survey.claims.ownerOf(hash);
}

/** Returns true if a slot leads to a sound bucket whose own bits and hashes give it this slot. */
export function isSettled(survey: Omit<Survey, 'claims'>, slot: number): boolean {
  const site = survey.sites[survey.siteOfSlot[slot]];
  return site !== undefined && site.state === 'sound' && owns(site, slot);
}

/** Indexes of the sound buckets that a slot of their own leads to, each once, in order of the first such slot. */
export function settledSites(survey: Omit<Survey, 'claims'>): Int32Array {
  const { sites, siteOfSlot } = survey;
  const seen = new Bits(sites.length);
  const settled = new NumberList();
  for (let slot = 0; slot < siteOfSlot.length; slot++) {
    const index = siteOfSlot[slot];
    if (!isSettled(survey, slot) || seen.has(index)) continue;
    seen.add(index);
    settled.push(index);
  }
  return settled.values();
}

/** Returns true if a slot's entry no longer counts, because it leads to an outdated bucket. */
export function isOutdated({ sites, siteOfSlot }: Omit<Survey, 'claims'>, slot: number): boolean {
  return sites[siteOfSlot[slot]]?.state === 'outdated';
}

/** Returns true if at least one of the slots that lead to a bucket is its own. */
function isAtHome({ firstSlot, slots, ownFirst, ownSlots }: BucketSite): boolean {
  return firstSlot < ownFirst + ownSlots && ownFirst < firstSlot + slots;
}

/** Returns true if the bucket's own bits and hashes give it this slot. */
export function owns(site: BucketSite, slot: number): boolean {
  return slot >= site.ownFirst && slot < site.ownFirst + site.ownSlots;
}

/**
 * Returns true if a bucket is believed even without records. A wrong entry may lead into the middle of records, so
 * only a believed bucket takes up its bytes.
 */
export function provesItself(site: BucketSite): boolean {
  return site.state === 'sound' && (site.origin === 'scan' || owns(site, site.firstSlot));
}

/** Returns true if the bucket's elements are worth reading. */
export function isReadable(site: BucketSite): boolean {
  return site.state === 'sound' || site.state === 'malformed' || site.state === 'headless';
}

/** Memory for one bucket, to be used again for the next one. */
export function roomForBucket({ format, geometry }: Database): BucketView {
  return new BucketView(new Uint8Array(geometry.bucketSize), format, geometry.bucketElements);
}

/**
 * Reads a bucket. In a headless one, all elements but those that are left are free.
 *
 * @param bucket memory to read into; a new one for each bucket would make as much garbage as the file has buckets
 */
export async function readSite(
  db: Database,
  site: Pick<BucketSite, 'offset' | 'elements'>,
  bucket = roomForBucket(db),
): Promise<BucketView> {
  const { source, format } = db;
  const { bytes, elements } = bucket;
  if (site.elements === undefined) {
    await readInto(source, site.offset, bytes);
    return bucket;
  }
  bytes.fill(0);
  for (let i = 0; i < elements; i++) bucket.setHash(i, FREE_HASH);
  const { size } = elementStruct(format.layout);
  for (const at of site.elements) {
    const place = at - site.offset;
    await readInto(source, at, bytes.subarray(place, place + size));
  }
  return bucket;
}

function unread(offset: number, firstSlot: number): BucketSite {
  const head = { bits: 0, count: 0, availCount: 0, used: 0 };
  return {
    origin: 'directory',
    offset,
    firstSlot,
    slots: 1,
    ...head,
    ownFirst: firstSlot,
    ownSlots: 0,
    state: 'unread',
  };
}

function surveyBucket(
  { directory }: Database,
  offset: number,
  firstSlot: number,
  bucket: BucketView,
): BucketSite {
  const directoryBits = Math.log2(directory.length);
  const { bits, count, availCount } = bucket;
  const slots = endOfRun(directory, firstSlot) - firstSlot;
  const { used, commonHash } = majority(bucket, bits >= 0 && bits <= directoryBits ? bits : directoryBits);
  // Arbitrary bytes may hold a possible count, but hardly the right one.
  const sound =
    count === used && bits >= 0 && bits <= directoryBits && availCount >= 0 && availCount <= BUCKET_AVAIL;
  const wiped = bucket.bytes.every((byte) => byte === bucket.bytes[0]);
  let ownFirst = firstSlot;
  let ownSlots = wiped ? 0 : slots;
  if (!wiped && sound) {
    ownSlots = 2 ** (directoryBits - bits);
    const anySlot = commonHash === undefined ? firstSlot : slotOf(commonHash, directoryBits);
    ownFirst = Math.floor(anySlot / ownSlots) * ownSlots;
  }
  return {
    origin: 'directory',
    offset,
    firstSlot,
    slots,
    bits,
    count,
    availCount,
    used,
    ownFirst,
    ownSlots,
    state: wiped ? 'wiped' : sound ? 'sound' : 'malformed',
  };
}

/** The number of used elements, and a hash whose first `bits` bits most of them share. */
function majority(bucket: BucketView, bits: number): { used: number; commonHash: number | undefined } {
  const shift = HASH_BITS - bits;
  let used = 0;
  let lead = 0;
  let commonHash: number | undefined;
  for (let i = 0; i < bucket.elements; i++) {
    const hash = bucket.hash(i);
    if (hash === FREE_HASH) continue;
    used++;
    if (hash < 0) continue;
    if (lead === 0) commonHash = hash;
    // The shift is at most 31, the width of a hash; only a shift by 32 would wrap around.
    lead += commonHash !== undefined && hash >>> shift === commonHash >>> shift ? 1 : -1;
  }
  return { used, commonHash };
}

/** Slots that lead to one bucket, within one range that may be its own. */
interface Home {
  readonly ownFirst: number;
  readonly firstSlot: number;
  entries: number;
}

/**
 * Places buckets without records at the slots that most entries give them. They have no hash that tells their slots,
 * and the first entry that leads there may be wrong.
 */
function placeEmpty(sites: BucketSite[], siteOfSlot: Int32Array): void {
  if (!sites.some(isEmpty)) return;
  const best = new Map<number, Home>();
  const last = new Map<number, Home>();
  for (const [slot, index] of siteOfSlot.entries()) {
    if (index < 0 || !isEmpty(sites[index])) continue;
    const { ownSlots } = sites[index];
    const ownFirst = Math.floor(slot / ownSlots) * ownSlots;
    let home = last.get(index);
    if (home?.ownFirst !== ownFirst) last.set(index, (home = { ownFirst, firstSlot: slot, entries: 0 }));
    home.entries++;
    if (home.entries > (best.get(index)?.entries ?? 0)) best.set(index, home);
  }
  for (const [index, { ownFirst, firstSlot }] of best) {
    if (ownFirst === sites[index].ownFirst) continue;
    const slots = endOfRun(siteOfSlot, firstSlot) - firstSlot;
    sites[index] = { ...sites[index], firstSlot, slots, ownFirst };
  }
}

function isEmpty({ state, used }: BucketSite): boolean {
  return state === 'sound' && used === 0;
}

/**
 * Marks the less credible of two overlapping buckets as `overlapping`. Most credible is a sound bucket that a slot of
 * its own leads to; then a sound one with records; then any other, the more slots lead to it the better, so that one
 * garbage slot does not outweigh hundreds. Two that are both at home stay; the account of bytes reports them.
 */
function settleOverlaps(
  sites: readonly BucketSite[],
  siteOfSlot: Int32Array,
  bucketSize: number,
): BucketSite[] {
  const settled = [...sites];
  const order = sites.map((_, i) => i).sort((a, b) => sites[a].offset - sites[b].offset);
  const isNear = (a: number, b: number | undefined) =>
    b !== undefined && Math.abs(sites[a].offset - sites[b].offset) < bucketSize;
  if (!order.some((index, n) => isNear(index, order[n + 1]))) return settled;
  const leading = new Float64Array(sites.length);
  for (const index of siteOfSlot) if (index >= 0) leading[index]++;
  const AT_HOME = 2;
  const belief = (index: number): number => {
    const { state, used, ownFirst, ownSlots } = sites[index];
    if (state === 'sound') {
      if (siteOfSlot.subarray(ownFirst, ownFirst + ownSlots).includes(index)) return AT_HOME;
      if (used > 0) return 1;
    }
    return leading[index] / (siteOfSlot.length + 1);
  };
  const giveWay = (index: number) => {
    settled[index] = { ...settled[index], state: 'overlapping' };
  };
  let previous = -1;
  for (const index of order) {
    const site = settled[index];
    if (site.state === 'unread') continue;
    if (previous >= 0 && site.offset < settled[previous].offset + bucketSize) {
      const [before, now] = [belief(previous), belief(index)];
      if (now < AT_HOME && now <= before) {
        giveWay(index);
        continue;
      }
      if (before < AT_HOME) giveWay(previous);
    }
    previous = index;
  }
  return settled;
}
