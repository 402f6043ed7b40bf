import { slotOf } from '../../src/format/directory.js';
import { hashKey } from '../../src/format/hash.js';
import type { Intact, Range } from './intact.js';

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
   * Element and record are whole but have moved apart, and the key's bytes are also elsewhere: which of the places
   * the element means cannot be told. Not counted as survivors.
   */
  readonly ambiguous: ReadonlySet<string>;
}

export function survivorsOf(intact: Intact, damaged: Remains): Survivors {
  const inPlace = new Set<string>();
  const moved = new Set<string>();
  const ambiguous = new Set<string>();
  for (const { key, element, bytes } of intact.records.values()) {
    const parts = [survivalOf(intact, damaged, element), survivalOf(intact, damaged, bytes)];
    if (parts.includes('hit')) continue;
    const apart = damaged.whereIs(element.at) - element.at !== damaged.whereIs(bytes.at) - bytes.at;
    if (!parts.includes('moved')) inPlace.add(key);
    else (apart && isTwice(damaged.bytes, key) ? ambiguous : moved).add(key);
  }
  return { inPlace, moved, ambiguous };
}

function isTwice(bytes: Uint8Array, key: string): boolean {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = file.indexOf(key, 0, 'latin1');
  return file.includes(key, first + 1, 'latin1');
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
