import type { CheckResult } from './check.js';
import type { LossReason } from './record.js';

/** Records that did not come back. */
export interface LostRecords {
  /** Elements in use whose record could not be kept, all reasons together. */
  readonly records: number;
  /** By reason; see `LossReason` and `NotKept`. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Share of all hashes, 0 to 1, that no readable bucket covers; its records are unknown. */
  readonly uncovered: number;
  /** Estimated number of records in the uncovered share, if it was as full as the rest; null if all is lost. */
  readonly estimated: number | null;
  /** Number of these records that an included old or carved record brings back. */
  readonly recovered: number;
  /** Number of lost and estimated records without the recovered ones; null if it is unknown. */
  readonly missing: number | null;
  /** An estimate of how many kept records have a damaged value although nothing shows it. */
  readonly likelyDamaged: number;
}

/** Reasons for which a record whose key is proved is not written. */
const NOT_WRITTEN = [
  'overreaching',
  'unproved-place',
  'unreadable',
  'overclaimed',
  'crowded',
  'leftOut',
] as const;

/** Counts that a writer of the fresh database knows better than the check of the old one, or in addition to it. */
export type Written = Partial<Readonly<Record<(typeof NOT_WRITTEN)[number], number>>>;

/** Lost records of which an old or a carved record was found: the number to be included, and the number of others. */
export interface StillThere {
  readonly recovered: number;
  readonly more: number;
}

const NONE_THERE: StillThere = { recovered: 0, more: 0 };

/** Counts the records of a database that a repair cannot keep. */
export function lostRecords(
  checked: CheckResult,
  written: Written = {},
  { recovered, more }: StillThere = NONE_THERE,
): LostRecords {
  const { rejected, noElements, uncovered, count, cutOff, likelyDamaged } = checked.records;
  const doubts: Written = checked.doubtful?.counts ?? {};
  const counts = Object.fromEntries([
    ...Object.entries(rejected).map(([reason, n]) => [reason, n - (noElements[reason as LossReason] ?? 0)]),
    ['missing', (rejected.missing ?? 0) - (noElements.missing ?? 0) + cutOff],
    ...NOT_WRITTEN.map((reason) => [reason, written[reason] ?? doubts[reason] ?? 0]),
  ]) as Record<string, number>;
  // Old copies and second records of a key are not lost: the ones in force are kept.
  const reasons = Object.fromEntries(
    Object.entries(counts).filter(
      ([reason, n]) => n > 0 && reason !== 'superseded' && reason !== 'duplicate',
    ),
  );
  const records = Object.values(reasons).reduce((sum, n) => sum + n, 0);
  const isUnknown = uncovered === 1 || (count === 0 && uncovered > 0);
  // Assumes that the lost buckets were as full as the others, lost records included; they had at least the records
  // found of them.
  const covered = count + records;
  const estimated = isUnknown
    ? null
    : Math.max(Math.round(covered / (1 - uncovered)) - covered, recovered + more - records);
  const missing = estimated === null ? null : Math.max(0, records + estimated - recovered);
  return { records, reasons, uncovered, estimated, recovered, missing, likelyDamaged };
}
