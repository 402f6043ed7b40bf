import type { Extent, Overlap, OverreachingRecords, SpaceAccount, SpaceKind } from '../../src/check/space.js';
import { MAX_CLAIMS, MAX_OVERLAPS, SPACE_KINDS } from '../../src/check/space.js';
import type { Range } from '../../src/source/ranges.js';
import { firstAfter } from '../../src/numbers.js';
import { firstEndingAfter } from '../../src/source/ranges.js';

const MAX_GAPS = 100;

function largestGaps(gaps: { offset: number; length: number }[]): { offset: number; length: number }[] {
  return gaps.sort((a, b) => b.length - a.length).slice(0, MAX_GAPS);
}
const KIND_BITS = 8;

/** Accounts for every byte of a file as simply as can be, from all extents at once; what `SpaceSweep` must agree with. */
export class SpaceMap {
  #count = 0;
  #offsets = new Float64Array(1024);
  #lengths = new Float64Array(1024);
  #kinds = new Uint8Array(1024);

  /** Claims a range. Empty ranges claim nothing. */
  add(kind: SpaceKind, offset: number, length: number): void {
    if (length <= 0) return;
    if (this.#count === this.#kinds.length) this.#grow();
    this.#offsets[this.#count] = offset;
    this.#lengths[this.#count] = length;
    this.#kinds[this.#count] = SPACE_KINDS.indexOf(kind);
    this.#count++;
  }

  /** Accounts for every byte of a file of `size` bytes. */
  account(size: number): SpaceAccount {
    // A sweep over sorted starts and ends; the kind rides in the low bits (exact up to files of 2^50 bytes).
    let count = 0;
    let starts = new Float64Array(this.#count);
    let ends = new Float64Array(this.#count);
    for (let i = 0; i < this.#count; i++) {
      if (this.#offsets[i] >= size) continue;
      starts[count] = this.#offsets[i] * KIND_BITS + this.#kinds[i];
      ends[count] = Math.min(this.#offsets[i] + this.#lengths[i], size) * KIND_BITS + this.#kinds[i];
      count++;
    }
    starts = starts.subarray(0, count).sort();
    ends = ends.subarray(0, count).sort();
    const totals = new Float64Array(SPACE_KINDS.length);
    const open = new Int32Array(SPACE_KINDS.length);
    let openCount = 0;
    let at = 0;
    let overlapping = 0;
    let unaccounted = 0;
    const overlaps: { offset: number; length: number }[] = [];
    let overlapCount = 0;
    let gaps: { offset: number; length: number }[] = [];
    const advance = (to: number) => {
      const length = to - at;
      if (length <= 0) return;
      if (openCount === 0) {
        unaccounted += length;
        gaps.push({ offset: at, length });
        if (gaps.length > 8 * MAX_GAPS) gaps = largestGaps(gaps);
      } else if (openCount === 1) {
        totals[open.findIndex((n) => n > 0)] += length;
      } else {
        overlapping += length;
        const last = overlaps.at(-1);
        if (last !== undefined && last.offset + last.length === at) last.length += length;
        else {
          overlapCount++;
          if (overlaps.length < MAX_OVERLAPS) overlaps.push({ offset: at, length });
        }
      }
      at = to;
    };
    for (let s = 0, e = 0; e < count;) {
      if (s < count && Math.floor(starts[s] / KIND_BITS) < Math.floor(ends[e] / KIND_BITS)) {
        advance(Math.floor(starts[s] / KIND_BITS));
        open[starts[s++] % KIND_BITS]++;
        openCount++;
      } else {
        advance(Math.floor(ends[e] / KIND_BITS));
        open[ends[e++] % KIND_BITS]--;
        openCount--;
      }
    }
    advance(size);
    const bytes = Object.fromEntries(SPACE_KINDS.map((kind, i) => [kind, totals[i]]));
    return {
      bytes: { ...(bytes as Record<SpaceKind, number>), overlapping, unaccounted },
      overlaps: this.#claimsOf(overlaps),
      overlapCount,
      overreaching: this.#overreaching(),
      isUsed: this.#used(),
      unused: () => this.#unused(size),
      gaps: largestGaps(gaps).sort((a, b) => a.offset - b.offset),
    };
  }

  /** The space between the extents in force. */
  #unused(size: number): Range[] {
    const order = [...Array(this.#count).keys()].filter((i) => PROVED[this.#kinds[i]]);
    order.sort((a, b) => this.#offsets[a] - this.#offsets[b]);
    const ranges: Range[] = [];
    let end = 0;
    for (const i of order) {
      const offset = Math.min(this.#offsets[i], size);
      if (offset > end) ranges.push({ offset: end, length: offset - end });
      end = Math.max(end, offset + this.#lengths[i]);
    }
    if (size > end) ranges.push({ offset: end, length: size - end });
    return ranges;
  }

  /** Looks ranges up in the sorted extents; made when it is first asked. */
  #used(): (offset: number, length: number) => boolean {
    let starts: Float64Array | undefined;
    let ends = new Float64Array(0);
    return (offset, length) => {
      if (starts === undefined) {
        const order = [...Array(this.#count).keys()].filter((i) => PROVED[this.#kinds[i]]);
        order.sort((a, b) => this.#offsets[a] - this.#offsets[b]);
        starts = Float64Array.from(order, (i) => this.#offsets[i]);
        let end = 0;
        // The farthest end so far, because extents may lie inside each other.
        ends = Float64Array.from(order, (i) => (end = Math.max(end, this.#offsets[i] + this.#lengths[i])));
      }
      const before = firstAfter(starts, offset + length - 1) - 1;
      return length > 0 && before >= 0 && ends[before] > offset;
    };
  }

  /** Records before whose end something in force begins, but not where they begin. */
  #overreaching(): OverreachingRecords {
    const starts = this.#offsets
      .subarray(0, this.#count)
      .filter((_, i) => PROVED[this.#kinds[i]])
      .sort();
    const has = (offset: number, length: number) => starts[firstAfter(starts, offset)] < offset + length;
    let size = 0;
    for (let i = 0; i < this.#count; i++) {
      if (this.#kinds[i] === RECORD && has(this.#offsets[i], this.#lengths[i])) size++;
    }
    return { size, has };
  }

  /** Finds who claims each overlapping range: one pass over the extents, each looked up among the few ranges. */
  #claimsOf(ranges: readonly { offset: number; length: number }[]): Overlap[] {
    const found = ranges.map((range) => ({
      ...range,
      claims: [] as Extent[],
      kinds: new Set<SpaceKind>(),
    }));
    if (found.length === 0) return found;
    for (let i = 0; i < this.#count; i++) {
      const offset = this.#offsets[i];
      const length = this.#lengths[i];
      for (let r = firstEndingAfter(found, offset); r < found.length; r++) {
        if (found[r].offset >= offset + length) break;
        const { claims, kinds } = found[r];
        const kind = SPACE_KINDS[this.#kinds[i]];
        kinds.add(kind);
        if (claims.length < MAX_CLAIMS) claims.push({ kind, offset, length });
        else if (claims[MAX_CLAIMS - 1].length < length) claims[MAX_CLAIMS - 1] = { kind, offset, length };
      }
    }
    return found;
  }

  #grow(): void {
    const capacity = this.#count * 2;
    const grown = <T extends Float64Array | Uint8Array>(bigger: T, old: T): T => {
      bigger.set(old);
      return bigger;
    };
    this.#offsets = grown(new Float64Array(capacity), this.#offsets);
    this.#lengths = grown(new Float64Array(capacity), this.#lengths);
    this.#kinds = grown(new Uint8Array(capacity), this.#kinds);
  }
}

/** Lists of free space may be wrong themselves; the others prove what they are. */
const PROVED = SPACE_KINDS.map((kind) => kind !== 'free' && kind !== 'avail');
const RECORD = SPACE_KINDS.indexOf('record');
