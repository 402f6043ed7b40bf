/** Slices of a file at most, and bytes of one at least. */
const MAX_SLICES = 1 << 16;
const MIN_SLICE = 1 << 16;

/** How many records begin in each slice of a file. */
export class RecordHistogram {
  readonly slice: number;
  readonly counts: Uint32Array;
  records = 0;

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.slice = Math.max(MIN_SLICE, 2 ** Math.ceil(Math.log2(Math.max(1, size) / MAX_SLICES)));
    this.counts = new Uint32Array(Math.floor(size / this.slice) + 1);
  }

  add(offset: number): void {
    this.counts[Math.floor(offset / this.slice)]++;
    this.records++;
  }

  /** How many begin in a part that begins where a slice does, as those of {@link planRegions}, or may with its last slice. */
  countIn({ from, to }: Region): number {
    const end = Math.min(this.counts.length, Math.ceil(to / this.slice));
    let count = 0;
    for (let i = Math.floor(from / this.slice); i < end; i++) count += this.counts[i];
    return count;
  }
}

/** A part of a file, as file offsets. */
export interface Region {
  readonly from: number;
  readonly to: number;
}

/**
 * Divides a file into parts in which no more than `most` records begin.
 *
 * @returns undefined where more begin in a single slice
 */
export function planRegions(
  { counts, slice }: Pick<RecordHistogram, 'counts' | 'slice'>,
  most: number,
): Region[] | undefined {
  const regions: Region[] = [];
  let first = 0;
  let records = 0;
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] > most) return undefined;
    if (records + counts[i] > most) {
      regions.push({ from: first * slice, to: i * slice });
      first = i;
      records = 0;
    }
    records += counts[i];
  }
  return [...regions, { from: first * slice, to: counts.length * slice }];
}
