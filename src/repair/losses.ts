import type { LostRecords } from '../check/losses.js';
import type { RepairOptions } from './result.js';

/**
 * Why the user's limit forbids the repair; undefined if it does not. Values that are probably damaged count as lost.
 *
 * @param kept records of the database that are kept, without what is to be added
 */
export function exceedsLimit(
  { records, estimated, missing, likelyDamaged }: LostRecords,
  kept: number,
  limit: RepairOptions['maxLoss'],
): string | undefined {
  if (limit === undefined) return undefined;
  const all = kept + records + (estimated ?? 0);
  const most =
    'records' in limit
      ? `${limit.records} records`
      : `${Number((limit.share * 100).toPrecision(12))} % of the records`;
  if (missing === null) {
    return `At most ${most} may be lost, and how many would be cannot be told. Nothing was changed.`;
  }
  // A share as people write it, 29 %, is no binary fraction: what is just at the limit must be let pass.
  const allowed = 'records' in limit ? limit.records : limit.share * all * (1 + Number.EPSILON * 4);
  if (missing + likelyDamaged <= allowed) return undefined;
  const damaged = likelyDamaged === 0 ? '' : `, and about ${likelyDamaged} more would have a damaged value`;
  return `At most ${most} may be lost, but ${missing} of ${all} would be${damaged}. Nothing was changed.`;
}
