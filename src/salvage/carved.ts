import type { SpaceAccount } from '../check/space.js';
import type { CarvedValue } from '../carve/carve.js';
import { carve } from '../carve/carve.js';
import { KnownKeys } from '../carve/knownkeys.js';
import type { Database } from '../database/database.js';
import { isSettled } from '../database/survey.js';
import { hashKey, isPortableKey } from '../format/hash.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { FreeSpace } from '../orphans/free.js';
import { firstEndingAfter } from '../source/ranges.js';
import type { Progress } from '../source/sweep.js';
import { salvageDeleted } from './deleted.js';
import { eachKeptKey, longestKey } from './keptkeys.js';
import { PlacesBefore } from './placesbefore.js';
import { readSalvaged } from './read.js';
import type { SalvagedBatch, SalvagedRecord } from './salvage.js';
import { salvage } from './salvage.js';
import { salvageStale } from './stale.js';

/** A value that no element knows. */
export interface CarvedFind extends CarvedValue {
  /** Whether its space is listed as free, so that it was deleted or replaced. */
  readonly freed: boolean;
  /** Bytes directly before it, up to 64 KiB, that nothing else is known to have: the end of them may be its key. */
  readonly before: number;
}

/** What carving needs to know of a database. */
export interface CarveSubject {
  readonly db: Database;
  readonly survey: SearchedSurvey;
  readonly space: SpaceAccount;
}

/** Keys of known programs, which are worth looking for wherever they are not known to be: Flower's and celery beat's. */
const USUAL_KEYS = ['events', 'counter', 'entries', '__version__', 'tz', 'utc_enabled'];
/** Longer keys are not looked for. */
const MAX_KEY = 64 * 1024;
/** How often values are looked for with keys. */
const ROUNDS = 3;
/** Values that are remembered at most: 100 bytes each. */
const MAX_FINDS = 1 << 18;

/**
 * Looks for values by their own shape in all space that nothing in force has, with keys that are known from elsewhere in
 * the file or expected by the user. Those in space that is not listed as free come first, and of those the later ones:
 * of several with one key the first is the most likely, but nothing in the file tells their age.
 *
 * First values are looked for without any key, then of all keys those that are before one of them, and then again. Memory:
 * the bytes before the values, 16 MiB or those of the longest key for each but never over 48 MiB, and 100 bytes for each
 * of at most 2^18 values.
 */
export async function carveValues(
  subject: CarveSubject,
  expected: readonly Uint8Array[] = [],
  progress?: Progress,
): Promise<CarvedFind[]> {
  const { db, survey } = subject;
  const atHome = new Set<number>();
  survey.siteOfSlot.forEach((site, slot) => {
    if (isSettled(survey, slot)) atHome.add(site);
  });
  const settled = survey.sites.filter((_, i) => atHome.has(i));
  const free = await FreeSpace.read(db, settled);
  const places = new PlacesBefore(MAX_KEY);
  let keys = new KnownKeys([]);
  for (let round = 0; ; round++) {
    const known = places.length;
    const finds = await carveWith(subject, free, keys, places, progress);
    // A value that may be chance and has a key hides what is in it, so that others are asked for.
    if (places.length === known || round === ROUNDS) return finds;
    keys = await keysBefore(subject, places, expected);
    if (keys.count === 0) return finds;
  }
}

async function carveWith(
  { db, space }: CarveSubject,
  free: FreeSpace,
  keys: KnownKeys,
  places: PlacesBefore,
  progress?: Progress,
): Promise<CarvedFind[]> {
  const finds: CarvedFind[] = [];
  const ranges = space.unused();
  let end = 0;
  for await (const value of carve(db.source, {
    ranges,
    keys: () => Promise.resolve(keys),
    asked: (offset, least) => places.add(offset, least),
    ...(progress && { progress }),
  })) {
    if (finds.length === MAX_FINDS) break;
    const { offset, size } = value;
    const range = ranges.at(firstEndingAfter(ranges, offset))!;
    const before = Math.min(offset - Math.max(end, range.offset), MAX_KEY);
    end = offset + size;
    finds.push({ ...value, freed: free.covers(offset, size), before });
  }
  return finds.sort((a, b) => Number(a.freed) - Number(b.freed) || b.offset - a.offset);
}

/** Those of the values that have a key, as records. */
export async function recordsOf(db: Database, finds: readonly CarvedFind[]): Promise<SalvagedBatch> {
  const records: SalvagedRecord[] = [];
  for (const { key, size } of finds) {
    if (key === undefined) continue;
    const bytes = await db.source.read(key.offset, key.size);
    records.push({
      provenance: 'carved',
      hash: hashKey(bytes, 'signed'),
      hashChar: isPortableKey(bytes) ? 'either' : 'signed',
      offset: key.offset,
      keySize: key.size,
      dataSize: size,
      // No bucket knows it.
      bucket: -1,
      element: -1,
    });
  }
  return records;
}

/** Of the keys that are expected, and of every key that an element of any age proves, those that are before one of the places. */
async function keysBefore(
  { db, survey }: CarveSubject,
  places: PlacesBefore,
  expected: readonly Uint8Array[],
): Promise<KnownKeys> {
  const usual = USUAL_KEYS.map((key) => new TextEncoder().encode(key));
  const keys = new KnownKeys([]);
  let all = 0;
  const { examination } = survey;
  const longest = examination === undefined ? MAX_KEY : await longestKey(db, survey, examination, MAX_KEY);
  const endings = await places.read(
    db.source,
    [...expected, ...usual].reduce((most, { length }) => Math.max(most, length), longest),
  );
  const add = (key: Uint8Array) => {
    all++;
    if (endings.has(key)) keys.add(key);
  };
  [...expected, ...usual].forEach(add);
  const older = [salvageStale(db, survey), salvageDeleted(db, survey)];
  if (examination !== undefined) await eachKeptKey(db, survey, examination, MAX_KEY, add);
  for (const batches of examination === undefined ? [salvage(db, survey), ...older] : older) {
    for await (const { record, bytes: key } of readSalvaged(db.source, batches, 'key')) {
      if (key !== undefined && record.keySize <= MAX_KEY) add(key);
    }
  }
  keys.elsewhere = Math.max(0, all - keys.count);
  return keys;
}
