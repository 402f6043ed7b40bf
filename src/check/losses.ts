import type { CheckResult } from './check.js';
import type { LossReason } from './record.js';

/** What did not come back. */
export interface LostRecords {
  /** Elements in use whose record could not be kept, all reasons together. */
  readonly records: number;
  /** By reason; see `LossReason` and `NotKept`. */
  readonly reasons: Readonly<Record<string, number>>;
  /** The share of all hashes, 0 to 1, that no readable bucket covers: what was there is not known. */
  readonly uncovered: number;
  /** How many records the uncovered share may have held, if it was filled as the rest is; null if all is lost. */
  readonly estimated: number | null;
  /** How many of all these are brought back by what was to be included. */
  readonly recovered: number;
  /** The records that are missing at last: those that are lost and estimated, without the recovered ones; null if that cannot be told. */
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

/** What a writer of the fresh database knows better than the check of the old one, or in addition. */
export type Written = Partial<Readonly<Record<(typeof NOT_WRITTEN)[number], number>>>;

/** Lost records of which an old or a carved one was found: how many are to be included, and how many more there are. */
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
  // The lost buckets were filled as the others are, lost records among them; and had at least what was found of theirs.
  const covered = count + records;
  const estimated = isUnknown
    ? null
    : Math.max(Math.round(covered / (1 - uncovered)) - covered, recovered + more - records);
  const missing = estimated === null ? null : Math.max(0, records + estimated - recovered);
  return { records, reasons, uncovered, estimated, recovered, missing, likelyDamaged };
}
