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
    const order = Uint32Array.from({ length }, (_, i) => i);
    order.sort((a, b) => this.#offsets[a] - this.#offsets[b]);
    const [offsets, lengths, kinds, ranks] = [this.#offsets, this.#lengths, this.#kinds, this.#ranks];
    this.#offsets = Float64Array.from(order, (i) => offsets[i]);
    this.#lengths = Float64Array.from(order, (i) => lengths[i]);
    this.#kinds = Uint8Array.from(order, (i) => kinds[i]);
    this.#ranks = Float64Array.from(order, (i) => ranks[i]);
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
