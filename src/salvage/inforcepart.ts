import { OffsetSorter } from '../numbers.js';
import type { Region } from '../check/regions.js';

/** What has bytes of a file for itself. */
export const HOLDERS = ['record', 'bucket', 'directory', 'header', 'avail block'] as const;
export type Holder = (typeof HOLDERS)[number];

/** A record or a structure in force. */
export interface Held {
  readonly what: Holder;
  /** File offset. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** Of a record the bytes of its key; else 0. */
  readonly keySize: number;
  /** Of a record its hash; else −1. */
  readonly hash: number;
}

/** Of what overlaps a range so many are looked at: in an honest file what is in force does not overlap. */
const MAX_STEPS = 4096;
/** And so many when those that may be looked at in all are spent, by a file of large old ranges over tiny records. */
const FEW_STEPS = 64;
const ALL_STEPS = 1 << 26;

/**
 * What in force begins in a part of a file, and what of it began before and reaches into the part; in order of their
 * offsets. 24 bytes of memory for each, 32 where any overlap, and 4 more to sort them.
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
  /** Of what is no record its number among {@link HOLDERS}, below 0. */
  #hashes = new Int32Array(0);
  /** Numbers of the above, in order of their offsets. */
  #order: Uint32Array = new Uint32Array(0);
  readonly #sorter = new OffsetSorter();
  #stepsLeft: number;
  #isCrowded = false;
  /** The farthest end so far, where ranges lie on each other; else it is each range's own. */
  #ends: Float64Array | undefined;

  /** @param steps what overlaps ranges is looked at so often, in all parts together, before less of each is */
  constructor(steps = ALL_STEPS) {
    this.#stepsLeft = steps;
  }

  /**
   * Begins the next part. What reaches into it of the one before stays.
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

  /** Adds what begins in the part. @param size bytes without those of the key */
  add(what: Holder, offset: number, size: number, keySize = 0, hash = -HOLDERS.indexOf(what)): void {
    if (!(keySize + size > 0)) return;
    if (this.count === this.#offsets.length) this.#reserve(Math.max(256, 2 * this.count));
    const n = this.count++;
    this.#offsets[n] = offset;
    this.#keySizes[n] = keySize;
    this.#dataSizes[n] = size;
    this.#hashes[n] = hash;
  }

  /** Sorts what was added, before anything is asked. */
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
    // A record behind a structure of the same size, which has no key.
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

  /** Whether just this record, which begins in the part, is in force; of a crowded part each is taken for one. */
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
   * What has bytes of a range that begins in the part, as far as it begins before the part's end; from the last offset on, and
   * where very many have, not all of them, but of those before the one that reaches farthest.
   */
  *over(offset: number, length: number): Generator<Held> {
    let i = this.#firstAfter(offset + length - 1) - 1;
    const most = this.#stepsLeft > 0 ? MAX_STEPS : FEW_STEPS;
    for (let step = 0; step < most && i >= 0 && this.#farthest(i) > offset; i--, step++) {
      this.#stepsLeft--;
      if (this.#end(i) > offset) yield this.at(i);
    }
    // What is not looked at must not make a range seem to be free of it.
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

  /** The hash of a record, and below 0 for what is none or began before the part. */
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

  /** The last of those that reach over an offset behind all of them. */
  #reachingOver(offset: number): Held[] {
    const found: Held[] = [];
    for (let i = this.count - 1; i >= 0 && found.length < MAX_STEPS && this.#farthest(i) > offset; i--) {
      if (this.#end(i) > offset) found.push(this.at(i));
    }
    return found;
  }

  /** How many begin at an offset or before it, and of those that begin there how many are no larger. */
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

  /** The first that ends at an offset or behind it, up to `last`, which does or has one before it that does. */
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
