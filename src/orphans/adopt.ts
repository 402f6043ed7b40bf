import type { HashRange } from '../database/claims.js';
import type { ExaminedSurvey } from '../check/examination.js';
import type { Database } from '../database/database.js';
import type { BucketSite, Survey } from '../database/survey.js';
import { isReadable, isSettled } from '../database/survey.js';
import { elementStruct } from '../format/bucket.js';
import { slotOf } from '../format/directory.js';
import { HASH_BITS, HASH_RANGE } from '../format/hash.js';
import { offsetSize } from '../format/layout.js';
import type { Range } from '../source/gather.js';
import type { Candidate } from './candidates.js';
import { judgeBuckets, judgeFragment } from './candidates.js';
import type { FoundOrphans } from './find.js';
import { joinFragments } from './fragments.js';
import { FreeSpace, holdsAny } from './free.js';
import { RecordsInUse } from './inuse.js';
import type { LooseList } from './loose.js';
import { refutedEntries } from './refuted.js';
import { elementsStart, readElements } from './prove.js';

/** A survey with the buckets that a scan found. */
export interface SearchedSurvey extends ExaminedSurvey {
  /** Buckets that another one supersedes: what they know may have been changed or deleted since. */
  readonly stale: readonly BucketSite[];
}

/** A bucket with fewer of its keys is behind every other one. */
const ENOUGH_PROVED = 0.25;

/**
 * With fewer it is behind those with more: of two files whose blocks were mixed the one with fewer blocks here has fewer
 * of its buckets' keys, and an old bucket has those that were not moved since.
 */
const MOSTLY_PROVED = 0.6;

/** With fewer elements the bits that they share are chance. */
const FEW = 3;

/** Whether there are hashes of which no bucket is known. */
export function isIncomplete(survey: Survey): boolean {
  return !survey.claims.open().next().done;
}

/**
 * Decides which of the buckets and elements that nothing leads to are in force: for each range of hashes that no intact slot and bucket settle, the bucket that is not in free space, whose keys are
 * there and whose split is deepest, and for what is then still open the elements that stand alone.
 */
export async function adoptOrphans(
  db: Database,
  survey: Survey,
  found: FoundOrphans,
): Promise<SearchedSurvey> {
  const { format, geometry } = db;
  const sound = await judgeBuckets(db, found.buckets);
  const held = holdDamaged(db, survey, found, sound);
  const directoryBits = Math.log2(db.directory.length);
  const entryOf = (hash: number) =>
    db.directory.length === 0 ? undefined : db.directory[slotOf(hash, directoryBits)];
  const fragments = [...joinFragments(found.loose, format, geometry.bucketElements, held, entryOf)];
  const settled = survey.sites.filter(
    (site, i) => site.state === 'sound' && survey.siteOfSlot[site.ownFirst] === i,
  );
  const free = await FreeSpace.read(db, settled);
  const refuted = await refutedEntries(db, survey, settled);
  const inUse = await RecordsInUse.read(db, settled);
  const ranked = await rank([...sound, ...fragments.map(judgeFragment)], free, inUse, geometry.bucketSize);

  const sites: BucketSite[] = [...survey.sites];
  const stale: BucketSite[] = [];
  // One that a wrong entry leads to is known already, but may be in force for its own range.
  const known = new Map(survey.sites.map(({ offset }, index) => [offset, index]));
  for (const { site, range } of ranked) {
    const index = site.state === 'sound' ? known.get(site.offset) : undefined;
    const adopted =
      range !== undefined &&
      !isElsewhere(db, site, range, refuted) &&
      survey.claims.claim(range, index ?? sites.length);
    if (index !== undefined) continue;
    if (adopted) sites.push(site);
    else if (site.state === 'headless' && range === undefined) {
      const split = await partFragment(db, site, free, refuted);
      if (split.open.length > 0) sites.push({ ...site, elements: split.open });
      if (split.old.length > 0) stale.push({ ...site, elements: split.old });
    } else stale.push(site);
  }
  return { ...survey, sites, stale };
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
  const settled = new Set<number>();
  for (let slot = 0; slot < survey.siteOfSlot.length; slot++) {
    if (isSettled(survey, slot)) settled.add(survey.siteOfSlot[slot]);
  }
  return settled.size;
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
export function knownRanges({ geometry, format, directory }: Database, survey: Survey): Range[] {
  const { bucketSize } = geometry;
  const settled = new Set<number>();
  for (let slot = 0; slot < survey.siteOfSlot.length; slot++) {
    if (isSettled(survey, slot)) settled.add(survey.siteOfSlot[slot]);
  }
  const ranges = [...settled].map((i) => ({ offset: survey.sites[i].offset, length: bucketSize }));
  if (geometry.directory !== undefined && settled.size > 0) {
    const length = directory.length * offsetSize(format.layout);
    ranges.push({ offset: geometry.directory.offset, length });
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
  { format, geometry }: Database,
  survey: Survey,
  { loose }: FoundOrphans,
  sound: readonly Candidate[],
): Uint8Array {
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
    let atHome = 0;
    for (let i = loose.firstAtOrAfter(first); i < loose.length; i++) {
      const place = (loose.at(i) - first) / size;
      if (place >= geometry.bucketElements) break;
      if (!Number.isInteger(place)) continue;
      held[i] = 1;
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

async function rank(
  candidates: readonly Candidate[],
  free: FreeSpace,
  inUse: RecordsInUse,
  bucketSize: number,
): Promise<Candidate[]> {
  const contradicted: boolean[] = [];
  for (const { site } of candidates) contradicted.push(await inUse.isContradicted(site));
  const worth = candidates.map((candidate, n) => ({
    candidate,
    proved: candidate.proved < ENOUGH_PROVED ? 0 : candidate.proved < MOSTLY_PROVED ? 1 : 2,
    used: free.covers(candidate.site.offset, bucketSize) ? 0 : 1,
    consistent: contradicted[n] ? 0 : 1,
    // Of few elements the shared bits say little; still the deeper one is more likely the newer one.
    depth:
      candidate.range?.bits ??
      (candidate.site.used >= FEW ? candidate.site.bits - HASH_BITS : -HASH_BITS) - 1,
  }));
  worth.sort(
    (a, b) =>
      b.proved - a.proved ||
      b.used - a.used ||
      b.consistent - a.consistent ||
      b.depth - a.depth ||
      b.candidate.proved - a.candidate.proved ||
      a.candidate.site.offset - b.candidate.site.offset,
  );
  return worth.map(({ candidate }) => candidate);
}

/**
 * Whether directory entries that may be right lead elsewhere: they know a bucket that is lost, and this one is an old
 * one. A whole bucket with just the range of its entries may itself have been moved, which its head says.
 */
function isElsewhere(
  db: Database,
  site: BucketSite,
  range: HashRange,
  refuted: ReadonlySet<number>,
): boolean {
  const slots = db.directory.length;
  if (slots === 0) return false;
  const first = range.first / (HASH_RANGE / slots);
  const count = 2 ** (Math.log2(slots) - range.bits);
  let seen: number | undefined;
  for (let slot = Math.floor(first); slot < first + count; slot++) {
    const entry = db.directory[slot];
    if (!mayLead(db, entry) || refuted.has(entry)) continue;
    if (seen !== undefined && entry !== seen) return true;
    seen = entry;
  }
  if (seen === undefined || seen === site.offset) return false;
  if (site.state === 'headless') return true;
  // The run of entries is longer or shorter than the bucket's own: it is of another time.
  const before = db.directory[Math.floor(first) - 1];
  const after = db.directory[Math.floor(first) + Math.max(1, count)];
  return before === seen || after === seen;
}

/** Whether a directory entry may be right, be its bucket still in the file or not. */
function mayLead({ directory, geometry, source, header, headerLost }: Database, entry: number): boolean {
  const end = headerLost ? source.size : Math.max(source.size, header.next_block);
  return directory.length > 0 && entry >= geometry.blockSize && entry + geometry.bucketSize <= end;
}

/** Which elements of a fragment may be in force: not in free space, and not where the directory leads elsewhere. */
async function partFragment(
  db: Database,
  site: BucketSite,
  free: FreeSpace,
  refuted: ReadonlySet<number>,
): Promise<{ open: number[]; old: number[] }> {
  const parts = { open: [] as number[], old: [] as number[] };
  const bits = Math.log2(db.directory.length);
  const { size } = elementStruct(db.format.layout);
  const at = Float64Array.from(site.elements ?? []);
  const { hashes } = await readElements(db.source, db.format, at);
  for (const [i, offset] of at.entries()) {
    const entry = db.directory.length === 0 ? Number.NaN : db.directory[slotOf(hashes[i], bits)];
    const elsewhere = mayLead(db, entry) && !refuted.has(entry) && entry !== site.offset;
    (elsewhere || free.covers(offset, size) ? parts.old : parts.open).push(offset);
  }
  return parts;
}
