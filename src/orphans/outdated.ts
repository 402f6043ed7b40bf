import type { HashRange } from '../database/claims.js';
import type { Database } from '../database/database.js';
import type { BucketSite, Survey } from '../database/survey.js';
import { isSettled } from '../database/survey.js';
import { HASH_RANGE } from '../format/hash.js';
import type { Candidate } from './candidates.js';
import { UNSEEN } from './candidates.js';
import { Cover } from './cover.js';
import { FreeSpace } from './free.js';
import { RecordsInUse } from './inuse.js';
import { Kin } from './kin.js';
import { placesInUse } from './overlaps.js';

/** Of a longer record only so many bytes count as in use: its size may be wrong. */
const REACH = 4096;

/**
 * Which places that the directory leads to hold no bucket in force: a page of the directory that was never written leads
 * to what was there before. A bucket keeps its place until it is split and two never become one again, so whole buckets
 * that are deeper are newer ones: where they have all hashes of what the directory leads to, that was split. What is left
 * of a split that was not finished has but some of the hashes, and says nothing, unless the space of the shallower bucket is listed
 * as free; and a place at which there is a record in force is no bucket's.
 *
 * @returns indexes of sites
 */
export async function findOutdated(
  db: Database,
  survey: Survey,
  candidates: readonly Candidate[],
): Promise<Set<number>> {
  const outdated = new Set<number>();
  const led = readLed(survey);
  const ranges = [...led.settled.values()];
  let found = candidates.filter(isBelievable);
  const first = new Cover([...ranges, ...rangesOf(found)]);
  const contested = [...led.settled].filter(([, range]) => first.reachesInto(range));
  if (contested.length === 0 && led.others.size === 0) return outdated;

  // What nothing contests tells which of the deeper buckets may be in force.
  const isContested = new Set(contested.map(([index]) => index));
  const inForce = [...led.settled.keys()].filter((i) => !isContested.has(i)).map((i) => survey.sites[i]);
  const all = [...led.settled.keys()].map((i) => survey.sites[i]);
  const kin = await Kin.read(db, all, candidates);
  if (kin !== undefined) found = found.map((one) => kin.judge(one)).filter(isBelievable);
  const free = await FreeSpace.read(db, inForce);
  const inUse = await RecordsInUse.read(db, inForce);
  const places = found.map(({ site }) => site.offset);
  const overwritten = await placesInUse(db, places, inForce, REACH);
  const newer: Candidate[] = [];
  for (const one of found) {
    const { offset } = one.site;
    if (overwritten.has(offset) || free.covers(offset, db.geometry.bucketSize)) continue;
    if (!(await inUse.isContradicted(one.site))) newer.push(one);
  }
  const cover = new Cover([...ranges, ...rangesOf(newer)]);

  // 1. Buckets that were split.
  for (const [index, range] of contested) {
    const isFree = () => free.covers(survey.sites[index].offset, db.geometry.bucketSize);
    if (cover.splits(range) || (cover.reachesInto(range) && isFree())) outdated.add(index);
  }

  // 2. What is no bucket, or is no more.
  const settled = [...led.settled].filter(([index]) => !outdated.has(index));
  const ruled = new Cover(settled.map(([, range]) => range));
  const sites = settled.map(([index]) => survey.sites[index]);
  const records = await placesInUse(
    db,
    [...led.others.keys()].map((index) => survey.sites[index].offset),
    [...sites, ...newer.map(({ site }) => site)],
    REACH,
  );
  for (const [index, runs] of led.others) {
    const { state, offset } = survey.sites[index];
    const isSplit = runs.every(({ slots, bits }) => slots.every((slot) => cover.covers(slot, bits + 1)));
    const isRuled = () =>
      runs.every(({ slots, bits }) =>
        slots.every((slot) => ruled.covers(slot, 0) || cover.covers(slot, bits)),
      );
    if (isSplit || (state === 'malformed' && records.has(offset) && isRuled())) outdated.add(index);
  }
  return outdated;
}

/** Whether a bucket that a scan found is whole, and most of its keys are there. */
function isBelievable({ site, range, proved }: Candidate): boolean {
  return site.state === 'sound' && range !== undefined && proved > UNSEEN;
}

function rangesOf(candidates: readonly Candidate[]): HashRange[] {
  return candidates.flatMap(({ range }) => range ?? []);
}

/** Slots in a row whose entries are the same. */
interface Run {
  readonly slots: readonly HashRange[];
  /** How deep a bucket with so many slots is. */
  readonly bits: number;
}

/** What a directory leads to, by indexes of sites. */
interface Led {
  /** Buckets with a slot that is their own, and all hashes that they say are theirs. */
  readonly settled: ReadonlyMap<number, HashRange>;
  /** What is no bucket that can be read as it is, and which slots lead there. */
  readonly others: ReadonlyMap<number, readonly Run[]>;
}

function readLed(survey: Survey): Led {
  const { sites, siteOfSlot } = survey;
  const settled = new Map<number, HashRange>();
  const others = new Map<number, Run[]>();
  const slots = siteOfSlot.length;
  const bits = Math.log2(slots);
  const share = HASH_RANGE / slots;
  for (let slot = 0, end: number; slot < slots; slot = end) {
    const index = siteOfSlot[slot];
    end = slot + 1;
    while (end < slots && siteOfSlot[end] === index) end++;
    if (index < 0) continue;
    const site: BucketSite = sites[index];
    if (site.state === 'sound') {
      for (let own = slot; own < end && !settled.has(index); own++) {
        if (isSettled(survey, own)) settled.set(index, { first: site.ownFirst * share, bits: site.bits });
      }
    } else if (site.state !== 'unread') {
      const run = Array.from({ length: end - slot }, (_, n) => ({ first: (slot + n) * share, bits }));
      const depth = bits - Math.floor(Math.log2(end - slot));
      others.set(index, [...(others.get(index) ?? []), { slots: run, bits: depth }]);
    }
  }
  return { settled, others };
}
