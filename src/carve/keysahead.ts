import type { RangeList } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { readInto } from '../source/source.js';
import { joinRanges } from '../source/sweep.js';
import { Budget } from './budget.js';
import { DistinctCount } from './distinct.js';
import { Endings } from './endings.js';
import type { KeysBefore } from './keysbefore.js';
import { KnownKeys } from './knownkeys.js';
import { bytesBefore, search } from './search.js';
import type { Shape } from './shape.js';
import { SHAPES } from './shapes.js';

/** Places that are looked ahead to at a time. */
const AHEAD = 1 << 18;
/** Bytes before a place that a key is first held against; a longer one is compared whole once it ends so. */
const PIECE = 48;
/** Of keys fewer than these, and of fewer bytes, all are held. */
const FEW = 1 << 18;
const FEW_BYTES = 8 << 20;
/** Bytes held of the keys that end so. */
const MAX_BYTES = 32 << 20;
/** How often keys are gathered for a place that was not looked ahead to. */
const MAX_MISSED = 16;

/** Gives every key that is known, each valid during the call; a key may come more than once. */
export type EachKey = (visit: (key: Uint8Array) => void) => Promise<void>;

export interface KeysAheadOptions {
  /** Where a carve asks for keys. */
  readonly ranges: RangeList;
  readonly eachKey: EachKey;
  readonly shapes?: readonly Shape[];
  /** Places that are looked ahead to at a time. */
  readonly ahead?: number;
}

/**
 * Keys for a carve of these ranges: all of them where they are few, else those that may be before a value. Memory: at most
 * 32 MiB, and the keys that are before a value.
 *
 * @param least different keys that there are at least, as far as is known
 */
export async function keysFor(
  source: Source,
  ranges: RangeList,
  eachKey: EachKey,
  least = 0,
): Promise<KeysBefore> {
  if (least <= FEW) {
    const held = new KnownKeys([], { maxBytes: FEW_BYTES, maxCount: FEW });
    await eachKey((key) => {
      if (held.dropped === 0) held.add(key);
    });
    if (held.dropped === 0) return held;
  }
  return new KeysAhead(source, { ranges, eachKey });
}

/**
 * Keys that are too many to be held: places at which a carve will ask are looked ahead to, and of all keys those are
 * held that may end there. What it tells is what {@link KnownKeys} with all of them would.
 *
 * The look ahead takes every whole value for one at which is asked, and goes on inside of those that may be chance. A place
 * that it did not come to is one behind the start of a value which lies over the end of another that is only given with
 * a key: rare, and gathered for by itself a few times.
 *
 * Memory: 20 MiB, and the keys that are before a place.
 */
export class KeysAhead implements KeysBefore {
  count = 0;

  readonly #source: Source;
  readonly #within: RangeList;
  readonly #eachKey: EachKey;
  readonly #shapes: readonly Shape[];
  readonly #budget: Budget;

  /** Places looked ahead to, in order; the number of them, and the one that was asked at last. */
  readonly #places: Float64Array;
  #length = 0;
  #at = 0;
  #missed = 0;
  #keys = new KnownKeys([]);

  constructor(source: Source, { ranges, eachKey, shapes = SHAPES, ahead = AHEAD }: KeysAheadOptions) {
    this.#source = source;
    this.#within = joinRanges(ranges);
    this.#eachKey = eachKey;
    this.#shapes = shapes;
    // Twice that of a carve, which does not look into values that may be chance and have a key.
    this.#budget = new Budget(2 * bytesBefore(this.#within, Infinity));
    this.#places = new Float64Array(ahead);
  }

  async longestBefore(source: Source, offset: number, least: number): Promise<number | undefined> {
    while (this.#at < this.#length && this.#places[this.#at] < offset) this.#at++;
    if (this.#places[this.#at] !== offset || this.#at === this.#length) {
      // Behind all of them it is the turn of the next ones, if there are any.
      const missed = this.#at < this.#length || this.#length < this.#places.length;
      if (this.#length > 0 && missed && ++this.#missed > MAX_MISSED) return undefined;
      await this.#lookAhead(offset);
    }
    return this.#keys.longestBefore(source, offset, least);
  }

  async #lookAhead(from: number): Promise<void> {
    this.#at = 0;
    this.#length = 0;
    this.#places[this.#length++] = from;
    const places = search<number>(this.#source, {
      within: this.#within,
      from,
      shapes: this.#shapes,
      budget: this.#budget,
      measure: async (source, { shape, offset, range }) => {
        const measured = await shape.measure(source, offset, range.offset + range.length);
        if (measured === undefined) return undefined;
        const { size, sure } = measured;
        return sure
          ? { value: offset, next: offset + size, cost: 0 }
          : { value: offset, next: offset + 1, cost: size };
      },
    });
    for await (const offset of places) {
      if (offset > from) this.#places[this.#length++] = offset;
      if (this.#length === this.#places.length) break;
    }
    await this.#gather();
  }

  async #gather(): Promise<void> {
    const starts = new Uint32Array(this.#length + 1);
    for (let n = 0; n < this.#length; n++) starts[n + 1] = starts[n] + Math.min(PIECE, this.#places[n]);
    const pieces = new Uint8Array(starts[this.#length]);
    for (let n = 0; n < this.#length; n++) {
      const piece = pieces.subarray(starts[n], starts[n + 1]);
      await readInto(this.#source, this.#places[n] - piece.length, piece);
    }
    const endings = new Endings(pieces, starts, PIECE);
    const keys = new KnownKeys([], { maxBytes: MAX_BYTES });
    // They are the same each time, and so is their number.
    const distinct = this.count === 0 ? new DistinctCount() : undefined;
    await this.#eachKey((key) => {
      distinct?.add(key);
      if (endings.has(key)) keys.add(key);
    });
    this.#keys = keys;
    if (distinct !== undefined) this.count = distinct.count;
  }
}
