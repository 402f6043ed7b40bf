import type { AreaKind, ClaimKind } from './areas.js';
import { AREA_KINDS, Areas } from './areas.js';

/** In a claim's number the kind rides in the low bits; exact up to files of 2^50 bytes. */
const KIND_BITS = 8;
const CLAIMS = ['header', 'directory', 'bucket', 'avail', 'record', 'free', 'damaged', 'deleted'] as const;
const FREE = CLAIMS.indexOf('free');
const DAMAGED = CLAIMS.indexOf('damaged');
const DELETED = CLAIMS.indexOf('deleted');

/** Collects who claims which bytes, and cuts the file into ranges of one kind. 17 bytes of memory a claim. */
export class ClaimList {
  #count = 0;
  #offsets = new Float64Array(1024);
  #ends = new Float64Array(1024);
  #kinds = new Uint8Array(1024);

  /** Claims a range; parts outside of the file are left out when it is painted. */
  add(kind: ClaimKind, offset: number, length: number): void {
    if (!(length > 0)) return;
    if (this.#count === this.#kinds.length) this.#grow();
    this.#offsets[this.#count] = offset;
    this.#ends[this.#count] = offset + length;
    this.#kinds[this.#count] = CLAIMS.indexOf(kind);
    this.#count++;
  }

  /**
   * The file of `size` bytes in ranges of one kind. A byte that two in force claim, or that is in force and listed as free,
   * is overlapping; damage and what was deleted show only where nothing in force is.
   */
  paint(size: number): Areas {
    const starts = this.#sorted(this.#offsets, size);
    const ends = this.#sorted(this.#ends, size);
    const open = new Int32Array(CLAIMS.length);
    const areaEnds: number[] = [];
    const kinds: number[] = [];
    let at = 0;
    // Records that touch stay two ranges; what shows through nowhere cuts none in two.
    let cut = true;
    const advance = (to: number) => {
      if (to <= at) return;
      const judged = judge(open);
      const kind = AREA_KINDS.indexOf(judged);
      const joins = judged === 'unaccounted' || judged === 'overlapping' || !cut;
      if (kinds.at(-1) === kind && joins) areaEnds[areaEnds.length - 1] = to;
      else {
        kinds.push(kind);
        areaEnds.push(to);
      }
      at = to;
      cut = false;
    };
    for (let s = 0, e = 0; e < ends.length;) {
      const next = s < starts.length ? Math.floor(starts[s] / KIND_BITS) : Infinity;
      if (next < Math.floor(ends[e] / KIND_BITS)) {
        advance(next);
        const kind = starts[s++] % KIND_BITS;
        open[kind]++;
        cut ||= kind <= FREE;
      } else {
        advance(Math.floor(ends[e] / KIND_BITS));
        const kind = ends[e++] % KIND_BITS;
        open[kind]--;
        cut ||= kind <= FREE;
      }
    }
    advance(size);
    return new Areas(size, Float64Array.from(areaEnds), Uint8Array.from(kinds));
  }

  /** Starts or ends inside the file, sorted, each with its kind. */
  #sorted(of: Float64Array, size: number): Float64Array {
    const sorted = new Float64Array(this.#count);
    let count = 0;
    for (let i = 0; i < this.#count; i++) {
      if (this.#offsets[i] >= size || this.#ends[i] <= 0) continue;
      sorted[count++] = Math.max(0, Math.min(of[i], size)) * KIND_BITS + this.#kinds[i];
    }
    return sorted.subarray(0, count).sort();
  }

  #grow(): void {
    const capacity = 2 * this.#count;
    const [offsets, ends, kinds] = [
      new Float64Array(capacity),
      new Float64Array(capacity),
      new Uint8Array(capacity),
    ];
    offsets.set(this.#offsets);
    ends.set(this.#ends);
    kinds.set(this.#kinds);
    [this.#offsets, this.#ends, this.#kinds] = [offsets, ends, kinds];
  }
}

/** What a byte is that has so many claims of each kind. */
function judge(open: Int32Array): AreaKind {
  let claims = open[FREE];
  for (let kind = 0; kind < FREE; kind++) claims += open[kind];
  if (claims > 1) return 'overlapping';
  if (claims === 1 && open[FREE] === 0) return CLAIMS[open.findIndex((n) => n > 0)];
  if (open[DAMAGED] > 0) return 'damaged';
  if (open[DELETED] > 0) return 'deleted';
  return open[FREE] > 0 ? 'free' : 'unaccounted';
}
