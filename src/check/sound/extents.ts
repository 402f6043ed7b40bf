import { numbersBelow } from '../../columns/large.js';
import { orderByOffsets } from '../../source/readinorder.js';
import type { SpaceKind } from '../space.js';
import { SPACE_KINDS } from '../space.js';

/** Ranges that lie beside each other in memory, as a power of two: none is ever copied to make room. */
const CHUNK_BITS = 14;
const CHUNK = 1 << CHUNK_BITS;

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
    this.#order = orderByOffsets(this.length, (n) => this.offset(n), this.#size);
    return this;
  }

  #numberOf(i: number): number {
    return this.#order === undefined ? i : this.#order[i];
  }
}
