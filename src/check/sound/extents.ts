import type { SpaceKind } from '../space.js';
import { SPACE_KINDS } from '../space.js';

/** Ranges of a file and what they are, as columns in typed arrays: 25 bytes each. */
export class Extents {
  length = 0;
  #offsets = new Float64Array(1024);
  #lengths = new Float64Array(1024);
  #kinds = new Uint8Array(1024);
  #ranks = new Float64Array(1024);

  /** Adds a range; an empty one is none. Of several that claim the same bytes those of a lower rank are told first. */
  add(kind: SpaceKind, offset: number, length: number, rank = 0): void {
    if (length <= 0) return;
    if (this.length === this.#kinds.length) this.#grow();
    this.#offsets[this.length] = offset;
    this.#lengths[this.length] = length;
    this.#ranks[this.length] = rank;
    this.#kinds[this.length++] = SPACE_KINDS.indexOf(kind);
  }

  offset(i: number): number {
    return this.#offsets[i];
  }

  /** Bytes. */
  size(i: number): number {
    return this.#lengths[i];
  }

  /** An index of SPACE_KINDS. */
  kind(i: number): number {
    return this.#kinds[i];
  }

  rank(i: number): number {
    return this.#ranks[i];
  }

  /** Puts them in order of their offsets. */
  sort(): this {
    const { length } = this;
    const order = orderOf(this.#offsets, length);
    const [offsets, lengths, kinds, ranks] = [this.#offsets, this.#lengths, this.#kinds, this.#ranks];
    this.#offsets = new Float64Array(length);
    this.#lengths = new Float64Array(length);
    this.#kinds = new Uint8Array(length);
    this.#ranks = new Float64Array(length);
    for (let n = 0; n < length; n++) {
      const i = order[n];
      this.#offsets[n] = offsets[i];
      this.#lengths[n] = lengths[i];
      this.#kinds[n] = kinds[i];
      this.#ranks[n] = ranks[i];
    }
    return this;
  }

  #grow(): void {
    const bigger = <T extends Float64Array | Uint8Array>(fresh: T, old: T): T => {
      fresh.set(old);
      return fresh;
    };
    this.#offsets = bigger(new Float64Array(2 * this.length), this.#offsets);
    this.#lengths = bigger(new Float64Array(2 * this.length), this.#lengths);
    this.#kinds = bigger(new Uint8Array(2 * this.length), this.#kinds);
    this.#ranks = bigger(new Float64Array(2 * this.length), this.#ranks);
  }
}

/** The numbers of the first `length` offsets in their order, of the same ones in the order of their numbers. */
function orderOf(offsets: Float64Array, length: number): ArrayLike<number> {
  let largest = 0;
  for (let i = 0; i < length; i++) largest = Math.max(largest, offsets[i]);
  if ((largest + 1) * length > Number.MAX_SAFE_INTEGER) {
    return Uint32Array.from({ length }, (_, i) => i).sort((a, b) => offsets[a] - offsets[b]);
  }
  // Offset and number in one: numbers are sorted in a small part of the time that a comparison of two takes.
  const packed = new Float64Array(length);
  for (let i = 0; i < length; i++) packed[i] = offsets[i] * length + i;
  packed.sort();
  for (let n = 0; n < length; n++) packed[n] %= length;
  return packed;
}
