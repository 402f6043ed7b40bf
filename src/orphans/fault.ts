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
import { keysInPlace, keysThere, readLedKeys, readLedKeysWithin } from './ledkeys.js';
import type { WantedKey } from './locate.js';
import { locateKeys, MIN_LOCATED } from './locate.js';
import { reachesOver } from './reachover.js';
import { wholeBuckets } from './wholebuckets.js';
import { Votes } from './votes.js';

/** Keys that are sampled to tell whether there is a fault. */
const SAMPLE = 1 << 12;
/** Keys that locate the fault: 50 bytes each while they are compared with their hashes. */
const MOST = 1 << 18;
/** Maximum number of keys that are searched for to find the number of missing bytes. */
const MAX_WANTED = 2000;
/** Minimum number of keys that agree: one or two may be old copies. */
const FEW = 3;
/** After a fault no key is where it should be, except for one in this many, by chance. */
const CHANCE = 8;
/** Bytes before and after the range given by the sampled keys, in which all keys are tested. */
const AROUND = 1 << 16;
/** Number of distances that are tried, the most common ones. */
const TRIED = 3;

/**
 * Finds out whether bytes are missing from the middle of a file or were inserted. From the fault to the end of the
 * file no key is where its element leads, but all are shifted by the same number of bytes. The keys of all buckets
 * count, including buckets that a scan found and rejected because of their keys.
 *
 * @param most maximum number of keys that are read to find the place
 * @returns undefined if there is no evidence of a fault
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
  const found = await findAmong(db, survey, possible, most, progress);
  if (found !== undefined) return found;
  // The records after the fault may belong only to the bucket that it cuts, so damaged buckets are included.
  const byDamaged =
    possible.length < readable.length ? await findAmong(db, survey, readable, most, progress) : undefined;
  return byDamaged ?? (await findByShifted(db, survey, readable, most)) ?? findLastBucketFault(db, sites);
}

/**
 * Finds a fault that lies before all elements that lead past it: those elements are themselves shifted by the fault.
 */
async function findByShifted(
  db: Database,
  survey: SearchedSurvey,
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
  return findAmong(db, survey, there, most, undefined, { ...db, source });
}

/**
 * Finds a fault by the keys of some buckets.
 *
 * @param buckets the database that these buckets are read from
 */
async function findAmong(
  db: Database,
  survey: SearchedSurvey,
  sites: readonly BucketSite[],
  most: number,
  progress?: Progress,
  buckets = db,
): Promise<Fault | undefined> {
  const sample = await readLedKeys(buckets, sites, SAMPLE);
  const isThere = buckets === db ? await keysInPlace(db, sample, survey) : await keysThere(db, sample, 0);
  const lost = lostFromSomewhereOn(sample, isThere);
  // In a file that was only cut off, just the keys after its end are lost.
  const isInside = lost.some((n) => sample.offsets[n] + sample.sizes[n] <= db.source.size);
  const told = missingByHeader(db);
  if (lost.length === 0 || (told === 0 && (!isInside || lost.length < FEW))) return undefined;
  // Buckets read with the shift that the header gives say nothing about other distances.
  const isSearched = buckets === db && isInside && lost.length >= FEW;
  let best: { missing: number; found: number } | undefined;
  const searched = isSearched ? await distances(db, sample, lost, progress) : [];
  // Keys may be too short for a search, but can be tested at one place.
  for (const missing of new Set([...searched, differenceOfHeader(db)])) {
    if (missing === 0) continue;
    const isShifted = await keysThere(db, sample, missing);
    const found = lost.filter((n) => isShifted[n] === 1);
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
 * Returns true if a few keys that were found before their place are not old copies of records that were never
 * written. The places of unwritten records would be after the end of the file or filled with zeroes. Two keys are
 * hardly ever stored anew at the same distance from each other: a value of the same size replaces the old one in
 * place.
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

/**
 * Maximum share of the file that the header may say is missing or inserted. Beyond it the header is not evidence, as
 * another file may follow this one.
 */
const MOST_TOLD = 1 / 3;

/**
 * Number of bytes by which the file is smaller than its header says; negative if it is larger, 0 without evidence.
 */
function missingByHeader(db: Database): number {
  const missing = differenceOfHeader(db);
  return Math.abs(missing) <= db.source.size * MOST_TOLD ? missing : 0;
}

/** Difference between the header's size and the file's, even if it is no evidence by itself. */
function differenceOfHeader({ source, header, headerLost }: Database): number {
  const missing = headerLost ? 0 : header.next_block - source.size;
  return Math.abs(missing) < source.size ? missing : 0;
}

/** Returns true if the header also says that this number of bytes is missing. */
export function isToldByHeader(db: Database, missing: number): boolean {
  return missing === missingByHeader(db);
}

/** Minimum number of keys that agree: one is enough if the header agrees too. */
function fewFor(db: Database, missing: number): number {
  return isToldByHeader(db, missing) ? 1 : FEW;
}

/** Indexes of the keys that are not in place, from the point on after which hardly any key is in place. */
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

/** Distances of the lost keys from their place, the most common ones first. */
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
    // Shorter keys occur at many places by chance, but can be tested at one place.
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
      // No more was lost than is left: a reader that restores the original layout reads the missing bytes too.
      .filter(([missing]) => missing !== 0 && Math.abs(missing) < source.size)
      .sort(([, a], [, b]) => b - a)
      .slice(0, TRIED)
      .map(([missing]) => missing)
  );
}

/** Finds the place at which the bytes are missing; undefined if no place explains the evidence. */
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
    // With very many keys, a sample gives a rough range, and all keys in that range then give the place.
    const { first, last } = evidence.best();
    const around = { first: first - AROUND, last: last + Math.max(0, missing) + AROUND };
    await askKeys(await readLedKeysWithin(buckets, sites, around, MOST));
  }
  const directory = await readTwice(db, missing);
  if (directory !== undefined) await askDirectory(db, directory, sites, missing, evidence);
  const { gain, against, ...between } = evidence.best();
  // Keys that are in place after the fault show that another database follows this one, and that there is no fault.
  if (gain < fewFor(db, missing) || against * CHANCE > 1) return undefined;
  const whole = await wholeBuckets(db, sites, between);
  const { bucketSize } = geometry;
  const entries = directory === undefined ? new Float64Array(0) : entriesAround(db, directory, between);
  const cut = new CutBuckets(db, entries, between, missing);
  const place = await narrow(between, missing, whole, bucketSize, cut);
  // A lost beginning is another kind of damage.
  if (place.first <= 0 || place.first > source.size) return undefined;
  return faultAt(source, missing, place, against === 0 ? between : undefined);
}
