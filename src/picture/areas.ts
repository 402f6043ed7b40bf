/**
 * What each byte of a file is, for a map of it. `record`: in force. `deleted`: the bytes of a record that was deleted or
 * replaced, in space that nothing in force has. `damaged`: what should be a structure or a record and is none.
 * `overlapping`: claimed more than once.
 */
export const AREA_KINDS = [
  'header',
  'directory',
  'bucket',
  'avail',
  'record',
  'deleted',
  'free',
  'unaccounted',
  'damaged',
  'overlapping',
] as const;
export type AreaKind = (typeof AREA_KINDS)[number];

/** What may claim bytes; `unaccounted` and `overlapping` follow from the claims. */
export type ClaimKind = Exclude<AreaKind, 'unaccounted' | 'overlapping'>;

/** A range of one kind. */
export interface Area {
  readonly kind: AreaKind;
  /** File offset. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** The whole of a file, cut into ranges of one kind each: they follow each other without a gap. */
export class Areas {
  /** Bytes of the file. */
  readonly size: number;
  readonly #ends: Float64Array;
  readonly #kinds: Uint8Array;

  /** @param ends file offset of the end of each range, rising to `size` */
  constructor(size: number, ends: Float64Array, kinds: Uint8Array) {
    this.size = size;
    this.#ends = ends;
    this.#kinds = kinds;
  }

  /** Ranges. */
  get count(): number {
    return this.#ends.length;
  }

  area(i: number): Area {
    const offset = i === 0 ? 0 : this.#ends[i - 1];
    return { kind: AREA_KINDS[this.#kinds[i]], offset, length: this.#ends[i] - offset };
  }

  /** The index of the range that has the byte at `offset`. */
  indexAt(offset: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle] > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Bytes of each kind between two file offsets, in the order of {@link AREA_KINDS}. */
  mix(from: number, to: number): number[] {
    const bytes = AREA_KINDS.map(() => 0);
    for (let i = this.indexAt(from); i < this.count && from < to; i++) {
      const end = Math.min(to, this.#ends[i]);
      bytes[this.#kinds[i]] += end - from;
      from = end;
    }
    return bytes;
  }

  /** Bytes of each kind; together they are the file. */
  totals(): Record<AreaKind, number> {
    const all = this.mix(0, this.size);
    return Object.fromEntries(AREA_KINDS.map((kind, i) => [kind, all[i]])) as Record<AreaKind, number>;
  }
}
