import { firstAfter } from '../source/ranges.js';
import type { Holder, InForce } from './inforce.js';

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

/** Finds what is written over old records: what is in force, old records and old buckets that begin inside of them. */
export class Overwriting {
  readonly #inForce: Pick<InForce, 'over'>;
  readonly #old: readonly Place[];
  readonly #oldStarts: Float64Array;
  readonly #buckets: Float64Array;
  readonly #bucketSize: number;

  /**
   * @param old records whose keys are there, in order of their offsets
   * @param buckets file offsets of whole buckets that are not in force
   */
  constructor(
    inForce: Pick<InForce, 'over'>,
    old: readonly Place[],
    { buckets, bucketSize }: { buckets: readonly number[]; bucketSize: number },
  ) {
    this.#inForce = inForce;
    this.#old = old;
    this.#oldStarts = Float64Array.from(old, ({ offset }) => offset);
    this.#buckets = Float64Array.from(buckets).sort();
    this.#bucketSize = bucketSize;
  }

  of({ offset, keySize, dataSize }: Place): Overwritten {
    const end = offset + keySize + dataSize;
    const claims: Claim[] = [...this.#inForce.over(offset, end - offset)];
    for (const i of startsInside(this.#oldStarts, offset, end)) {
      const { offset: at, keySize: size, dataSize: value } = this.#old[i];
      claims.push({ what: 'old record', offset: at, keySize: size, length: size + value });
    }
    for (const i of startsInside(this.#buckets, offset, end)) {
      const at = this.#buckets[i];
      claims.push({ what: 'superseded bucket', offset: at, keySize: 0, length: this.#bucketSize });
    }
    claims.sort((a, b) => a.offset - b.offset);
    let key = 0;
    let value = 0;
    let done = offset;
    const by: Overlay[] = [];
    for (const { what, offset: at, keySize: size, length } of claims) {
      const to = Math.min(end, at + length);
      const bytes = to - Math.max(offset, at);
      if (by.length < MAX_OVERLAYS) by.push({ what, offset: at, keySize: size, bytes });
      const from = Math.max(done, at);
      if (to <= from) continue;
      const ofKey = Math.max(0, Math.min(to, offset + keySize) - from);
      key += ofKey;
      value += to - from - ofKey;
      done = to;
    }
    return { key, value, by };
  }
}

/** Claims that begin inside of one record are looked at up to so many: each is at least a key. */
const MAX_INSIDE = 64;

/** Indexes of the sorted offsets after `offset` and before `end`. */
function* startsInside(sorted: Float64Array, offset: number, end: number): Generator<number> {
  const first = firstAfter(sorted, offset);
  for (let i = first; i < sorted.length && sorted[i] < end && i < first + MAX_INSIDE; i++) yield i;
}
