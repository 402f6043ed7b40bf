import { large, numbersBelow } from '../../columns/large.js';
import type { SpaceKind } from '../space.js';
import { SPACE_KINDS } from '../space.js';

/** Ranges that lie beside each other in memory, as a power of two: none is ever copied to make room. */
const CHUNK_BITS = 14;
const CHUNK = 1 << CHUNK_BITS;
/** They are sorted by so many steps of their offset first. */
const STEPS = 1 << 16;
/** So many in one step are sorted by putting each where it goes. */
const FEW = 32;

/** A part of the columns. */
interface Chunk {
  readonly offsets: Uint32Array | Float64Array;
  readonly lengths: Uint32Array | Float64Array;
  readonly kinds: Uint8Array;
  /** Undefined where all of them are 0. */
  ranks: Float64Array | undefined;
}

/**
 * Ranges of a file and what they are, as columns in typed arrays: 13 bytes each, 21 in a file of more than 4 GiB, and 8 more
 * where they have ranks. In a file that was much changed there are half as many free ones as records.
 */
export class Extents {
  length = 0;
  readonly #size: number;
  readonly #chunks: Chunk[] = [];
  /** Their numbers in order of their offsets, as soon as they are sorted. */
  #order: Uint32Array | undefined;

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.#size = size;
  }

  /** Adds a range; an empty one is none, nor is one that begins outside of the file. Of several that claim the same bytes those of a lower rank are told first. */
  add(kind: SpaceKind, offset: number, length: number, rank = 0): void {
    if (!(length > 0 && offset >= 0 && offset < this.#size)) return;
    const at = this.length & (CHUNK - 1);
    if (at === 0) {
      const numbers = () => numbersBelow(this.#size + 1, CHUNK);
      const kinds = new Uint8Array(CHUNK);
      this.#chunks.push({ offsets: numbers(), lengths: numbers(), kinds, ranks: undefined });
    }
    const chunk = this.#chunks[this.length++ >>> CHUNK_BITS];
    chunk.offsets[at] = offset;
    // One may reach beyond the file's end, but no number may be more than there is room for.
    chunk.lengths[at] = Math.min(length, Math.max(this.#size, 2 ** 32 - 1));
    chunk.kinds[at] = SPACE_KINDS.indexOf(kind);
    if (rank !== 0) (chunk.ranks ??= new Float64Array(CHUNK))[at] = rank;
  }

  offset(i: number): number {
    const n = this.#numberOf(i);
    return this.#chunks[n >>> CHUNK_BITS].offsets[n & (CHUNK - 1)];
  }

  /** Bytes. */
  size(i: number): number {
    const n = this.#numberOf(i);
    return this.#chunks[n >>> CHUNK_BITS].lengths[n & (CHUNK - 1)];
  }

  /** An index of SPACE_KINDS. */
  kind(i: number): number {
    const n = this.#numberOf(i);
    return this.#chunks[n >>> CHUNK_BITS].kinds[n & (CHUNK - 1)];
  }

  rank(i: number): number {
    const n = this.#numberOf(i);
    return this.#chunks[n >>> CHUNK_BITS].ranks?.[n & (CHUNK - 1)] ?? 0;
  }

  /** Puts them in order of their offsets, those with the same one in that in which they were added. */
  sort(): this {
    this.#order = undefined;
    const { length } = this;
    const step = Math.max(1, Math.ceil((this.#size + 1) / STEPS));
    const stepOf = (n: number) => Math.floor(this.offset(n) / step);
    const ends = new Uint32Array(STEPS + 1);
    for (let n = 0; n < length; n++) ends[stepOf(n) + 1]++;
    for (let i = 0; i < STEPS; i++) ends[i + 1] += ends[i];
    const order = large(Uint32Array, length);
    for (let n = 0; n < length; n++) order[ends[stepOf(n)]++] = n;
    for (let from = 0, i = 0; i < STEPS; from = ends[i++]) this.#sortStep(order, from, ends[i]);
    this.#order = order;
    return this;
  }

  #sortStep(order: Uint32Array, from: number, to: number): void {
    if (to - from > FEW) {
      order.subarray(from, to).sort((a, b) => this.offset(a) - this.offset(b) || a - b);
      return;
    }
    for (let i = from + 1; i < to; i++) {
      const n = order[i];
      const offset = this.offset(n);
      let at = i;
      for (; at > from && this.offset(order[at - 1]) > offset; at--) order[at] = order[at - 1];
      order[at] = n;
    }
  }

  #numberOf(i: number): number {
    return this.#order === undefined ? i : this.#order[i];
  }
}
