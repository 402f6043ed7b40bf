import type { HashRange } from '../database/claims.js';
import { rangeName } from '../database/claims.js';
import type { ExaminedSurvey } from '../check/examination.js';
import { cutElements } from '../database/cutelements.js';
import type { Database } from '../database/database.js';
import { SiteIndex } from '../database/siteindex.js';
import type { BucketSite } from '../database/site.js';
import { changedSite } from '../database/site.js';
import type { Survey } from '../database/survey.js';
import { isReadable, isSettled, rulerOf, settledSites, withOutdated } from '../database/survey.js';
import { elementStruct, elementsStart } from '../format/bucket.js';
import { slotOf } from '../format/directory.js';
import { HASH_RANGE } from '../format/hash.js';
import { offsetSize } from '../format/format.js';
import type { Range } from '../source/ranges.js';
import type { Candidate } from './candidates.js';
import { bitsOfHead, judgeBuckets, judgeFragment } from './candidates.js';
import { withoutContradicted, withoutMisplaced } from './emptied.js';
import type { FoundOrphans } from './find.js';
import { gatherUnderHeads, joinFragments } from './fragments.js';
import { FreeSpace, holdsAny } from './free.js';
import { Kin } from './kin.js';
import type { LooseList } from './loose.js';
import { rank, unrivalled } from './rank.js';
import { findOutdated, isAllocated } from './outdated.js';
import { DoubtfulEntries, ELSEWHERE } from './refuted.js';
import { readElements } from './prove.js';

/** A survey with the buckets that a scan found. */
export interface SearchedSurvey extends ExaminedSurvey {
  /** Buckets that another one supersedes: what they know may have been changed or deleted since. */
  readonly stale: readonly BucketSite[];
}

/** With fewer elements the bits that they share are chance. */
const FEW = 3;

/**
 * Decides which of the buckets and elements that nothing leads to are in force: for each range of hashes that no intact slot and bucket settle, the bucket that is not in free space, whose keys are
 * there and whose split is deepest, and for what is then still open the elements that stand alone.
 *
 * @param judged the buckets that were found, where they were judged already: the directory has no part in that
 */
export async function adoptOrphans(
  db: Database,
  surveyed: Survey,
  found: FoundOrphans,
  judged?: readonly Candidate[],
): Promise<SearchedSurvey> {
  const { format, geometry } = db;
  const buckets = withoutContradicted(
    judged ?? (await judgeBuckets(db, found.buckets)),
    surveyed.sites,
    geometry.bucketSize,
    found.loose.length > 0,
  );
  const others = withoutMisplaced(buckets, () => settledRanges(surveyed));
  const outdated = await findOutdated(db, surveyed, others);
  const survey = withOutdated(surveyed, outdated.sites);
  const sound = [...others, ...(await judgeBuckets(db, splitBuckets(surveyed, outdated.sites, others)))];
  const held = holdDamaged(db, survey, found, sound);
  const directoryBits = Math.log2(db.directory.length);
  const entryOf = (hash: number) =>
    db.directory.length === 0 ? undefined : db.directory[slotOf(hash, directoryBits)];
  const fragments = [...joinFragments(found.loose, format, geometry.bucketElements, held, entryOf)];
  const settled = survey.sites.filter(
    (site, i) => site.state === 'sound' && survey.siteOfSlot[site.ownFirst] === i,
  );
  const whole = [...sound];
  const heads: (number | undefined)[] = [];
  for (const fragment of fragments) heads.push(await bitsOfHead(db, fragment));
  const gathered = gatherUnderHeads(fragments, heads, found.loose, format, geometry.bucketElements);
  for (const [n, fragment] of gathered.entries())
    if (fragment.elements.length > 0) whole.push(judgeFragment(fragment, heads[n]));
  if (whole.length === 0) return { ...survey, stale: [] };
  const kin = await Kin.read(db, settled, whole);
  const candidates = kin === undefined ? whole : whole.map((one) => kin.judge(one));
  const inForce = [...settled, ...unrivalled(candidates, survey.claims)];
  const free = await FreeSpace.read(db, inForce);
  const entries = await DoubtfulEntries.read(db, survey, settled, outdated.reused);
  const ranked = await rank(db, candidates, free, inForce);

  const sites: BucketSite[] = [...survey.sites];
  const stale: BucketSite[] = [];
  // One that a wrong entry leads to is known already, but may be in force for its own range.
  const known = new SiteIndex(survey.sites);
  const scattered: BucketSite[] = [];
  for (const [index, { state }] of survey.sites.entries()) if (state !== 'outdated') known.add(index);
  for (const { site, range } of ranked) {
    const index = site.state === 'sound' ? known.get(site.offset) : undefined;
    const adopted =
      range !== undefined &&
      !isElsewhere(db, site, range, entries, free) &&
      survey.claims.claim(range, index ?? sites.length);
    if (index !== undefined) continue;
    if (adopted) sites.push(site);
    else if (site.state === 'headless' && range === undefined) scattered.push(site);
    else stale.push(site);
  }
  // A whole bucket in force knows all records of its hashes: any other element for them is an old one, wherever it is.
  const searched = { ...survey, sites, stale };
  const isRuled = (hash: number) => {
    const ruler = rulerOf(searched, hash);
    return ruler !== undefined && sites[ruler].state === 'sound';
  };
  for (const site of scattered) {
    const split = await partFragment(db, site, isRuled, free, entries, kin);
    if (split.open.length > 0) sites.push(changedSite(site, { elements: split.open }));
    if (split.old.length > 0) stale.push(changedSite(site, { elements: split.old }));
  }
  return searched;
}

/** The hashes of the buckets that the directory leads to. */
function* settledRanges(survey: Survey): Generator<HashRange> {
  const share = HASH_RANGE / survey.siteOfSlot.length;
  for (const index of settledSites(survey)) {
    const { ownFirst, bits } = survey.sites[index];
    yield { first: ownFirst * share, bits };
  }
}

/** Where the whole ones of outdated buckets are, as far as no scan found them: their records are old ones. */
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
 * Whether most of the sound buckets that the directory leads to say that they belong to other slots: then it is another
 * directory than the one in force, or it is read from a wrong place.
 */
export function isMisled(survey: Survey): boolean {
  const sound = survey.sites.filter(({ state }) => state === 'sound').length;
  return 2 * atHome(survey) < sound;
}

/** How many buckets have a slot that leads to them and is their own. */
export function atHome(survey: Survey): number {
  return settledSites(survey).length;
}

/** How many damaged buckets that the directory leads to have elements whose keys give their hash. */
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
    let elements = 0;
    for (let i = loose.firstAtOrAfter(first); i < loose.length && loose.at(i) < end; i++) {
      if ((loose.at(i) - first) % size === 0) elements++;
    }
    if (elements >= FEW) buckets++;
  }
  return buckets;
}

/** Where what the directory leads to is, so that nothing is looked for there. */
export function knownRanges({ geometry, format }: Database, survey: Survey): Range[] {
  const { bucketSize } = geometry;
  const ranges = Array.from(settledSites(survey), (index) => ({
    offset: survey.sites[index].offset,
    length: bucketSize,
  }));
  if (geometry.directory !== undefined && ranges.length > 0) {
    // Where the entries lead to no bucket, something else may stand there.
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
 * Damaged buckets that the directory leads to keep their elements and, where those belong there, their slots; but a
 * sound one that lies over such a bucket says that the entry is wrong.
 *
 * @returns for each loose element whether it is one of theirs
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
      // What may have the end of another one proves nothing.
      if (cut?.has(place) === true) continue;
      if (survey.siteOfSlot[slotOf(loose.hash(i), bits)] === index) atHome++;
    }
    if (atHome === 0 || site.state === 'sound') return;
    for (let slot = 0; slot < slots; slot++) {
      if (survey.siteOfSlot[slot] === index) {
        survey.claims.claim({ first: slot * (HASH_RANGE / slots), bits }, index);
      }
    }
  });
  return held;
}

/**
 * Whether directory entries that may be right lead elsewhere: they know a bucket that is lost, and this one is an old
 * one. A whole bucket with just the range of its entries may itself have been moved, which its head says. So is one with a
 * part of their range what a split made of the lost one; but one whose split was not finished has no space of its own.
 */
function isElsewhere(
  db: Database,
  site: BucketSite,
  range: HashRange,
  entries: DoubtfulEntries,
  free: FreeSpace,
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
  return !isAllocated(db, site.offset) || free.covers(site.offset, db.geometry.bucketSize);
}

/**
 * Which elements of a fragment may be in force: not in free space or another file's block, not for hashes of which a whole bucket
 * knows better, and not where the directory leads elsewhere.
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
