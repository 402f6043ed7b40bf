import type { HashRange } from '../database/claims.js';
import { rangeName } from '../database/claims.js';
import type { ExaminedSurvey } from '../check/examination.js';
import { cutElements } from '../database/database.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import type { Survey } from '../database/survey.js';
import { isReadable, isSettled, ownRange, rulerOf, settledSites, withOutdated } from '../database/survey.js';
import { elementStruct, elementsStart } from '../format/bucket.js';
import { hashOfSlot, slotOf } from '../format/directory.js';
import { HASH_RANGE } from '../format/hash.js';
import { offsetSize } from '../format/format.js';
import type { Range } from '../source/ranges.js';
import type { Candidate } from './candidates.js';
import { bitsOfHead, judgeBuckets, judgeFragment } from './candidates.js';
import { emptiedInGaps, withoutContradicted, withoutMisplaced } from './emptied.js';
import type { FoundOrphans } from './find.js';
import { gatherUnderHeads, joinFragments } from './fragments.js';
import { FreeSpace, holdsAny } from './free.js';
import { areMixed, Kin } from './kin.js';
import type { LooseList } from './loose.js';
import { rank, unrivalled } from './rank.js';
import { findOutdated } from './outdated.js';
import { DoubtfulEntries, ELSEWHERE } from './refuted.js';
import { readElements } from './prove.js';

/** A survey with the buckets that a scan found. */
export interface SearchedSurvey extends ExaminedSurvey {
  /** Superseded buckets: records that they describe may have been changed or deleted since. */
  readonly stale: readonly BucketSite[];
}

/**
 * Decides which of the buckets and elements that nothing leads to are in force. Each range of hashes that no intact
 * slot and bucket settle gets the bucket that is outside of free space, has its keys in the file and is split
 * deepest. Ranges that are still open then get elements that stand alone.
 *
 * @param judged the found buckets if they were judged already: the directory does not affect that judgement
 */
export async function adoptOrphans(
  db: Database,
  surveyed: Survey,
  found: FoundOrphans,
  judged?: readonly Candidate[],
): Promise<SearchedSurvey> {
  const { geometry } = db;
  const buckets = withoutContradicted(
    judged ?? (await judgeBuckets(db, found.buckets)),
    surveyed.sites,
    geometry.bucketSize,
    found.loose.length > 0,
  );
  const others = withoutMisplaced(buckets, () => settledRanges(surveyed));
  const torn = await fragmentsOf(db, found.loose, new Uint8Array(found.loose.length));
  const outdated = await findOutdated(db, surveyed, [...others, ...torn.filter(({ isHeaded }) => isHeaded)]);
  const survey = withOutdated(surveyed, outdated.sites);
  const sound = [...others, ...(await judgeBuckets(db, splitBuckets(surveyed, outdated.sites, others)))];
  const held = holdDamaged(db, survey, found, sound);
  const settled = survey.sites.filter(
    (site, i) => site.state === 'sound' && survey.siteOfSlot[site.ownFirst] === i,
  );
  const whole = [...sound, ...(await fragmentsOf(db, found.loose, held))];
  if (whole.length === 0) return { ...survey, stale: [] };
  const kin = await Kin.read(db, settled, whole);
  const candidates = kin === undefined ? whole : whole.map((one) => kin.judge(one));
  const inForce = [...settled, ...unrivalled(candidates, survey.claims)];
  const free = await FreeSpace.read(db, inForce);
  const entries = await DoubtfulEntries.read(db, survey, settled, outdated.reused);
  const ranked = await rank(db, candidates, free, inForce, areMixed(settled, whole, db.directory.length));

  const sites: BucketSite[] = [...survey.sites];
  const stale: BucketSite[] = [];
  // A bucket that a wrong entry leads to is known already, but may be in force for its own range.
  const known = new Map<number, number>();
  const scattered: BucketSite[] = [];
  for (const [index, { state, offset }] of survey.sites.entries())
    if (state !== 'outdated') known.set(offset, index);
  for (const { site, range } of ranked) {
    const index = site.state === 'sound' ? known.get(site.offset) : undefined;
    const adopted =
      range !== undefined &&
      !isElsewhere(db, site, range, entries, free, outdated.end) &&
      survey.claims.claim(range, index ?? sites.length);
    if (index !== undefined) continue;
    if (adopted) sites.push(site);
    else if (site.state === 'headless' && range === undefined) scattered.push(site);
    else stale.push(site);
  }
  for (const [range, site] of emptiedInGaps(ranked, survey.claims)) {
    survey.claims.claim(range, sites.length);
    sites.push(site);
    stale.splice(stale.indexOf(site), 1);
  }
  // A whole bucket in force knows all records of its hashes. Any other element for them is an old one, wherever it
  // is.
  const searched = { ...survey, sites, stale };
  const isRuled = (hash: number) => {
    const ruler = rulerOf(searched, hash);
    return ruler !== undefined && sites[ruler].state === 'sound';
  };
  for (const site of scattered) {
    const split = await partFragment(db, site, isRuled, free, entries, kin);
    if (split.open.length > 0) sites.push({ ...site, elements: split.open });
    if (split.old.length > 0) stale.push({ ...site, elements: split.old });
  }
  return searched;
}

/**
 * Buckets of which only elements are left, as candidates.
 *
 * @param held 1 for each loose element that is known to belong to another bucket
 */
async function fragmentsOf(
  db: Database,
  loose: LooseList,
  held: Uint8Array,
): Promise<(Candidate & { readonly isHeaded: boolean })[]> {
  const { format, geometry, directory } = db;
  const directoryBits = Math.log2(directory.length);
  const entryOf = (hash: number) =>
    directory.length === 0 ? undefined : directory[slotOf(hash, directoryBits)];
  const fragments = [...joinFragments(loose, format, geometry.bucketElements, held, entryOf)];
  const heads: (number | undefined)[] = [];
  for (const fragment of fragments) heads.push(await bitsOfHead(db, fragment));
  const gathered = gatherUnderHeads(fragments, heads, loose, format, geometry.bucketElements);
  return gathered.flatMap((fragment, n) =>
    fragment.elements.length === 0
      ? []
      : [{ ...judgeFragment(fragment, heads[n]), isHeaded: heads[n] !== undefined }],
  );
}

/** Ranges of hashes of the buckets that the directory leads to. */
function* settledRanges(survey: Survey): Generator<HashRange> {
  const { sites, siteOfSlot } = survey;
  for (const index of settledSites(survey)) yield ownRange(sites[index], siteOfSlot.length);
}

/** File offsets of sound outdated buckets that no scan found: their records are old ones. */
function splitBuckets(
  { sites }: Survey,
  outdated: ReadonlySet<number>,
  found: readonly Candidate[],
): Float64Array {
  if (outdated.size === 0) return new Float64Array(0);
  const known = new Set(found.map(({ site }) => site.offset));
  const split = [...outdated].map((index) => sites[index]);
  return Float64Array.from(
    split.filter(({ state, offset }) => state === 'sound' && !known.has(offset)),
    ({ offset }) => offset,
  );
}

/**
 * Returns true if most of the sound buckets that the directory leads to say that they belong to other slots. Then
 * this directory is not the one in force, or it is read from a wrong place.
 */
export function isMisled(survey: Survey): boolean {
  const sound = survey.sites.filter(({ state }) => state === 'sound').length;
  return 2 * atHome(survey) < sound;
}

/** Number of buckets that at least one slot of their own leads to. */
export function atHome(survey: Survey): number {
  return settledSites(survey).length;
}

/** Number of damaged buckets that the directory leads to and that have an element whose key gives its hash. */
export function damagedWithElements(
  { format, geometry }: Database,
  survey: Survey,
  loose: LooseList,
): number {
  const { size } = elementStruct(format.layout);
  let buckets = 0;
  for (const { state, offset } of survey.sites) {
    if (state !== 'malformed') continue;
    const first = offset + elementsStart(format);
    const end = first + size * geometry.bucketElements;
    let hasElement = false;
    for (let i = loose.firstAtOrAfter(first); i < loose.length && loose.at(i) < end; i++) {
      hasElement ||= (loose.at(i) - first) % size === 0;
    }
    if (hasElement) buckets++;
  }
  return buckets;
}

/** Ranges of the known buckets and directory entries, in which a scan looks for nothing. */
export function knownRanges({ geometry, format }: Database, survey: Survey): Range[] {
  const { bucketSize } = geometry;
  const ranges = Array.from(settledSites(survey), (index) => ({
    offset: survey.sites[index].offset,
    length: bucketSize,
  }));
  if (geometry.directory !== undefined && ranges.length > 0) {
    // Entries that lead to no bucket may be something else, so the scan includes their range.
    const length = offsetSize(format.layout);
    for (let slot = 0; slot < survey.siteOfSlot.length; slot++) {
      const first = slot;
      while (isSettled(survey, slot)) slot++;
      const offset = geometry.directory.offset + first * length;
      if (slot > first) ranges.push({ offset, length: (slot - first) * length });
    }
  }
  return ranges;
}

/**
 * Keeps the elements of damaged buckets that the directory leads to and, if elements belong there, the slots of those
 * buckets. A sound bucket that overlaps a damaged one shows that the entry is wrong.
 *
 * @returns for each loose element, 1 if it belongs to such a bucket
 */
function holdDamaged(
  db: Database,
  survey: Survey,
  { loose }: FoundOrphans,
  sound: readonly Candidate[],
): Uint8Array {
  const { format, geometry } = db;
  const held = new Uint8Array(loose.length);
  const slots = survey.siteOfSlot.length;
  const bits = Math.log2(slots);
  const { size } = elementStruct(format.layout);
  const offsets = Float64Array.from(sound, ({ site }) => site.offset).sort();
  survey.sites.forEach((site, index) => {
    if (!isReadable(site)) return;
    const { offset } = site;
    if (
      site.state !== 'sound' &&
      holdsAny(offsets, offset - geometry.bucketSize, offset + geometry.bucketSize)
    )
      return;
    const first = offset + elementsStart(format);
    const cut = cutElements(db, offset);
    let atHome = 0;
    for (let i = loose.firstAtOrAfter(first); i < loose.length; i++) {
      const place = (loose.at(i) - first) / size;
      if (place >= geometry.bucketElements) break;
      if (!Number.isInteger(place)) continue;
      held[i] = 1;
      // An element that may end with bytes of another one proves nothing.
      if (cut?.has(place) === true) continue;
      if (survey.siteOfSlot[slotOf(loose.hash(i), bits)] === index) atHome++;
    }
    if (atHome === 0 || site.state === 'sound') return;
    for (let slot = 0; slot < slots; slot++) {
      if (survey.siteOfSlot[slot] === index) {
        survey.claims.claim({ first: hashOfSlot(slot, slots), bits }, index);
      }
    }
  });
  return held;
}

/**
 * Returns true if directory entries that may be right lead elsewhere: they know a bucket that is lost, and this one
 * is an old one. There are two exceptions. A whole bucket with exactly the range of its entries may itself have been
 * moved; its head shows that. A whole bucket with a part of their range may come from a split of the lost one; but if
 * that split was not finished, the bucket has no space of its own.
 */
function isElsewhere(
  db: Database,
  site: BucketSite,
  range: HashRange,
  entries: DoubtfulEntries,
  free: FreeSpace,
  end: number,
): boolean {
  const slots = db.directory.length;
  if (slots === 0) return false;
  const first = range.first / (HASH_RANGE / slots);
  const count = 2 ** (Math.log2(slots) - range.bits);
  const seen = entries.targetOf(rangeName(range), Math.floor(first), first + count);
  if (seen === ELSEWHERE) return true;
  if (seen === undefined || seen === site.offset) return false;
  if (site.state === 'headless') return true;
  const before = db.directory[Math.floor(first) - 1];
  const after = db.directory[Math.floor(first) + Math.max(1, count)];
  if (before !== seen && after !== seen) return false;
  const { bucketSize } = db.geometry;
  return site.offset + bucketSize > end || free.covers(site.offset, bucketSize);
}

/**
 * Splits the elements of a fragment into open ones, which may be in force, and old ones. An element is old if it is
 * in free space or in another file's block, if a whole bucket is in force for its hash, or if the directory leads
 * elsewhere.
 */
async function partFragment(
  db: Database,
  site: BucketSite,
  isRuled: (hash: number) => boolean,
  free: FreeSpace,
  entries: DoubtfulEntries,
  kin: Kin | undefined,
): Promise<{ open: number[]; old: number[] }> {
  const parts = { open: [] as number[], old: [] as number[] };
  const bits = Math.log2(db.directory.length);
  const { size } = elementStruct(db.format.layout);
  const at = Float64Array.from(site.elements ?? []);
  const { hashes } = await readElements(db.source, db.format, at);
  for (const [i, offset] of at.entries()) {
    const entry = db.directory.length === 0 ? undefined : entries.target(slotOf(hashes[i], bits));
    const elsewhere = entry !== undefined && entry !== site.offset;
    const isOld =
      elsewhere || isRuled(hashes[i]) || free.covers(offset, size) || kin?.isForeign(offset) === true;
    (isOld ? parts.old : parts.open).push(offset);
  }
  return parts;
}
