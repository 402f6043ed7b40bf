import type { Database } from '../database/database.js';
import type { HashRange } from '../database/claims.js';
import { rangeOf } from '../database/claims.js';
import type { BucketSite } from '../database/site.js';
import { isReadable, readSite, roomForBucket } from '../database/survey.js';
import type { BucketView } from '../format/bucket.js';
import { KEY_START } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import { hashOfSlot } from '../format/directory.js';
import { FREE_HASH, HASH_BITS, hashKey } from '../format/hash.js';
import type { BlockGrid } from '../source/views.js';
import type { Source } from '../source/source.js';
import type { SearchedSurvey } from './adopt.js';
import { MAX_LOCATED } from './locate.js';

/** Minimum size in bytes of a key: the hash of one byte is weak evidence. */
const LEAST = 2;
/** Maximum number of elements that are evidence for one block. */
const MAX_HEARD = 256;

/** A block that may stand at another's place, both as block numbers. */
export interface Move {
  readonly home: number;
  readonly now: number;
}

/** A key that some element, in force or old, leads to. */
interface Testimony {
  readonly pointer: number;
  readonly size: number;
  /** Possible hashes of the key: one or, for a deleted key, those of its bucket. */
  readonly range: HashRange;
  /** The first bytes of the key, as far as the element has them. */
  readonly start: Uint8Array;
}

/**
 * Evidence of elements about moves that only one key supports. It includes elements of old buckets, because old
 * copies move with their block, and keys too short for a search, which are as good as any other at a given place.
 */
export class Witnesses {
  readonly #said = new Map<number, Map<string, Testimony>>();
  /** Names of the moves of buckets that stand in another block than their directory entries say. */
  readonly #buckets = new Set<string>();

  private constructor(
    readonly source: Source,
    readonly blocks: BlockGrid,
  ) {}

  static async hear(
    db: Database,
    survey: SearchedSurvey,
    blocks: BlockGrid,
    moves: readonly Move[],
  ): Promise<Witnesses> {
    const witnesses = new Witnesses(db.source, blocks);
    for (const { home, now } of moves) {
      witnesses.#said.set(home, new Map());
      witnesses.#said.set(now, new Map());
    }
    if (moves.length === 0) return witnesses;
    const room = roomForBucket(db);
    for (const site of [...survey.sites, ...survey.stale]) await witnesses.#ask(db, site, room);
    await witnesses.#askBuckets(db, survey);
    return witnesses;
  }

  /** Counts the keys for and against a move of a block, and of the block at its new place in exchange. */
  async agree({ home, now }: Move): Promise<{ for: number; against: number }> {
    const said = { for: 0, against: 0 };
    for (const [from, to] of [
      [home, now],
      [now, home],
    ]) {
      if (this.#buckets.has(`${from} ${to}`)) said.for++;
      for (const testimony of this.#said.get(from)!.values()) {
        if (await this.#isAt(testimony, testimony.pointer)) said.against++;
        else if (await this.#isAt(testimony, testimony.pointer + (to - from) * this.blocks.size)) said.for++;
      }
    }
    return said;
  }

  async #ask(db: Database, site: BucketSite, room: BucketView): Promise<void> {
    if (!isReadable(site)) return;
    const bucket = await readSite(db, site, room);
    let own: HashRange | undefined;
    for (let i = 0; i < bucket.elements && own === undefined && site.state === 'sound'; i++) {
      if (bucket.hash(i) !== FREE_HASH) own = rangeOf(bucket.hash(i), site.bits);
    }
    for (let i = 0; i < bucket.elements; i++) {
      const hash = bucket.hash(i);
      const range = hash === FREE_HASH ? own : rangeOf(hash, HASH_BITS);
      if (range === undefined) continue;
      const pointer = bucket.dataPointer(i);
      const size = bucket.keySize(i);
      const block = this.blocks.blockOf(pointer);
      const said = this.#said.get(block);
      if (said === undefined || said.size >= MAX_HEARD || size < LEAST || size > MAX_LOCATED) continue;
      if (pointer + size > this.blocks.startOf(block + 1)) continue;
      const start = bucket.keyStart(i).slice(0, Math.min(KEY_START, size));
      const name = `${pointer} ${size} ${start.join(' ')}`;
      if (!said.has(name) || hash !== FREE_HASH) said.set(name, { pointer, size, range, start });
    }
  }

  /**
   * Matches a scanned bucket to the directory entries that lead to no bucket, if its range of hashes is exactly
   * theirs.
   */
  async #askBuckets(db: Database, survey: SearchedSurvey): Promise<void> {
    const homes = new Map<string, number>();
    for (const { origin, state, offset, firstSlot, slots } of survey.sites) {
      if (origin !== 'directory' || state === 'sound' || !Number.isInteger(Math.log2(slots))) continue;
      const bits = Math.log2(db.directory.length / slots);
      homes.set(`${hashOfSlot(firstSlot, db.directory.length)} ${bits}`, offset);
    }
    if (homes.size === 0) return;
    const room = roomForBucket(db);
    for (const site of [...survey.sites, ...survey.stale]) {
      if (site.origin !== 'scan' || site.state !== 'sound' || site.used === 0) continue;
      const bucket = await readSite(db, site, room);
      let i = 0;
      while (bucket.hash(i) === FREE_HASH) i++;
      const home = homes.get(`${rangeOf(bucket.hash(i), site.bits).first} ${site.bits}`);
      if (home === undefined || (home - site.offset) % this.blocks.size !== 0) continue;
      this.#buckets.add(`${this.blocks.blockOf(home)} ${this.blocks.blockOf(site.offset)}`);
    }
  }

  async #isAt({ size, range, start }: Testimony, offset: number): Promise<boolean> {
    if (offset < 0 || offset + size > this.source.size) return false;
    const key = await this.source.read(offset, size);
    if (!equalBytes(start, key.subarray(0, start.length))) return false;
    return [hashKey(key, 'signed'), hashKey(key, 'unsigned')].some(
      (hash) => rangeOf(hash, range.bits).first === range.first,
    );
  }
}
