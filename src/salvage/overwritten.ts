import { firstAfter } from '../numbers.js';
import type { Holder, InForcePart } from './inforcepart.js';

/** What has bytes where an old record was. */
export interface Overlay {
  /** In force, or old itself: then it began inside the record, so that it was written later. */
  readonly what: Holder | 'old record' | 'superseded bucket';
  /** File offset of the record or structure. */
  readonly offset: number;
  /** Of a record the bytes of its key, which is at its offset; else 0. */
  readonly keySize: number;
  /** Bytes of the old record that it has. */
  readonly bytes: number;
}

/** What of a record is known to be overwritten. The rest need not be whole: what was written and freed again leaves no name. */
export interface Overwritten {
  /** Bytes of the key. */
  readonly key: number;
  /** Bytes of the value. */
  readonly value: number;
  /** Who has them, in order of their offsets; at most {@link MAX_OVERLAYS}. */
  readonly by: readonly Overlay[];
}

/** Overlays of one record that are told. */
export const MAX_OVERLAYS = 8;

/** The place of a record. */
export interface Place {
  readonly offset: number;
  readonly keySize: number;
  readonly dataSize: number;
}

/** A range and who has it. */
type Claim = Omit<Overlay, 'bytes'> & { readonly length: number };

/** What is known of it while a file is looked at part by part. */
export interface WrittenOver extends Overwritten {
  /** The end of what was counted. */
  readonly done: number;
}

/** A part of a file, and what is in force there. */
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

/** Finds what is written over old records: what is in force, old records and old buckets that begin inside of them. */
export class Overwriting {
  readonly #old: OldPlaces;

  constructor(old: OldPlaces) {
    this.#old = old;
  }

  /**
   * Adds what a part of the file knows. Of a record the part that it begins in is asked first, and then each that it
   * reaches into.
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

  /** Who claims a record's bytes and begins in the part, or before the record; in order of their offsets. */
  #claims({ offset, keySize, dataSize }: Place, part: Covered): Claim[] {
    const { starts, placeOf, buckets, bucketSize } = this.#old;
    const end = Math.min(offset + keySize + dataSize, part.to);
    const isBegun = offset < part.from;
    const from = isBegun ? part.from : offset;
    const claims: Claim[] = [];
    for (const one of part.over(from, end - from)) {
      // What began before the part was counted there.
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

/** Claims that begin inside of one record and in one part are looked at up to so many: each is at least a key. */
const MAX_INSIDE = 64;

/** Indexes of the sorted offsets after `offset` and before `end`. */
function* startsInside(sorted: Float64Array, offset: number, end: number): Generator<number> {
  const first = firstAfter(sorted, offset);
  for (let i = first; i < sorted.length && sorted[i] < end && i < first + MAX_INSIDE; i++) yield i;
}
