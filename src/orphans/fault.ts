import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { isReadable } from '../database/survey.js';
import { headerStruct } from '../format/header.js';
import type { Fault } from '../source/views.js';
import { shifted } from '../source/views.js';
import type { Progress } from '../source/sweep.js';
import type { SearchedSurvey } from './adopt.js';
import { CutBuckets } from './cutbuckets.js';
import { askDirectory, entriesAround, isBucketBefore, readTwice } from './directoryfault.js';
import { faultAt } from './faultat.js';
import { FaultEvidence, narrow } from './faultplace.js';
import { findLastBucketFault } from './lastbucketfault.js';
import type { LedKeys } from './ledkeys.js';
import { keysThere, readLedKeys, readLedKeysWithin } from './ledkeys.js';
import type { WantedKey } from './locate.js';
import { locateKeys, MIN_LOCATED } from './locate.js';
import { reachesOver } from './reachover.js';
import { wholeBuckets } from './wholebuckets.js';
import { Votes } from './votes.js';

/** Keys that are looked at to see whether there is a fault at all. */
const SAMPLE = 1 << 12;
/** Keys by which its place is found: 50 bytes each while they are held against their hashes. */
const MOST = 1 << 18;
/** Keys that are looked for to find out how much is missing. */
const MAX_WANTED = 2000;
/** Keys that say the same, at least: one or two may be old copies. */
const FEW = 3;
/** Behind a fault no key is where it should be, but for one of so many that chances to be there. */
const CHANCE = 8;
/** Bytes around the place that some of the keys tell, in which all are asked. */
const AROUND = 1 << 16;
/** Distances that are tried, the most common ones. */
const TRIED = 3;

/**
 * Finds out whether bytes are missing from the middle of a file, or were put into it: from some place on no key is where
 * its element leads, to the file's end, but as many bytes from there as others are. The keys of all buckets are asked,
 * also of those that a scan found and that were not believed because of their keys.
 *
 * @param most keys looked at to find its place, where fewer are wanted
 * @returns undefined if nothing says so
 */
export async function findFault(
  db: Database,
  survey: SearchedSurvey,
  progress?: Progress,
  most = MOST,
): Promise<Fault | undefined> {
  if (db.missing !== 0 || db.fault !== undefined) return undefined;
  const { sites, stale, claims, examination } = survey;
  const isOrphaned =
    claims.open().next().done !== true ||
    stale.some(({ state }) => state === 'sound') ||
    sites.some(({ state }) => state !== 'sound');
  if (examination?.hasMisfit === false && !isOrphaned && missingByHeader(db) <= 0) return undefined;
  const readable = [...sites, ...stale].filter((site) => site.used > 0 && isReadable(site));
  const possible = readable.filter(({ state }) => state !== 'malformed');
  const found = await findAmong(db, possible, most, progress);
  if (found !== undefined) return found;
  // What is behind it may belong to the bucket that it cuts, and to no other.
  const byDamaged =
    possible.length < readable.length ? await findAmong(db, readable, most, progress) : undefined;
  return byDamaged ?? (await findByShifted(db, readable, most)) ?? findLastBucketFault(db, sites);
}

/** Finds a fault in front of all elements that lead behind it: they are themselves as many bytes before where they belong. */
async function findByShifted(
  db: Database,
  sites: readonly BucketSite[],
  most: number,
): Promise<Fault | undefined> {
  const told = missingByHeader(db);
  if (told === 0) return undefined;
  const source = shifted(db.source, told);
  const { bucketSize } = db.geometry;
  const there = sites.filter(
    ({ elements, offset }) => elements === undefined && offset + bucketSize <= source.size,
  );
  return findAmong(db, there, most, undefined, { ...db, source });
}

/**
 * Finds a fault by the keys of some buckets.
 *
 * @param buckets the database as these buckets are read
 */
async function findAmong(
  db: Database,
  sites: readonly BucketSite[],
  most: number,
  progress?: Progress,
  buckets = db,
): Promise<Fault | undefined> {
  const sample = await readLedKeys(buckets, sites, SAMPLE);
  const lost = lostFromSomewhereOn(sample, await keysThere(db, sample, 0));
  // Of a file that was cut off, those behind its end are lost and no others.
  const isInside = lost.some((n) => sample.offsets[n] + sample.sizes[n] <= db.source.size);
  const told = missingByHeader(db);
  if (lost.length === 0 || (told === 0 && (!isInside || lost.length < FEW))) return undefined;
  // Buckets that are read as if so many bytes were missing as the header tells say nothing of other distances.
  const isSearched = buckets === db && isInside && lost.length >= FEW;
  let best: { missing: number; found: number } | undefined;
  const searched = isSearched ? await distances(db, sample, lost, progress) : [];
  // Keys may be too short to be looked for, but not to be asked for at one place.
  for (const missing of new Set([...searched, differenceOfHeader(db)])) {
    if (missing === 0) continue;
    const isThere = await keysThere(db, sample, missing);
    const found = lost.filter((n) => isThere[n] === 1);
    if (found.length < fewFor(db, missing) || found.length <= (best?.found ?? 0)) continue;
    const isCut =
      found.length >= FEW ||
      missing < 0 ||
      buckets !== db ||
      (await areNoCopies(db, sample, found)) ||
      (await isBucketBefore(db, sites, missing)) ||
      (await reachesOver(db, sites, firstOf(sample, found) - missing));
    if (isCut) best = { missing, found: found.length };
  }
  return best && placeFault(db, sites, best.missing, most, buckets);
}

/**
 * Whether a few keys that are before where they should be are no old copies just before records that were never written. Those
 * records would be behind the end of the file or where there are zeroes, and two keys are hardly ever stored anew as far from
 * each other as before: a value of the same size takes the place of the old one.
 */
async function areNoCopies(
  { source }: Database,
  { offsets, sizes }: LedKeys,
  numbers: readonly number[],
): Promise<boolean> {
  const inside = numbers.filter((n) => offsets[n] + sizes[n] <= source.size);
  if (inside.length > 1) return true;
  for (const n of inside) {
    const bytes = await source.read(offsets[n], sizes[n]);
    if (bytes.some((byte) => byte !== 0)) return true;
  }
  return false;
}

function firstOf({ offsets }: LedKeys, numbers: readonly number[]): number {
  return numbers.reduce((first, n) => Math.min(first, offsets[n]), Infinity);
}

/** A header that says that a larger share of the file is missing, or was put in, tells nothing: another file may follow it. */
const MOST_TOLD = 1 / 3;

/** Bytes that the file is smaller than its header says; negative where it is larger, 0 where nothing tells. */
function missingByHeader(db: Database): number {
  const missing = differenceOfHeader(db);
  return Math.abs(missing) <= db.source.size * MOST_TOLD ? missing : 0;
}

/** The same, also where it alone tells nothing. */
function differenceOfHeader({ source, header, headerLost }: Database): number {
  const missing = headerLost ? 0 : header.next_block - source.size;
  return Math.abs(missing) < source.size ? missing : 0;
}

/** Whether the header says, too, that so many bytes are missing. */
export function isToldByHeader(db: Database, missing: number): boolean {
  return missing === missingByHeader(db);
}

/** Keys that say the same, at least: where the header says it, too, one is enough. */
function fewFor(db: Database, missing: number): number {
  return isToldByHeader(db, missing) ? 1 : FEW;
}

/** Numbers of the keys that are not where they should be, from the place on behind which hardly any is. */
function lostFromSomewhereOn({ length, offsets }: LedKeys, there: Uint8Array): number[] {
  const order = Uint32Array.from({ length }, (_, n) => n).sort((a, b) => offsets[b] - offsets[a]);
  const lost: number[] = [];
  let last = 0;
  let found = 0;
  for (const n of order) {
    if (there[n] === 1) found++;
    else {
      lost.push(n);
      if (found === 0 || (lost.length >= FEW && found * CHANCE <= lost.length)) last = lost.length;
    }
  }
  return lost.slice(0, last);
}

/** By how many bytes most of the lost keys are before where they should be, the most common ones first. */
async function distances(
  { source }: Database,
  { offsets, sizes, hashes, starts }: LedKeys,
  lost: readonly number[],
  progress?: Progress,
): Promise<number[]> {
  const wanted: WantedKey[] = [];
  const step = Math.max(1, Math.ceil(lost.length / MAX_WANTED));
  for (let i = 0; i < lost.length; i += step) {
    const n = lost[i];
    // Shorter ones stand by chance at many a place, but can be asked for at one.
    if (sizes[n] < MIN_LOCATED) continue;
    wanted.push({ hash: hashes[n], size: sizes[n], pointer: offsets[n], start: starts[n] });
  }
  if (wanted.length === 0) return [];
  const votes = new Votes();
  const vote = ({ pointer }: WantedKey, at: number) => votes.add(pointer - at);
  await locateKeys(source, wanted, vote, progress);
  return (
    votes
      .all()
      // No more was lost than is left: who reads the file as it was reads what is missing, too.
      .filter(([missing]) => missing !== 0 && Math.abs(missing) < source.size)
      .sort(([, a], [, b]) => b - a)
      .slice(0, TRIED)
      .map(([missing]) => missing)
  );
}

/** Where it is that so many bytes are missing; undefined where that explains nothing. */
async function placeFault(
  db: Database,
  sites: readonly BucketSite[],
  missing: number,
  most: number,
  buckets: Database,
): Promise<Fault | undefined> {
  const { source, format, geometry, headerLost } = db;
  const evidence = new FaultEvidence();
  evidence.before(headerLost ? 0 : headerStruct(format.layout).size);
  const askKeys = async (keys: LedKeys) => {
    const there = await keysThere(db, keys, 0);
    const before = await keysThere(db, keys, missing);
    for (let n = 0; n < keys.length; n++) {
      // A key that is at both places says nothing.
      if (there[n] === before[n]) continue;
      if (there[n] === 1) evidence.before(keys.offsets[n] + keys.sizes[n]);
      else evidence.behind(keys.offsets[n], missing);
    }
  };
  await askKeys(await readLedKeys(buckets, sites, most));
  if (sites.reduce((sum, { used }) => sum + used, 0) > most) {
    // Of very many keys some tell about where it is, and all that are there where.
    const { first, last } = evidence.best();
    const around = { first: first - AROUND, last: last + Math.max(0, missing) + AROUND };
    await askKeys(await readLedKeysWithin(buckets, sites, around, MOST));
  }
  const directory = await readTwice(db, missing);
  if (directory !== undefined) await askDirectory(db, directory, sites, missing, evidence);
  const { gain, against, ...between } = evidence.best();
  // What is at its own place behind it says that it is no fault, but another database that follows this one.
  if (gain < fewFor(db, missing) || against * CHANCE > 1) return undefined;
  const whole = await wholeBuckets(db, sites, between);
  const { bucketSize } = geometry;
  const entries = directory === undefined ? new Float64Array(0) : entriesAround(db, directory, between);
  const cut = new CutBuckets(db, entries, between, missing);
  const place = await narrow(between, missing, whole, bucketSize, cut);
  // Without its beginning it is another kind of damage.
  if (place.first <= 0 || place.first > source.size) return undefined;
  return faultAt(source, missing, place, against === 0 ? between : undefined);
}
