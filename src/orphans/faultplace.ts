/** Offsets between which a place lies, the last one included. */
export interface Between {
  readonly first: number;
  readonly last: number;
}

/** What is lost or doubled by a drive or a copy goes by sectors of so many bytes, and mostly by so many of a block. */
const SECTOR = 512;
const BLOCK = 4096;

/**
 * What says where a fault is: structures in front of it are where they belong, and those behind it are not. Old copies may
 * say something else, so that the place is the one of which most is true.
 */
export class FaultEvidence {
  /** Where what is at its own place ends. */
  readonly #before: number[] = [];
  /** Where what was shifted begins: the lower of where it is and where it was. */
  readonly #behind: number[] = [];

  /** Something that ends here is at its own place. */
  before(end: number): void {
    this.#before.push(end);
  }

  /** Something that was here is not at its own place, but as many bytes before it as are missing. */
  behind(offset: number, missing: number): void {
    this.#behind.push(Math.min(offset, offset - missing));
  }

  /**
   * The places of which most is true.
   *
   * @returns how much more of it is true than if there were no fault, and where that is
   */
  best(): Between & { gain: number } {
    const before = Float64Array.from(this.#before).sort();
    const behind = Float64Array.from(this.#behind).sort();
    let best = { first: 0, last: 0, gain: -Infinity };
    let passed = 0;
    for (const [n, first] of before.entries()) {
      while (passed < behind.length && behind[passed] < first) passed++;
      // Of those at one place the last counts all.
      const gain = n + 1 + (behind.length - passed) - before.length;
      if (gain > best.gain) best = { first, last: behind[passed] ?? first, gain };
    }
    return best;
  }
}

/**
 * Narrows down where a fault is: no whole bucket has it in its middle, and what goes by whole sectors begins with one.
 *
 * @param buckets file offsets of whole buckets as they lie there, in order
 */
export function narrow(
  { first, last }: Between,
  missing: number,
  buckets: Float64Array,
  bucketSize: number,
): Between {
  const isFree = (at: number) => {
    const n = lastBefore(buckets, at);
    return n < 0 || at >= buckets[n] + bucketSize;
  };
  for (let unit = BLOCK; unit >= SECTOR; unit /= 2) {
    if (missing % unit !== 0) continue;
    let from = Math.ceil(first / unit) * unit;
    let to = Math.floor(last / unit) * unit;
    while (from <= to && !isFree(from)) from += unit;
    while (from <= to && !isFree(to)) to -= unit;
    if (from <= to) return { first: from, last: to };
  }
  const from = isFree(first) ? first : buckets[lastBefore(buckets, first)] + bucketSize;
  const to = isFree(last) ? last : buckets[lastBefore(buckets, last)];
  return from <= to ? { first: from, last: to } : { first, last };
}

/** The index of the last of the sorted offsets that is lower; −1 where there is none. */
function lastBefore(sorted: Float64Array, offset: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
