import { Gaps } from '../gaps.js';
import type { SpaceAccount, SpaceKind } from '../space.js';
import { IN_FORCE, NONE_OVERREACHING, SPACE_KINDS } from '../space.js';
import { UnusedSpace } from '../unused.js';
import type { Extents } from './extents.js';
import { FreeParts } from './freeparts.js';
import { RecordRuns } from './recordruns.js';

/**
 * Accounts for every byte of a file in one sweep, records in order of their offsets between the structures. It ends at
 * the first byte that two of them claim: who is right then is for somebody else to find out.
 */
export class AccountSweep {
  readonly #structures: Extents;
  #free: FreeParts;
  readonly #size: number;
  readonly #totals = new Float64Array(SPACE_KINDS.length);
  readonly runs: RecordRuns;
  #next = 0;
  #at = 0;
  readonly #gaps = new Gaps();

  /**
   * @param structures what is no record, in order of offset, each inside the file and not empty
   * @param free what more of free space there is
   * @param runs of records, where they are known: {@link takeRuns} takes them
   */
  constructor(
    structures: Extents,
    size: number,
    { free = new FreeParts(0), runs = new RecordRuns(size) }: { free?: FreeParts; runs?: RecordRuns } = {},
  ) {
    this.#structures = structures;
    this.#free = free;
    free.begin();
    this.#size = size;
    this.runs = runs;
  }

  /**
   * Takes a record, which must not be before the last one.
   *
   * @returns false where something else has one of its bytes
   */
  takeRecord(offset: number, length: number): boolean {
    if (length === 0) return true;
    const fits = this.#takeStructuresBefore(offset + length) && this.#take(RECORD, offset, length);
    return fits && this.runs.add(offset, offset + length);
  }

  /** Takes the records of all runs that the sweep was made with; false where something else has one of their bytes. */
  takeRuns(): boolean {
    for (let run = 0; run < this.runs.length; run++) {
      const start = this.runs.start(run);
      const end = this.runs.end(run);
      if (!this.#takeStructuresBefore(end) || !this.#take(RECORD, start, end - start)) return false;
    }
    return true;
  }

  /** What every byte is; undefined where two structures have one of them. */
  finish(): SpaceAccount | undefined {
    if (!this.#takeStructuresBefore(Number.POSITIVE_INFINITY)) return undefined;
    this.#skipTo(this.#size);
    // Nothing that is asked later needs it.
    this.#free = new FreeParts(0);
    const bytes = Object.fromEntries(SPACE_KINDS.map((kind, i) => [kind, this.#totals[i]]));
    return {
      bytes: { ...(bytes as Record<SpaceKind, number>), overlapping: 0, unaccounted: this.#gaps.bytes },
      overlaps: [],
      overlapCount: 0,
      overreaching: NONE_OVERREACHING,
      isUsed: (offset, length) => this.#isUsed(offset, length),
      unused: () => this.#unused(),
      gaps: this.#gaps.largest(),
    };
  }

  /** Structures that begin before a record's end come before it, or lie on it. */
  #takeStructuresBefore(end: number): boolean {
    const structures = this.#structures;
    while (this.#next < structures.length && structures.offset(this.#next) < end) {
      const i = this.#next++;
      const offset = structures.offset(i);
      if (!this.#takeFreeBefore(offset + 1)) return false;
      if (!this.#take(structures.kind(i), offset, structures.size(i))) return false;
    }
    return this.#takeFreeBefore(end);
  }

  #takeFreeBefore(end: number): boolean {
    const free = this.#free;
    for (; free.offset < end; free.advance()) {
      if (!this.#take(FREE, free.offset, free.length)) return false;
    }
    return true;
  }

  #take(kind: number, offset: number, length: number): boolean {
    if (offset < this.#at || offset + length > this.#size) return false;
    if (offset > this.#at) this.#skipTo(offset);
    this.#totals[kind] += length;
    this.#at = offset + length;
    return true;
  }

  #skipTo(offset: number): void {
    const length = offset - this.#at;
    if (length <= 0) return;
    this.#gaps.add(this.#at, length);
    this.#at = offset;
  }

  #isUsed(offset: number, length: number): boolean {
    if (length <= 0) return false;
    const run = this.runs.runAt(offset + length - 1);
    if (run >= 0 && this.runs.end(run) > offset) return true;
    for (let i = this.#lastBefore(offset + length); i >= 0; i--) {
      // They do not overlap, so the last one in force that begins before the end decides.
      if (IN_FORCE[this.#structures.kind(i)])
        return this.#structures.offset(i) + this.#structures.size(i) > offset;
    }
    return false;
  }

  /** The last structure that begins before an offset; −1 where none does. */
  #lastBefore(offset: number): number {
    let low = 0;
    let high = this.#structures.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#structures.offset(middle) >= offset) high = middle;
      else low = middle + 1;
    }
    return low - 1;
  }

  #unused(): UnusedSpace {
    const { runs } = this;
    const structures = this.#structures;
    const inForce = new RecordRuns(this.#size);
    let run = 0;
    for (let i = 0; i < structures.length; i++) {
      if (!IN_FORCE[structures.kind(i)]) continue;
      const offset = structures.offset(i);
      for (; run < runs.length && runs.start(run) < offset; run++)
        inForce.cover(runs.start(run), runs.end(run));
      inForce.cover(offset, offset + structures.size(i));
    }
    for (; run < runs.length; run++) inForce.cover(runs.start(run), runs.end(run));
    return new UnusedSpace(inForce, this.#size);
  }
}

const RECORD = SPACE_KINDS.indexOf('record');
const FREE = SPACE_KINDS.indexOf('free');
