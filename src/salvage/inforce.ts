import { checkAvailChain } from '../check/avail.js';
import { examineBuckets } from '../check/judge.js';
import type { RejectedElement } from '../check/record.js';
import { large } from '../columns/large.js';
import { NumberList } from '../columns/numberlist.js';
import { OffsetList } from '../columns/offsetlist.js';
import type { Database } from '../database/database.js';
import { owns } from '../database/survey.js';
import { elementStruct } from '../format/bucket.js';
import { offsetSize } from '../format/layout.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { orderByOffsets } from '../source/readinorder.js';

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

/** Elements of buckets in force that are not in force themselves; so many are remembered. */
const MAX_MISPLACED = 1 << 18;
/** Of what overlaps a range so many are looked at: in an honest file what is in force does not overlap. */
const MAX_STEPS = 4096;

/** Everything in force, in order of its offsets. 24 bytes of memory for each record and structure, 32 where any overlap. */
export class InForce {
  /** Elements that are superseded, or the second ones of a key, in buckets that are in force for other hashes. */
  readonly misplaced: RejectedElement[] = [];
  readonly #offsets = new OffsetList();
  /** Bytes behind the key. */
  readonly #dataSizes = new NumberList();
  readonly #keySizes = new NumberList();
  /** Of what is no record its number among {@link HOLDERS}, below 0. */
  readonly #hashes = new NumberList();
  /** Numbers of the above, in order of their offsets. */
  #order: Uint32Array = new Uint32Array(0);
  /** The farthest end so far, where ranges lie on each other; else it is each range's own. */
  #ends: Float64Array | undefined;

  private constructor() {}

  /** One pass through the buckets and the keys. */
  static async read(db: Database, survey: SearchedSurvey): Promise<InForce> {
    const { geometry, format, directory } = db;
    const all = new InForce();
    if (!db.headerLost) all.#add('header', 0, geometry.blockSize);
    if (geometry.directory !== undefined) {
      all.#add('directory', geometry.directory.offset, directory.length * offsetSize(format.layout));
    }
    for (const { offset, bytes } of (await checkAvailChain(db)).blocks.slice(1)) {
      all.#add('avail block', offset, bytes);
    }
    const { size } = elementStruct(format.layout);
    for await (const { site, records, rejected } of examineBuckets(db, survey)) {
      const proved = site.state === 'sound' && (site.origin === 'scan' || owns(site, site.firstSlot));
      if (site.elements !== undefined) for (const at of site.elements) all.#add('bucket', at, size);
      else if (records.length > 0 || proved) all.#add('bucket', site.offset, geometry.bucketSize);
      for (const { offset, keySize, dataSize, hash } of records) {
        all.#add('record', offset, dataSize, keySize, hash);
      }
      for (const one of rejected) {
        const old = one.reason === 'superseded' || one.reason === 'duplicate';
        if (old && all.misplaced.length < MAX_MISPLACED) all.misplaced.push(one);
      }
    }
    return all.#sort();
  }

  /** Whether just this record is in force. */
  readonly has = (offset: number, keySize: number, dataSize: number): boolean => {
    const i = this.#firstAfter(offset, keySize, dataSize) - 1;
    if (i < 0) return false;
    const n = this.#order[i];
    return (
      this.#hashes.at(n) >= 0 &&
      this.#offsets.at(n) === offset &&
      this.#keySizes.at(n) === keySize &&
      this.#dataSizes.at(n) === dataSize
    );
  };

  /** What has bytes of a range, from the last offset on. */
  *over(offset: number, length: number): Generator<Held> {
    let i = this.#firstAfter(offset + length - 1) - 1;
    for (let step = 0; step < MAX_STEPS && i >= 0 && this.#farthest(i) > offset; i--, step++) {
      if (this.#end(i) > offset) yield this.at(i);
    }
  }

  get count(): number {
    return this.#order.length;
  }

  at(i: number): Held {
    const n = this.#order[i];
    const [keySize, hash] = [this.#keySizes.at(n), this.#hashes.at(n)];
    return {
      what: HOLDERS[hash < 0 ? -hash : 0],
      offset: this.#offsets.at(n),
      length: keySize + this.#dataSizes.at(n),
      keySize,
      hash: hash < 0 ? -1 : hash,
    };
  }

  #add(what: Holder, offset: number, size: number, keySize = 0, hash = -HOLDERS.indexOf(what)): void {
    if (!(keySize + size > 0)) return;
    this.#offsets.push(offset);
    this.#dataSizes.push(size);
    this.#keySizes.push(keySize);
    this.#hashes.push(hash);
  }

  /** How many begin at an offset or before it, and of those that begin there how many are no larger. */
  #firstAfter(offset: number, keySize = Infinity, dataSize = Infinity): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const n = this.#order[middle];
      const isAfter =
        this.#offsets.at(n) - offset ||
        this.#keySizes.at(n) - keySize ||
        this.#dataSizes.at(n) - dataSize ||
        0;
      if (isAfter > 0) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #end(i: number): number {
    const n = this.#order[i];
    return this.#offsets.at(n) + this.#keySizes.at(n) + this.#dataSizes.at(n);
  }

  #farthest(i: number): number {
    return this.#ends === undefined ? this.#end(i) : this.#ends[i];
  }

  #sort(): this {
    const offsets = this.#offsets.values();
    const last = offsets.reduce((most, offset) => Math.max(most, offset), 0);
    const [keySizes, dataSizes, hashes] = [
      this.#keySizes.values(),
      this.#dataSizes.values(),
      this.#hashes.values(),
    ];
    // A record behind a structure of the same size, which has no key.
    const order = orderByOffsets(
      offsets,
      last,
      (a, b) => keySizes[a] - keySizes[b] || dataSizes[a] - dataSizes[b] || hashes[a] - hashes[b],
    );
    this.#order = order;
    for (let i = 1; i < order.length; i++) {
      if (this.#end(i - 1) > offsets[order[i]]) return this.#sumEnds();
    }
    return this;
  }

  #sumEnds(): this {
    const ends = large(Float64Array, this.#order.length);
    let end = 0;
    for (let i = 0; i < ends.length; i++) ends[i] = end = Math.max(end, this.#end(i));
    this.#ends = ends;
    return this;
  }
}
