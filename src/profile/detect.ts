import { hashKey } from '../format/hash.js';
import type { SalvagedBatch, SalvagedRecord } from '../salvage/salvage.js';
import { exact } from '../source/source.js';
import type { Source } from '../source/source.js';
import type { Profile, ProfileName } from './profiles.js';
import { PROFILES } from './profiles.js';
import { looksLikePickle } from './value.js';

/** An element in use whose record is lost; its hash and its key's size tell which of a few keys it was. */
export interface LostElement {
  readonly hash: number;
  /** Bytes. */
  readonly keySize: number;
}

/** What tells a profile: keys that a program alone uses, or values that are pickles. */
export type FoundBy = 'by its keys' | 'by its values';

/** Records looked at, at most: the keys of a program's own are few, and more of a shelve's tell no more. */
const LOOKED_AT = 64;
/** Longer keys are no program's own; of them so many bytes are looked at. */
const KEY_BYTES = 256;
/** A class that tells is named within so many bytes. */
const CLASS_WITHIN = 4096;
/** Of a shelve's records one in so many may have a key that is no text, or a value without any mark of a pickle. */
const STRANGE = 4;

/**
 * Tells from the first records, at most {@link LOOKED_AT}, which program's database it is.
 *
 * A program's own keys tell it if there are no others, as another program may well have an `events` among its keys, and
 * if a value has the marks of a pickle. Keys that are lost count by their hashes: without, a Flower whose `events` is
 * lost would not be one. Other databases are shelves if all records, but for a few, have a key that is text and a value
 * with the marks of a pickle.
 *
 * @returns `none` where nothing tells, and where there is nothing
 * @throws SourceError if the source cannot be read
 */
export async function detectProfile(
  given: Source,
  records: AsyncIterable<SalvagedBatch>,
  lost: readonly LostElement[] = [],
): Promise<{ name: ProfileName; by: FoundBy }> {
  const source = exact(given);
  const looked = await firstRecords(records);
  const values = new Map<string, SalvagedRecord>();
  let pickles = 0;
  let areText = true;
  for (const record of looked) {
    const { offset, keySize, dataSize } = record;
    const key = asText(await source.read(offset, Math.min(keySize, KEY_BYTES)), keySize > KEY_BYTES);
    if (key === undefined) {
      areText = false;
      continue;
    }
    values.set(key, record);
    if (await looksLikePickle(source, offset + keySize, dataSize)) pickles++;
  }
  if (areText && (pickles > 0 || looked.length === 0)) {
    for (const profile of PROFILES) {
      if (await isToldBy(source, profile, values, lost)) return { name: profile.name, by: 'by its keys' };
    }
  }
  const strange = looked.length - pickles;
  if (looked.length > 0 && strange * STRANGE <= looked.length) return { name: 'shelve', by: 'by its values' };
  return { name: 'none', by: 'by its keys' };
}

async function isToldBy(
  source: Source,
  { keys: own, toldBy, toldByClass }: Profile,
  values: ReadonlyMap<string, SalvagedRecord>,
  lost: readonly LostElement[],
): Promise<boolean> {
  const names = own.map(({ key }) => key);
  if ([...values.keys()].some((key) => !names.includes(key))) return false;
  const there = names.filter((key) => values.has(key) || lost.some((one) => isOf(one, key)));
  if (toldBy.some((set) => set.every((key) => there.includes(key)))) return true;
  const record = toldByClass && values.get(toldByClass.key);
  if (record === undefined) return false;
  const { offset, keySize, dataSize } = record;
  const start = await source.read(offset + keySize, Math.min(dataSize, CLASS_WITHIN));
  return new TextDecoder('latin1').decode(start).includes(toldByClass!.className);
}

/** Whether a lost record's key was this one: its hash of 31 bits says so, and its size. */
function isOf({ hash, keySize }: LostElement, key: string): boolean {
  const bytes = new TextEncoder().encode(key);
  return keySize === bytes.length && hash === hashKey(bytes, 'signed');
}

async function firstRecords(records: AsyncIterable<SalvagedBatch>): Promise<SalvagedRecord[]> {
  const first: SalvagedRecord[] = [];
  for await (const batch of records) {
    first.push(...batch.slice(0, LOOKED_AT - first.length));
    if (first.length === LOOKED_AT) break;
  }
  return first;
}

/** A key as a shelve reads it, undefined if it is no UTF-8; a long one may be cut inside a character. */
export function asText(key: Uint8Array, cut: boolean): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(key, { stream: cut });
  } catch {
    return undefined;
  }
}
