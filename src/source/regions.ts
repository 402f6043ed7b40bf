/** Slices of a file at most, and bytes of one at least. */
const MAX_SLICES = 1 << 16;
const MIN_SLICE = 1 << 16;

/** Number of records that begin in each slice of a file. */
export class RecordHistogram {
  /** Bytes of a slice, a power of two. */
  readonly slice: number;
  readonly counts: Uint32Array;
  records = 0;
  readonly #from: number;

  /**
   * @param size of the file, or of the part of it that is looked at, in bytes
   * @param from where the part begins, as a file offset
   * @param least bytes of a slice
   */
  constructor(size: number, from = 0, least = MIN_SLICE) {
    this.slice = Math.max(least, 2 ** Math.ceil(Math.log2(Math.max(1, size) / MAX_SLICES)));
    this.counts = new Uint32Array(Math.floor(size / this.slice) + 1);
    this.#from = from;
  }

  add(offset: number): void {
    this.counts[Math.floor((offset - this.#from) / this.slice)]++;
    this.records++;
  }

  /** Returns the total size in bytes of the slices in which records begin, for the region with the most of them. */
  widest(regions: readonly Region[]): number {
    const sliceOf = (offset: number) => Math.floor((offset - this.#from) / this.slice);
    let most = 0;
    for (const { from, to } of regions) {
      let slices = 0;
      for (let i = sliceOf(from); i < sliceOf(to); i++) if (this.counts[i] > 0) slices++;
      if (slices > most) most = slices;
    }
    return most * this.slice;
  }

  /** A slice, as file offsets. */
  region(slice: number): Region {
    const from = this.#from + slice * this.slice;
    return { from, to: from + this.slice };
  }
}

/** A part of a file, as file offsets. */
export interface Region {
  readonly from: number;
  readonly to: number;
}

/** Part of a file, and the number of records that begin in it. */
export interface FilePart extends Region {
  readonly records: number;
}

/**
 * Divides a file into parts in which no more than `most` records begin. Only a part of a single byte may have more,
 * if a file was crafted so that they all begin there. Such a part cannot be divided, so that memory must not depend
 * on the number of its records.
 *
 * @param count tells where each record begins, as it did for the histogram; called again for each slice that has too
 *   many
 */
export async function divide(
  histogram: RecordHistogram,
  most: number,
  count: (take: (offset: number) => void) => Promise<void>,
): Promise<FilePart[]> {
  const { counts, slice } = histogram;
  const parts: FilePart[] = [];
  let open: FilePart | undefined;
  const close = () => {
    if (open !== undefined) parts.push(open);
    open = undefined;
  };
  for (let i = 0; i < counts.length; i++) {
    const { from, to } = histogram.region(i);
    const records = counts[i];
    if (records <= most) {
      if (open !== undefined && open.records + records > most) close();
      open = { from: open?.from ?? from, to, records: (open?.records ?? 0) + records };
      continue;
    }
    close();
    if (slice === 1) parts.push({ from, to, records });
    else {
      const finer = new RecordHistogram(slice - 1, from, 1);
      await count((offset) => {
        if (offset >= from && offset < to) finer.add(offset);
      });
      parts.push(...(await divide(finer, most, count)));
    }
  }
  close();
  return parts;
}
