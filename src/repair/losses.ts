import type { CheckResult } from '../check/check.js';
import type { LossReason } from '../check/record.js';
import type { RebuildResult } from '../rebuild/rebuild.js';
import type { LostRecords, RepairOptions } from './result.js';
import type { Subject } from './subject.js';

/** Why the user's limit forbids the repair; undefined if it does not. */
export function exceedsLimit(
  { records, estimated, uncovered }: LostRecords,
  kept: number,
  limit: RepairOptions['maxLoss'],
): string | undefined {
  if (limit === undefined) return undefined;
  const unknown = uncovered > 0 && estimated === null;
  const lost = records + (estimated ?? 0);
  // A share as people write it, 29 %, is no binary fraction: what is just at the limit must be let pass.
  const allowed = 'records' in limit ? limit.records : limit.share * (kept + lost) * (1 + Number.EPSILON * 4);
  if (!unknown && lost <= allowed) return undefined;
  const how =
    'records' in limit
      ? `${limit.records} records`
      : `${Number((limit.share * 100).toPrecision(12))} % of the records`;
  const what = unknown ? 'an unknown number' : `${lost} of ${kept + lost}`;
  return `Expected a loss of at most ${how}, found that ${what} would be lost. Nothing was changed.`;
}

export function lostRecords(
  checked: CheckResult,
  noElements: Subject['noElements'],
  built: Partial<RebuildResult> = {},
): LostRecords {
  const { rejected, uncovered, count } = checked.records;
  // Old copies and second records of a key are not lost: the ones in force are kept.
  const reasons = Object.fromEntries(
    Object.entries({
      ...Object.fromEntries(
        Object.entries(rejected).map(([reason, n]) => [reason, n - (noElements[reason as LossReason] ?? 0)]),
      ),
      overreaching: built.overreaching ?? checked.doubtful?.counts.overreaching ?? 0,
      'unproved-place': built['unproved-place'] ?? checked.doubtful?.counts['unproved-place'] ?? 0,
      unreadable: built.unreadable ?? checked.doubtful?.counts.unreadable ?? 0,
      overclaimed: built.overclaimed ?? 0,
      crowded: built.crowded ?? 0,
      leftOut: built.leftOut ?? 0,
    }).filter(([reason, n]) => n > 0 && reason !== 'superseded' && reason !== 'duplicate'),
  );
  return {
    records: Object.values(reasons).reduce((sum, n) => sum + n, 0),
    reasons,
    uncovered,
    estimated:
      uncovered === 1 || (count === 0 && uncovered > 0) ? null : Math.round(count / (1 - uncovered)) - count,
  };
}
