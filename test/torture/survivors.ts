import { slotOf } from '../../src/format/directory.js';
import { hashKey } from '../../src/format/hash.js';
import type { Intact, Range } from './intact.js';
import { slice } from './intact.js';

/** A damaged file's bytes, and where the sound file's bytes have gone in it. */
export interface Remains {
  readonly bytes: Uint8Array;
  /** −1 where the byte is gone. */
  whereIs(offset: number): number;
}

/** State of a run of bytes: whole at its place, whole at another, or not whole. */
export type Survival = 'in place' | 'moved' | 'hit';

/** The records that are physically still in a damaged file. */
export interface Survivors {
  readonly inPlace: ReadonlySet<string>;
  /** Element, key and value are whole, but not all of them where they were. */
  readonly moved: ReadonlySet<string>;
  /**
   * Whole, but not by its element alone. Either element and record have moved apart and the key's bytes are also
   * elsewhere; or an older page has overwritten the element, and a copy of it stands in an older bucket. Not counted as
   * survivors: a repair promises less for them.
   */
  readonly ambiguous: ReadonlySet<string>;
}

export function survivorsOf(intact: Intact, damaged: Remains): Survivors {
  const inPlace = new Set<string>();
  const moved = new Set<string>();
  const ambiguous = new Set<string>();
  for (const { key, element, bytes } of intact.records.values()) {
    const parts = [survivalOf(intact, damaged, element), survivalOf(intact, damaged, bytes)];
    if (intact.earlier !== undefined && parts[0] === 'hit' && parts[1] !== 'hit') {
      if (includes(damaged.bytes, slice(intact.bytes, element))) ambiguous.add(key);
    }
    if (parts.includes('hit')) continue;
    const apart = damaged.whereIs(element.at) - element.at !== damaged.whereIs(bytes.at) - bytes.at;
    if (!parts.includes('moved')) inPlace.add(key);
    else (apart && isTwice(damaged.bytes, key) ? ambiguous : moved).add(key);
  }
  return { inPlace, moved, ambiguous };
}

function includes({ buffer, byteOffset, byteLength }: Uint8Array, part: Uint8Array): boolean {
  return Buffer.from(buffer, byteOffset, byteLength).includes(Buffer.from(part));
}

function isTwice(bytes: Uint8Array, key: string): boolean {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = file.indexOf(key, 0, 'latin1');
  return file.includes(key, first + 1, 'latin1');
}

/**
 * The newest value that is left of each record whose last value is not there any more: whole in the file, at its places
 * in an earlier state.
 */
export function olderValuesOf(
  { earlier = [], records }: Intact,
  { bytes }: Remains,
  { inPlace, moved, ambiguous }: Survivors,
): Map<string, string> {
  const inPlaceOnly = { bytes, whereIs: (offset: number) => offset };
  const older = new Map<string, string>();
  for (const state of earlier) {
    for (const { key, value, element, bytes: record } of state.records.values()) {
      if (!records.has(key) || [inPlace, moved, ambiguous].some((keys) => keys.has(key))) continue;
      const parts = [element, record].map((range) => survivalOf(state, inPlaceOnly, range));
      if (!parts.includes('hit')) older.set(key, value);
    }
  }
  return older;
}

/** State of a run of the sound file's bytes in the damaged one. */
export function survivalOf({ bytes: sound }: Intact, damaged: Remains, { at, length }: Range): Survival {
  if (length === 0) return at <= damaged.bytes.length ? 'in place' : 'hit';
  const start = damaged.whereIs(at);
  if (start < 0) return 'hit';
  for (let i = 0; i < length; i++) {
    if (damaged.whereIs(at + i) !== start + i || damaged.bytes[start + i] !== sound[at + i]) return 'hit';
  }
  return start === at ? 'in place' : 'moved';
}

/**
 * Tells whether the damaged file still shows that a key is not in the database: by the bucket in force for its hash, which
 * lacks it. Where that bucket is lost, an older one is used for its hashes.
 */
export function isAbsenceKnown(intact: Intact, damaged: Remains, key: string): boolean {
  const { slots, header } = intact;
  const slot = slotOf(hashKey(Buffer.from(key, 'latin1'), intact.hashChar), Math.log2(slots.length));
  return survivalOf(intact, damaged, { at: slots[slot], length: header.bucket_size }) !== 'hit';
}
