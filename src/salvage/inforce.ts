import { checkAvailChain } from '../check/avail.js';
import { examineBuckets } from '../check/judge.js';
import type { RejectedElement } from '../check/record.js';
import type { Database } from '../database/database.js';
import { owns } from '../database/survey.js';
import { elementStruct } from '../format/bucket.js';
import { offsetSize } from '../format/layout.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { firstAfter } from '../source/ranges.js';

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

/** Everything in force, in order of its offsets. 29 bytes of memory for each record and structure. */
export class InForce {
  /** Elements that are superseded, or the second ones of a key, in buckets that are in force for other hashes. */
  readonly misplaced: RejectedElement[] = [];
  #count = 0;
  #offsets = new Float64Array(1024);
  #lengths = new Float64Array(1024);
  #keySizes = new Int32Array(1024);
  #hashes = new Int32Array(1024);
  #kinds = new Uint8Array(1024);
  /** The farthest end so far: of ranges that lie inside each other. */
  #ends = new Float64Array(0);

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
        all.#add('record', offset, keySize + dataSize, keySize, hash);
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
    for (let i = firstAfter(this.#offsets, offset) - 1; i >= 0 && this.#offsets[i] === offset; i--) {
      if (this.#keySizes[i] === keySize && this.#lengths[i] === keySize + dataSize && this.#kinds[i] === 0)
        return true;
    }
    return false;
  };

  /** What has bytes of a range, from the last offset on. */
  *over(offset: number, length: number): Generator<Held> {
    let i = firstAfter(this.#offsets, offset + length - 1) - 1;
    for (let step = 0; step < MAX_STEPS && i >= 0 && this.#ends[i] > offset; i--, step++) {
      if (this.#offsets[i] + this.#lengths[i] > offset) yield this.at(i);
    }
  }

  get count(): number {
    return this.#count;
  }

  at(i: number): Held {
    return {
      what: HOLDERS[this.#kinds[i]],
      offset: this.#offsets[i],
      length: this.#lengths[i],
      keySize: this.#keySizes[i],
      hash: this.#hashes[i],
    };
  }

  #add(what: Holder, offset: number, length: number, keySize = 0, hash = -1): void {
    if (!(length > 0)) return;
    if (this.#count === this.#offsets.length) this.#resize(2 * this.#count);
    this.#offsets[this.#count] = offset;
    this.#lengths[this.#count] = length;
    this.#keySizes[this.#count] = keySize;
    this.#hashes[this.#count] = hash;
    this.#kinds[this.#count++] = HOLDERS.indexOf(what);
  }

  #sort(): this {
    const offsets = this.#offsets;
    const order = Uint32Array.from({ length: this.#count }, (_, i) => i).sort(
      (a, b) => offsets[a] - offsets[b],
    );
    this.#reorder(order);
    let end = 0;
    this.#ends = Float64Array.from(this.#offsets, (at, i) => (end = Math.max(end, at + this.#lengths[i])));
    return this;
  }

  #reorder(order: Uint32Array): void {
    const [offsets, lengths, keySizes, hashes, kinds] = [
      this.#offsets,
      this.#lengths,
      this.#keySizes,
      this.#hashes,
      this.#kinds,
    ];
    this.#offsets = Float64Array.from(order, (i) => offsets[i]);
    this.#lengths = Float64Array.from(order, (i) => lengths[i]);
    this.#keySizes = Int32Array.from(order, (i) => keySizes[i]);
    this.#hashes = Int32Array.from(order, (i) => hashes[i]);
    this.#kinds = Uint8Array.from(order, (i) => kinds[i]);
  }

  #resize(capacity: number): void {
    const bigger = <T extends Float64Array | Int32Array | Uint8Array>(fresh: T, old: T): T => {
      fresh.set(old);
      return fresh;
    };
    this.#offsets = bigger(new Float64Array(capacity), this.#offsets);
    this.#lengths = bigger(new Float64Array(capacity), this.#lengths);
    this.#keySizes = bigger(new Int32Array(capacity), this.#keySizes);
    this.#hashes = bigger(new Int32Array(capacity), this.#hashes);
    this.#kinds = bigger(new Uint8Array(capacity), this.#kinds);
  }
}
