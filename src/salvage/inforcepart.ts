import { OffsetSorter } from '../numbers.js';
import type { Region } from '../source/regions.js';

/** Kinds of records and structures that hold bytes of a file. */
export const HOLDERS = ['record', 'bucket', 'directory', 'header', 'avail block'] as const;
export type Holder = (typeof HOLDERS)[number];

/** A record or a structure in force. */
export interface Held {
  readonly what: Holder;
  /** File offset. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** Bytes of a record's key; 0 for a structure. */
  readonly keySize: number;
  /** Hash of a record; −1 for a structure. */
  readonly hash: number;
}

/** Candidates checked for one range: in an honest file nothing in force overlaps. */
const MAX_STEPS = 4096;
/** Candidates checked once {@link ALL_STEPS} are used up, by a file of large old ranges over tiny records. */
const FEW_STEPS = 64;
const ALL_STEPS = 1 << 26;

/**
 * Records and structures in force that begin in a part of a file, or that began before and reach into it, in order of
 * their offsets. Memory: 24 bytes for each, 32 if any overlap, and 4 more to sort them.
 */
export class InForcePart {
  /** First file offset of the part, and the one behind it. */
  from = 0;
  to = 0;
  count = 0;
  #offsets = new Float64Array(0);
  #keySizes = new Int32Array(0);
  /** Bytes behind the key. */
  #dataSizes = new Int32Array(0);
  /** Hash of a record; for a structure the negative of its index in {@link HOLDERS}. */
  #hashes = new Int32Array(0);
  /** Row numbers in order of their offsets. */
  #order: Uint32Array = new Uint32Array(0);
  readonly #sorter = new OffsetSorter();
  #stepsLeft: number;
  #isCrowded = false;
  /** Farthest end of all ranges up to each one; undefined if none overlap, as it is then each range's own end. */
  #ends: Float64Array | undefined;

  /** @param steps candidates checked in all parts together before the limit for each range gets lower */
  constructor(steps = ALL_STEPS) {
    this.#stepsLeft = steps;
  }

  /**
   * Begins the next part. Ranges of the part before that reach into it are kept.
   *
   * @param isCrowded whether more records begin in it, all at its one place, than are added
   */
  begin({ from, to }: Region, room: number, isCrowded = false): void {
    const carried = this.#reachingOver(from);
    this.#isCrowded = isCrowded;
    this.from = from;
    this.to = to;
    this.count = 0;
    this.#ends = undefined;
    this.#reserve(room + carried.length);
    for (const { what, offset, length, keySize, hash } of carried) {
      this.add(what, offset, length - keySize, keySize, what === 'record' ? hash : undefined);
    }
  }

  /** Adds a record or structure. @param size bytes without those of the key */
  add(what: Holder, offset: number, size: number, keySize = 0, hash = -HOLDERS.indexOf(what)): void {
    if (!(keySize + size > 0)) return;
    if (this.count === this.#offsets.length) this.#reserve(Math.max(256, 2 * this.count));
    const n = this.count++;
    this.#offsets[n] = offset;
    this.#keySizes[n] = keySize;
    this.#dataSizes[n] = size;
    this.#hashes[n] = hash;
  }

  /** Sorts the ranges; must be called before any query. */
  end(): void {
    const [offsets, keySizes, dataSizes, hashes] = [
      this.#offsets,
      this.#keySizes,
      this.#dataSizes,
      this.#hashes,
    ];
    const { count } = this;
    const least = offsets.subarray(0, count).reduce((low, offset) => Math.min(low, offset), this.from);
    const order = this.#sorter.orderOf(offsets, count, least, this.to);
    // A structure, which has no key, comes before a record of the same size.
    const ties = (a: number, b: number) =>
      keySizes[a] - keySizes[b] || dataSizes[a] - dataSizes[b] || hashes[a] - hashes[b];
    for (let from = 0, to = 1; from < count; from = to++) {
      while (to < count && offsets[order[to]] === offsets[order[from]]) to++;
      if (to - from > 1) order.subarray(from, to).sort(ties);
    }
    this.#order = order;
    for (let i = 1; i < count; i++) {
      if (this.#end(i - 1) > offsets[order[i]]) {
        this.#sumEnds();
        break;
      }
    }
  }

  /** Returns true if exactly this record, which begins in the part, is in force; in a crowded part, true for each. */
  has(offset: number, keySize: number, dataSize: number): boolean {
    if (this.#isCrowded) return true;
    const i = this.#firstAfter(offset, keySize, dataSize) - 1;
    if (i < 0) return false;
    const n = this.#order[i];
    return (
      this.#hashes[n] >= 0 &&
      this.#offsets[n] === offset &&
      this.#keySizes[n] === keySize &&
      this.#dataSizes[n] === dataSize
    );
  }

  /**
   * Records and structures that overlap a range which begins in the part, if they begin before the part's end, the
   * last offset first. If there are very many, only the last ones are checked, and of those before them the one that
   * reaches farthest is given.
   */
  *over(offset: number, length: number): Generator<Held> {
    let i = this.#firstAfter(offset + length - 1) - 1;
    const most = this.#stepsLeft > 0 ? MAX_STEPS : FEW_STEPS;
    for (let step = 0; step < most && i >= 0 && this.#farthest(i) > offset; i--, step++) {
      this.#stepsLeft--;
      if (this.#end(i) > offset) yield this.at(i);
    }
    // A range must not seem to be free because of candidates that were not checked.
    if (i >= 0 && this.#farthest(i) > offset) yield this.at(this.#firstReaching(this.#farthest(i), i));
  }

  at(i: number): Held {
    const n = this.#order[i];
    const [keySize, hash] = [this.#keySizes[n], this.#hashes[n]];
    return {
      what: HOLDERS[hash < 0 ? -hash : 0],
      offset: this.#offsets[n],
      length: keySize + this.#dataSizes[n],
      keySize,
      hash: hash < 0 ? -1 : hash,
    };
  }

  /** Hash of a record; negative for a structure, and for a record that began before the part. */
  hashAt(i: number): number {
    const n = this.#order[i];
    return this.#offsets[n] < this.from ? -1 : this.#hashes[n];
  }

  #reserve(wanted: number): void {
    if (wanted <= this.#offsets.length) return;
    // The next part may have a few more.
    const room = wanted + (wanted >>> 4);
    const grown = new Float64Array(room);
    grown.set(this.#offsets);
    this.#offsets = grown;
    this.#keySizes = grownTo(room, this.#keySizes);
    this.#dataSizes = grownTo(room, this.#dataSizes);
    this.#hashes = grownTo(room, this.#hashes);
  }

  /** Ranges that reach over an offset which is behind all their beginnings, the last {@link MAX_STEPS} at most. */
  #reachingOver(offset: number): Held[] {
    const found: Held[] = [];
    for (let i = this.count - 1; i >= 0 && found.length < MAX_STEPS && this.#farthest(i) > offset; i--) {
      if (this.#end(i) > offset) found.push(this.at(i));
    }
    return found;
  }

  /** Number of ranges that begin before an offset, or at it with sizes that are no larger. */
  #firstAfter(offset: number, keySize = Infinity, dataSize = Infinity): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const n = this.#order[middle];
      const isAfter =
        this.#offsets[n] - offset || this.#keySizes[n] - keySize || this.#dataSizes[n] - dataSize || 0;
      if (isAfter > 0) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #end(i: number): number {
    const n = this.#order[i];
    return this.#offsets[n] + this.#keySizes[n] + this.#dataSizes[n];
  }

  /** The first range that ends at `end` or behind it, of those up to `last`, one of which must do so. */
  #firstReaching(end: number, last: number): number {
    let low = 0;
    let high = last;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#farthest(middle) >= end) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #farthest(i: number): number {
    return this.#ends === undefined ? this.#end(i) : this.#ends[i];
  }

  #sumEnds(): void {
    const ends = new Float64Array(this.count);
    let end = 0;
    for (let i = 0; i < ends.length; i++) ends[i] = end = Math.max(end, this.#end(i));
    this.#ends = ends;
  }
}

function grownTo(length: number, list: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(length);
  grown.set(list);
  return grown;
}
