import { Differences, Fault } from '../source/views.js';
import type { Source } from '../source/source.js';
import type { Between } from './faultplace.js';

/** Bytes that are compared, at most. */
const MAX_TWICE = 1 << 20;

/**
 * A fault at one of some places. Where bytes were put in that are there already, as of a block that was written twice, it
 * is the same bytes that were there, whichever of many places it is: only those that differ are in doubt.
 *
 * @param between where else it may be, by what is proved, and may not
 */
export async function faultAt(
  source: Source,
  missing: number,
  { first, last }: Between,
  between: Between | undefined,
): Promise<Fault> {
  const place = { first, last };
  const all = between && { first: Math.min(first, between.first), last: Math.max(last, between.last) };
  const isComparable = (one: Between) =>
    missing < 0 && one.last - one.first <= MAX_TWICE && one.last - missing <= source.size;
  const compared = all !== undefined && isComparable(all) ? all : place;
  if (!isComparable(compared)) return new Fault(source, missing, first, last);
  const length = compared.last - compared.first;
  const one = await source.read(compared.first, length);
  const other = await source.read(compared.first - missing, length);
  const differences = new Differences(compared.first, one, other);
  const doubtful = differences.within(place);
  // Of what has the one place in its middle only that tells which was compared wherever it may be.
  const isKnown = doubtful.first < doubtful.last || compared === all;
  return new Fault(source, missing, doubtful.first, doubtful.last, isKnown ? differences : undefined);
}
