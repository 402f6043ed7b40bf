import { NumberList } from '../columns/numberlist.js';
import { NumberSet } from '../columns/numberset.js';
import { OffsetList } from '../columns/offsetlist.js';
import { Endings } from '../carve/endings.js';
import type { Source } from '../source/source.js';
import { readInto } from '../source/source.js';

/** Places that are remembered at most. */
const MAX_PLACES = 1 << 19;
/** Bytes that are held of what is before them, and at most those, where keys are longer. */
const HELD_BYTES = 16 << 20;
const MAX_BYTES = 48 << 20;

/** Places at which a value may begin, and how far before each its key may: 28 bytes each, and what is before them. */
export class PlacesBefore {
  readonly #offsets = new OffsetList();
  readonly #lengths = new NumberList();
  readonly #known = new NumberSet();
  readonly #maxKey: number;

  /** @param maxKey bytes of the longest key that is looked for */
  constructor(maxKey: number) {
    this.#maxKey = maxKey;
  }

  get length(): number {
    return this.#offsets.length;
  }

  /** @param least file offset before which the key does not begin */
  add(offset: number, least: number): void {
    if (least >= offset || this.length === MAX_PLACES || !this.#known.add(offset)) return;
    this.#offsets.push(offset);
    this.#lengths.push(Math.min(this.#maxKey, offset - least));
  }

  /** Reads what is before each place, as far as keys of so many bytes reach, and farther where there is room for it. */
  async read(source: Source, longest: number): Promise<Endings> {
    const lengthsTo = (most: number) =>
      Uint32Array.from(this.#lengths.values(), (one) => Math.min(most, one));
    const sum = (all: Uint32Array) => all.reduce((bytes, length) => bytes + length, 0);
    let most = Math.max(longest, Math.floor(HELD_BYTES / Math.max(1, this.length)));
    let lengths = lengthsTo(most);
    // Only where very many values are far apart, and some keys are very long.
    while (sum(lengths) > MAX_BYTES) lengths = lengthsTo((most = Math.floor(most / 2)));
    const bytes = new Uint8Array(sum(lengths));
    let at = 0;
    for (const [n, length] of lengths.entries()) {
      await readInto(source, this.#offsets.at(n) - length, bytes.subarray(at, at + length));
      at += length;
    }
    return new Endings(bytes, lengths);
  }
}
