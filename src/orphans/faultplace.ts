import type { CutBuckets } from './cutbuckets.js';
import { MOST_IN_PLACE } from './cutbuckets.js';

/** Offsets between which a place lies, the last one included. */
export interface Between {
  readonly first: number;
  readonly last: number;
}

/** What is lost or doubled by a drive or a copy goes by sectors of so many bytes. */
export const SECTOR = 512;
/** Sectors that are looked at, at most. */
const MOST = 1 << 12;

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
   * @returns how much more of it is true than if there were no fault, where that is, and what share of what is at its own
   *   place, or of what is not, says that it is elsewhere
   */
  best(): Between & { gain: number; against: number } {
    const before = Float64Array.from(this.#before).sort();
    const behind = Float64Array.from(this.#behind).sort();
    let best = { first: 0, last: 0, gain: -Infinity, against: 1 };
    let passed = 0;
    for (const [n, first] of before.entries()) {
      while (passed < behind.length && behind[passed] < first) passed++;
      // Of those at one place the last counts all.
      const gain = n + 1 + (behind.length - passed) - before.length;
      const against = Math.max((before.length - n - 1) / before.length, passed / Math.max(1, behind.length));
      if (gain > best.gain) best = { first, last: behind[passed] ?? first, gain, against };
    }
    return best;
  }
}

/**
 * Narrows down where a fault is: no whole bucket has it in its middle, what goes by whole sectors begins with one, and of a
 * bucket that it cuts as many elements as possible are in place.
 *
 * @param buckets file offsets of whole buckets as they lie there, in order
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
    // So much may be one element that has the end of another one.
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

/** The places between elements with which most of them are in place, and how well they are. */
async function narrowByElements(
  { first, last }: Between,
  cut: CutBuckets,
): Promise<Between & { readonly inPlace: number }> {
  const elements = cut.elementsBetween(first, last);
  const { places, inPlace } = await cut.mostInPlace([first, ...elements, last]);
  const place = endsOf(places);
  // Within the element before it, it would leave that one as if it were in place, with the end of another one.
  const isElement = elements.includes(place.first);
  return { inPlace, first: isElement ? place.first - cut.elementSize : place.first, last: place.last };
}

function endsOf(places: readonly number[]): Between {
  return { first: places[0], last: places[places.length - 1] };
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
