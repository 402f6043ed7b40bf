import { Differences } from '../source/differences.js';
import { Fault } from '../source/fault.js';
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
  const place =
    between === undefined
      ? { first, last }
      : { first: Math.min(first, between.first), last: Math.max(last, between.last) };
  const isCompared = ({ first, last }: Between) => last - first <= MAX_TWICE && last - missing <= source.size;
  const compared = isCompared(place) ? place : { first, last };
  if (missing > 0 || !isCompared(compared)) return new Fault(source, missing, first, last);
  const length = compared.last - compared.first;
  const one = await source.read(compared.first, length);
  const differences = new Differences(
    compared.first,
    one,
    await source.read(compared.first - missing, length),
  );
  const different = differences.within({ first, last });
  const isKnown = different.first < different.last || (between !== undefined && compared === place);
  return new Fault(source, missing, different.first, different.last, isKnown ? differences : undefined);
}
