import { Gaps } from './gaps.js';
import { OverlapClaims } from './overlapclaims.js';
import { Overreaching } from './overreaching.js';
import { RecordRuns } from './sound/recordruns.js';
import type { SpaceAccount, SpaceKind } from './space.js';
import { IN_FORCE, MAX_OVERLAPS, SPACE_KINDS } from './space.js';
import { UnusedSpace } from './unused.js';

const RECORD = SPACE_KINDS.indexOf('record');

interface OpenOverlap {
  readonly offset: number;
  length: number;
  readonly claims: OverlapClaims;
}

/**
 * Accounts for every byte of a file in one sweep over extents that come in order of their offsets, whether they overlap
 * or not. Of all that have begun and not ended only two matter: the one that ends last, which has the bytes that no other
 * claims, and where the last of the others ends, up to which bytes are claimed more than once. So memory does not grow with
 * how many overlap: 8 bytes for each run of bytes in force, and the claims of the overlaps that are told.
 */
export class SpaceSweep {
  /** Where what is in force follows each other without a byte between. */
  readonly #inForce: RecordRuns;
  readonly #records: RecordRuns;
  #recordsApart = true;
  readonly #size: number;
  readonly #totals = new Float64Array(SPACE_KINDS.length);
  /** Accounted for up to here. */
  #at = 0;
  #overlapping = 0;
  readonly #gaps = new Gaps();
  readonly #overlaps: OpenOverlap[] = [];
  #overlapCount = 0;
  // The one that ends last. It has ended where its end is not behind what is accounted for.
  #kind = 0;
  #offset = 0;
  #length = 0;
  #end = 0;
  #rank = 0;
  /** Where the last of the others ends. */
  #othersEnd = 0;
  /** Those that began since the last byte was accounted for, where there are several open. */
  readonly #fresh = new OverlapClaims();
  /** The one that had the last byte for itself and goes on, where something began beside it. */
  readonly #before = new OverlapClaims();
  readonly #overreaching: Overreaching;

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.#size = size;
    this.#inForce = new RecordRuns(size);
    this.#records = new RecordRuns(size);
    this.#overreaching = new Overreaching(size);
  }

  /**
   * Takes an extent, which must not begin before the last one. Empty ones claim nothing.
   *
   * @param kind an index of SPACE_KINDS
   * @param rank by which the claims of an overlap are ordered
   */
  add(kind: number, offset: number, length: number, rank: number): void {
    if (length <= 0 || offset >= this.#size) return;
    const end = Math.min(offset + length, this.#size);
    if (IN_FORCE[kind]) {
      this.#overreaching.take(offset, kind === RECORD ? offset + length : -1);
      this.#inForce.cover(offset, end);
    }
    if (kind === RECORD) this.#recordsApart &&= this.#records.add(offset, end);
    this.#advance(offset);
    if (this.#end > offset) {
      this.#overlay(kind, offset, length, rank);
      if (end <= this.#end) {
        this.#othersEnd = Math.max(this.#othersEnd, end);
        return;
      }
      this.#othersEnd = this.#end;
    }
    this.#kind = kind;
    this.#offset = offset;
    this.#length = length;
    this.#end = end;
    this.#rank = rank;
  }

  /** What every byte is, and what tells of a record whether it reaches too far. */
  finish(): Omit<SpaceAccount, 'overreaching'> & { readonly overreaching: Overreaching } {
    this.#advance(this.#size);
    const bytes = Object.fromEntries(SPACE_KINDS.map((kind, i) => [kind, this.#totals[i]]));
    return {
      bytes: {
        ...(bytes as Record<SpaceKind, number>),
        overlapping: this.#overlapping,
        unaccounted: this.#gaps.bytes,
      },
      overlaps: this.#overlaps.map(({ offset, length, claims }) => ({
        offset,
        length,
        claims: claims.told(),
        kinds: claims.kinds,
      })),
      overlapCount: this.#overlapCount,
      overreaching: this.#overreaching,
      runs: this.#recordsApart ? this.#records : undefined,
      isUsed: (offset, length) => this.#isUsed(offset, length),
      unused: () => new UnusedSpace(this.#inForce, this.#size),
      gaps: this.#gaps.largest(),
    };
  }

  /** Something begins where another has not ended. */
  #overlay(kind: number, offset: number, length: number, rank: number): void {
    if (this.#fresh.isEmpty) {
      const open = {
        kind: SPACE_KINDS[this.#kind],
        offset: this.#offset,
        length: this.#length,
        rank: this.#rank,
      };
      if (this.#offset === this.#at) this.#fresh.add(open);
      else if (this.#othersEnd <= this.#at) this.#before.add(open);
    }
    this.#fresh.add({ kind: SPACE_KINDS[kind], offset, length, rank });
  }

  /** Accounts for what is open up to an offset, and for the gap behind it. */
  #advance(to: number): void {
    if (this.#at >= to) return;
    if (this.#othersEnd > this.#at) this.#overlap(Math.min(this.#othersEnd, to));
    if (this.#end > this.#at && this.#at < to) {
      const end = Math.min(this.#end, to);
      this.#totals[this.#kind] += end - this.#at;
      this.#at = end;
    }
    if (this.#at < to) {
      this.#gaps.add(this.#at, to - this.#at);
      this.#at = to;
    }
  }

  #overlap(to: number): void {
    const length = to - this.#at;
    this.#overlapping += length;
    const last = this.#overlaps.at(-1);
    if (last !== undefined && last.offset + last.length === this.#at) {
      last.length += length;
      last.claims.addAll(this.#fresh);
    } else if (this.#overlapCount++ < MAX_OVERLAPS) {
      const claims = new OverlapClaims();
      claims.addAll(this.#before);
      claims.addAll(this.#fresh);
      this.#overlaps.push({ offset: this.#at, length, claims });
    }
    this.#fresh.clear();
    this.#before.clear();
    this.#at = to;
  }

  #isUsed(offset: number, length: number): boolean {
    if (length <= 0) return false;
    const run = this.#inForce.runAt(offset + length - 1);
    return run >= 0 && this.#inForce.end(run) > offset;
  }
}
