import { firstAfter } from '../numbers.js';
import type { Holder, InForcePart } from './inforcepart.js';

/** A record or structure that has bytes where an old record was. */
export interface Overlay {
  /** A holder in force, or an old one that began inside the record, so that it was written later. */
  readonly what: Holder | 'old record' | 'superseded bucket';
  /** File offset of the record or structure. */
  readonly offset: number;
  /** Bytes of a record's key, which is at its offset; 0 for a structure. */
  readonly keySize: number;
  /** Bytes of the old record that it covers. */
  readonly bytes: number;
}

/**
 * Parts of a record that are known to be overwritten. The rest need not be whole: data that were written and freed
 * again leave no name.
 */
export interface Overwritten {
  /** Bytes of the key. */
  readonly key: number;
  /** Bytes of the value. */
  readonly value: number;
  /** Overlays in order of their offsets; at most {@link MAX_OVERLAYS}. */
  readonly by: readonly Overlay[];
}

/** Overlays that are reported for one record. */
export const MAX_OVERLAYS = 8;

/** The place of a record. */
export interface Place {
  readonly offset: number;
  readonly keySize: number;
  readonly dataSize: number;
}

/** A range with its holder. */
type Claim = Omit<Overlay, 'bytes'> & { readonly length: number };

/** Intermediate result while a file is looked at part by part. */
export interface WrittenOver extends Overwritten {
  /** End of the bytes that were counted. */
  readonly done: number;
}

/** A part of a file, with the records and structures in force there. */
export type Covered = Pick<InForcePart, 'from' | 'to' | 'over'>;

/** Old records and buckets, which are written over others if they begin inside of them. */
export interface OldPlaces {
  /** File offsets of records whose keys are there, in order. */
  readonly starts: Float64Array;
  readonly placeOf: (index: number) => Place;
  /** File offsets of whole buckets that are not in force, in order. */
  readonly buckets: Float64Array;
  readonly bucketSize: number;
}

/** Finds the overlays of old records: holders in force, and old records and buckets that begin inside them. */
export class Overwriting {
  readonly #old: OldPlaces;

  constructor(old: OldPlaces) {
    this.#old = old;
  }

  /**
   * Adds the overlays of a record in one part of the file. The part in which the record begins must come first, then
   * each part that it reaches into.
   */
  add(place: Place, part: Covered, { key, value, by, done }: WrittenOver): WrittenOver {
    const { offset, keySize, dataSize } = place;
    const end = offset + keySize + dataSize;
    const all = [...by];
    for (const { what, offset: at, keySize: size, length } of this.#claims(place, part)) {
      const to = Math.min(end, at + length);
      const bytes = to - Math.max(offset, at);
      if (all.length < MAX_OVERLAYS) all.push({ what, offset: at, keySize: size, bytes });
      const from = Math.max(done, at);
      if (to <= from) continue;
      const ofKey = Math.max(0, Math.min(to, offset + keySize) - from);
      key += ofKey;
      value += to - from - ofKey;
      done = to;
    }
    return { key, value, by: all, done };
  }

  /** Overlays of a record that begin in the part, or before the record, in order of their offsets. */
  #claims({ offset, keySize, dataSize }: Place, part: Covered): Claim[] {
    const { starts, placeOf, buckets, bucketSize } = this.#old;
    const end = Math.min(offset + keySize + dataSize, part.to);
    const isBegun = offset < part.from;
    const from = isBegun ? part.from : offset;
    const claims: Claim[] = [];
    for (const one of part.over(from, end - from)) {
      // A range that began before the part was counted there.
      if (!isBegun || one.offset >= part.from) claims.push(one);
    }
    const after = isBegun ? from - 1 : from;
    for (const i of startsInside(starts, after, end)) {
      const { offset: at, keySize: size, dataSize: value } = placeOf(i);
      claims.push({ what: 'old record', offset: at, keySize: size, length: size + value });
    }
    for (const i of startsInside(buckets, after, end)) {
      claims.push({ what: 'superseded bucket', offset: buckets[i], keySize: 0, length: bucketSize });
    }
    return claims.sort((a, b) => a.offset - b.offset);
  }
}

/** Limit on the claims looked at that begin inside one record and in one part; each is at least a key. */
const MAX_INSIDE = 64;

/** Indexes of the sorted offsets after `offset` and before `end`. */
function* startsInside(sorted: Float64Array, offset: number, end: number): Generator<number> {
  const first = firstAfter(sorted, offset);
  for (let i = first; i < sorted.length && sorted[i] < end && i < first + MAX_INSIDE; i++) yield i;
}
