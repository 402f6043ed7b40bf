import type { SpaceAccount } from '../check/space.js';
import type { CarvedValue, CarveOptions } from './carve.js';
import { carve } from './carve.js';
import { KnownKeys } from './knownkeys.js';
import type { Database } from '../database/database.js';
import { settledSites } from '../database/survey.js';
import { hashKey, isPortableKey } from '../format/hash.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { FreeSpace } from '../orphans/free.js';
import { firstEndingAfter } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import type { Progress } from '../source/sweep.js';
import { salvageDeleted } from './deleted.js';
import { eachKeptKey } from './keptkeys.js';
import { readSalvaged } from './read.js';
import type { SalvagedBatch, SalvagedRecord } from './salvage.js';
import { salvage } from './salvage.js';
import { salvageStale } from './stale.js';

/** A value without an element. */
export interface CarvedFind extends CarvedValue {
  /** True if its space is listed as free, so that it was deleted or replaced. */
  readonly freed: boolean;
  /** Bytes directly before it, up to 64 KiB, that nothing else is known to use; they may end with its key. */
  readonly before: number;
}

/** A database to be carved, with its survey and its account of space. */
export interface CarveSubject {
  readonly db: Database;
  readonly survey: SearchedSurvey;
  readonly space: SpaceAccount;
}

/** Keys of known programs, Flower and celery beat, which are looked for in every file. */
const USUAL_KEYS = ['events', 'counter', 'entries', '__version__', 'tz', 'utc_enabled'];
/** Bytes of known keys held at most. */
const MAX_KEY_BYTES = 32 << 20;
/** Longer keys are not looked for. */
const MAX_KEY = 64 * 1024;
/** Values that are remembered at most: 100 bytes each. */
const MAX_FINDS = 1 << 18;

/**
 * Searches all space that nothing in force uses for values by their own shape, with keys that are known from
 * elsewhere in the file or expected by the user. Values in space that is not listed as free come first, and of each
 * kind those with higher offsets: of several with one key the first is the most likely, but nothing in the file tells
 * their age.
 *
 * Memory: the keys, up to 32 MiB, and 100 bytes for each of at most 2^18 values.
 */
export async function carveValues(
  { db, survey, space }: CarveSubject,
  expected: readonly Uint8Array[] = [],
  progress?: Progress,
): Promise<CarvedFind[]> {
  let known: Promise<KnownKeys> | undefined;
  const keys = () => (known ??= keysOf(db, survey, expected));
  const settled = Array.from(settledSites(survey), (index) => survey.sites[index]);
  const free = await FreeSpace.read(db, settled);
  const isFreed = (offset: number, size: number) => free.covers(offset, size);
  return findValues(db.source, { ranges: space.unused(), keys, isFreed, ...(progress && { progress }) });
}

/**
 * Searches all of a file of which nothing else is known for values, with expected keys and those of known programs.
 */
export async function carveUnknown(
  source: Source,
  expected: readonly Uint8Array[] = [],
  progress?: Progress,
): Promise<CarvedFind[]> {
  const keys = () => Promise.resolve(usualKeys(expected));
  const ranges = [{ offset: 0, length: source.size }];
  return findValues(source, { ranges, keys, isFreed: () => false, ...(progress && { progress }) });
}

async function findValues(
  source: Source,
  { isFreed, ...options }: CarveOptions & { readonly isFreed: (offset: number, size: number) => boolean },
): Promise<CarvedFind[]> {
  const { ranges } = options;
  const finds: CarvedFind[] = [];
  let end = 0;
  for await (const value of carve(source, options)) {
    if (finds.length === MAX_FINDS) break;
    const { offset, size } = value;
    const range = ranges.at(firstEndingAfter(ranges, offset))!;
    const before = Math.min(offset - Math.max(end, range.offset), MAX_KEY);
    end = offset + size;
    finds.push({ ...value, freed: isFreed(offset, size), before });
  }
  return finds.sort((a, b) => Number(a.freed) - Number(b.freed) || b.offset - a.offset);
}

/** Keys that are expected, and those of known programs. */
function usualKeys(expected: readonly Uint8Array[]): KnownKeys {
  const usual = USUAL_KEYS.map((key) => new TextEncoder().encode(key));
  return new KnownKeys([...expected, ...usual], { maxBytes: MAX_KEY_BYTES });
}

/** The values that have a key, as records. */
export async function recordsOf(source: Source, finds: readonly CarvedFind[]): Promise<SalvagedBatch> {
  const records: SalvagedRecord[] = [];
  for (const { key, size } of finds) {
    if (key === undefined) continue;
    const bytes = await source.read(key.offset, key.size);
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

/** The keys that are expected, and every key that an element of any age proves. */
async function keysOf(
  db: Database,
  survey: SearchedSurvey,
  expected: readonly Uint8Array[],
): Promise<KnownKeys> {
  const keys = usualKeys(expected);
  const { examination } = survey;
  const older = [salvageStale(db, survey), salvageDeleted(db, survey)];
  if (examination !== undefined) await eachKeptKey(db, survey, examination, MAX_KEY, (key) => keys.add(key));
  for (const batches of examination === undefined ? [salvage(db, survey), ...older] : older) {
    for await (const { record, bytes: key } of readSalvaged(db.source, batches, 'key')) {
      if (key !== undefined && record.keySize <= MAX_KEY) keys.add(key);
    }
  }
  return keys;
}
