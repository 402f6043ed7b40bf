import { Differences, Fault } from '../source/views.js';
import type { Source } from '../source/source.js';
import type { Between } from './faultplace.js';

/** Maximum number of bytes that are compared. */
const MAX_TWICE = 1 << 20;

/**
 * Creates a fault at one of several places. If bytes were inserted that repeat their neighbours, such as a block that
 * was written twice, the original bytes are the same for many of the places: only bytes that differ are in doubt.
 *
 * @param between wider range, given by proved structures, in which the fault may lie
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
  // If a single place is left, the differences count only if the comparison covers every place at which the fault may
  // be.
  const isKnown = doubtful.first < doubtful.last || compared === all;
  return new Fault(source, missing, doubtful.first, doubtful.last, isKnown ? differences : undefined);
}
