import { hashKey } from '../format/hash.js';
import type { SalvagedBatch, SalvagedRecord } from '../salvage/salvage.js';
import { exact } from '../source/source.js';
import type { Source } from '../source/source.js';
import type { Profile, ProfileName } from './profiles.js';
import { PROFILES } from './profiles.js';
import { looksLikePickle } from '../pickle/walk.js';

/** An element in use whose record is lost; its hash and its key's size identify one of a few known keys. */
export interface LostElement {
  readonly hash: number;
  /** Bytes. */
  readonly keySize: number;
}

/** Evidence of a profile: keys that only one program uses, or values that are pickles. */
export type FoundBy = 'by its keys' | 'by its values';

/** Records that are read at most: a program has few keys of its own, and more of a shelve's add no evidence. */
const MAX_RECORDS = 64;
/** Bytes of a key that are read: a program's own keys are shorter. */
const KEY_BYTES = 256;
/** Bytes at the start of a value that name its class. */
const CLASS_BYTES = 4096;
/** A shelve is recognised if at most one in so many records has a key that is no text, or a value that is no pickle. */
const MAX_STRANGE = 4;

/**
 * Detects from the first records, at most {@link MAX_RECORDS}, the program whose database it is.
 *
 * A program is recognised by its own keys if there are no others, because another program may have an `events` among its
 * keys, and if a value looks like a pickle. Lost keys count by their hashes: otherwise a Flower without its `events` would
 * not be recognised. Another database is a shelve if nearly all records have a key that is text and a value that looks like
 * a pickle.
 *
 * @returns `none` without evidence, and for an empty database
 * @throws SourceError if the source cannot be read
 */
export async function detectProfile(
  given: Source,
  records: AsyncIterable<SalvagedBatch>,
  lost: readonly LostElement[] = [],
): Promise<{ name: ProfileName; by: FoundBy }> {
  const source = exact(given);
  const first = await firstRecords(records);
  const values = new Map<string, SalvagedRecord>();
  let pickles = 0;
  let areText = true;
  for (const record of first) {
    const { offset, keySize, dataSize } = record;
    const key = asText(await source.read(offset, Math.min(keySize, KEY_BYTES)), keySize > KEY_BYTES);
    if (key === undefined) {
      areText = false;
      continue;
    }
    values.set(key, record);
    if (await looksLikePickle(source, offset + keySize, dataSize)) pickles++;
  }
  if (areText && (pickles > 0 || first.length === 0)) {
    for (const profile of PROFILES) {
      if (await matches(source, profile, values, lost)) return { name: profile.name, by: 'by its keys' };
    }
  }
  const strange = first.length - pickles;
  if (first.length > 0 && strange * MAX_STRANGE <= first.length)
    return { name: 'shelve', by: 'by its values' };
  return { name: 'none', by: 'by its keys' };
}

async function matches(
  source: Source,
  { keys: own, keySets, keyWithClass }: Profile,
  values: ReadonlyMap<string, SalvagedRecord>,
  lost: readonly LostElement[],
): Promise<boolean> {
  const names = own.map(({ key }) => key);
  if ([...values.keys()].some((key) => !names.includes(key))) return false;
  const there = names.filter((key) => values.has(key) || lost.some((one) => hasKey(one, key)));
  if (keySets.some((set) => set.every((key) => there.includes(key)))) return true;
  const record = keyWithClass && values.get(keyWithClass.key);
  if (record === undefined) return false;
  const { offset, keySize, dataSize } = record;
  const start = await source.read(offset + keySize, Math.min(dataSize, CLASS_BYTES));
  return new TextDecoder('latin1').decode(start).includes(keyWithClass!.className);
}

/** Returns true if a lost record had this key: its hash of 31 bits and its size match. */
function hasKey({ hash, keySize }: LostElement, key: string): boolean {
  const bytes = new TextEncoder().encode(key);
  return keySize === bytes.length && hash === hashKey(bytes, 'signed');
}

async function firstRecords(records: AsyncIterable<SalvagedBatch>): Promise<SalvagedRecord[]> {
  const first: SalvagedRecord[] = [];
  for await (const batch of records) {
    first.push(...batch.slice(0, MAX_RECORDS - first.length));
    if (first.length === MAX_RECORDS) break;
  }
  return first;
}

/**
 * A key as a shelve reads it; undefined if it is no UTF-8.
 *
 * @param cut whether the end is cut off, perhaps inside a character
 */
export function asText(key: Uint8Array, cut: boolean): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(key, { stream: cut });
  } catch {
    return undefined;
  }
}
