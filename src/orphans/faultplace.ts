import type { CutBuckets } from './cutbuckets.js';
import { MOST_IN_PLACE } from './cutbuckets.js';

/** Range of offsets in which a place lies, the last one included. */
export interface Between {
  readonly first: number;
  readonly last: number;
}

/** Unit in bytes in which a drive or a copy loses or repeats data. */
export const SECTOR = 512;
/** Maximum number of sectors that are examined. */
const MOST = 1 << 12;

/**
 * Evidence for the place of a fault: structures before it are in place, and those after it are shifted. Old copies
 * may contradict this, so the best place is the one that agrees with most of the evidence.
 */
export class FaultEvidence {
  /** End offsets of structures that are in place. */
  readonly #before: number[] = [];
  /** Start offsets of shifted structures: the lower one of the present offset and the original one. */
  readonly #behind: number[] = [];

  /** Adds a structure that is in place and ends at this offset. */
  before(end: number): void {
    this.#before.push(end);
  }

  /** Adds a structure that belongs at this offset, but stands `missing` bytes before it. */
  behind(offset: number, missing: number): void {
    this.#behind.push(Math.min(offset, offset - missing));
  }

  /**
   * Finds the places that agree with most of the evidence.
   *
   * @returns the places, with the gain in evidence over there being no fault, and with the share of the structures in
   *   place, or of the shifted ones, that contradict them; the larger share of the two
   */
  best(): Between & { gain: number; against: number } {
    const before = Float64Array.from(this.#before).sort();
    const behind = Float64Array.from(this.#behind).sort();
    let best = { first: 0, last: 0, gain: -Infinity, against: 1 };
    let passed = 0;
    for (const [n, first] of before.entries()) {
      while (passed < behind.length && behind[passed] < first) passed++;
      // With several structures that end at one offset, the last one counts them all.
      const gain = n + 1 + (behind.length - passed) - before.length;
      const against = Math.max((before.length - n - 1) / before.length, passed / Math.max(1, behind.length));
      if (gain > best.gain) best = { first, last: behind[passed] ?? first, gain, against };
    }
    return best;
  }
}

/**
 * Narrows down the place of a fault. No whole bucket contains it, a fault of whole sectors begins at a sector
 * boundary, and as many elements as possible of a bucket that it cuts are in place.
 *
 * @param buckets present file offsets of whole buckets, in order
 */
export async function narrow(
  { first, last }: Between,
  missing: number,
  buckets: Float64Array,
  bucketSize: number,
  cut: CutBuckets,
): Promise<Between> {
  const holding = (at: number) => {
    const n = lastBefore(buckets, at);
    return n >= 0 && at < buckets[n] + bucketSize ? buckets[n] : undefined;
  };
  const sectors: number[] = [];
  if (missing % SECTOR === 0) {
    for (let at = Math.ceil(first / SECTOR) * SECTOR; at <= last && sectors.length < MOST; at += SECTOR)
      if (holding(at) === undefined) sectors.push(at);
  }
  const before = holding(first);
  const from = before === undefined ? first : before + bucketSize;
  const to = holding(last) ?? last;
  const byElements = from > to ? undefined : await narrowByElements({ first: from, last: to }, cut);
  if (sectors.length > 0) {
    const likely = await cut.mostInPlace(sectors);
    const bySectors = endsOf(likely.places);
    if (byElements === undefined || byElements.inPlace <= likely.inPlace) return bySectors;
    // One element that ends with bytes of another one can make this difference.
    if (byElements.inPlace <= likely.inPlace + MOST_IN_PLACE) {
      const isCut = byElements.first + cut.elementSize > bySectors.first;
      return {
        first: isCut ? bySectors.first : byElements.first,
        last: Math.max(bySectors.last, byElements.last),
      };
    }
  }
  return byElements ?? { first, last };
}

/** The places between elements with which the score is highest, and that score. */
async function narrowByElements(
  { first, last }: Between,
  cut: CutBuckets,
): Promise<Between & { readonly inPlace: number }> {
  const elements = cut.elementsBetween(first, last);
  const { places, inPlace } = await cut.mostInPlace([first, ...elements, last]);
  const place = endsOf(places);
  // A fault inside the preceding element would leave that one apparently in place, with the end of another one.
  const isElement = elements.includes(place.first);
  return { inPlace, first: isElement ? place.first - cut.elementSize : place.first, last: place.last };
}

function endsOf(places: readonly number[]): Between {
  return { first: places[0], last: places[places.length - 1] };
}

/** Index of the last sorted offset that is lower; −1 if there is none. */
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
