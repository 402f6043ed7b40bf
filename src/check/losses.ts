import type { Database } from '../database/database.js';
import { asItIs } from '../database/database.js';
import { likelyCause } from '../database/likelycause.js';
import type { Survey } from '../database/survey.js';
import { passChunks } from '../source/source.js';
import type { CheckResult, RecordCounts } from './check.js';
import type { LossReason } from './marks.js';
import type { SpaceAccount } from './space.js';
import { weights } from '../weights.js';

/*
 * Records that do not come back (`lostRecords`), and the reason to make no database of what is left
 * (`whyUnrepairable`).
 */

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
const NOT_WRITTEN = ['overreaching', 'unreadable', 'overclaimed', 'crowded', 'leftOut'] as const;

/** Counts that a writer of the fresh database knows better than the check of the old one, or in addition to it. */
export type Written = Partial<Readonly<Record<(typeof NOT_WRITTEN)[number], number>>>;

/** Lost records of which an old or a carved record was found: the number to be included, and the number of others. */
interface StillThere {
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

/** Results of a check that show how much of a file the records explain. */
export interface Found {
  readonly records: RecordCounts;
  readonly account: SpaceAccount;
  /** Records among those counted that a repair does not keep. */
  readonly doubtful: { readonly size: number };
}

/**
 * Tells why no database is to be made of the records found in a damaged file: they explain next to nothing of it. A
 * database that is known to be empty is not tested.
 *
 * @returns undefined if they explain enough
 */
export async function whyUnrepairable(
  db: Database,
  survey: Survey,
  { records, account, doubtful }: Found,
): Promise<string | undefined> {
  const kept = records.count - doubtful.size;
  if (kept <= 0) {
    if (isKnownEmpty(db, survey, records)) return undefined;
    return `${NOTHING_LEFT}${sentence(await likelyCause(asItIs(db), db))}`;
  }
  if (isCutShort(db, records)) return undefined;
  const share = await explainedShare(db, account);
  if (share >= (kept === 1 ? weights.reading.explainedByOne : weights.reading.explained)) return undefined;
  const what = kept === 1 ? '1 record that was found explains' : `${kept} records that were found explain`;
  return (
    `The ${what} only ${(share * 100).toFixed(2)} % of the file's contents, so that no database is made of it. 'gdbm-doctor salvage FILE' lists what was found.` +
    sentence(await likelyCause(asItIs(db), db))
  );
}

/**
 * Tells whether the file ends too early, which explains its losses: each element whose record is inside the file has
 * its key.
 */
function isCutShort({ source, header, headerLost, layout }: Database, { rejected }: RecordCounts): boolean {
  return !headerLost && layout === undefined && source.size < header.next_block && (rejected.key ?? 0) === 0;
}

const NOTHING_LEFT =
  'No record can be reached: the directory, or every bucket with records that it led to, is gone. ' +
  'A repaired file would be empty, so the file is left as it is. Restore it from a copy if there is one.';

function sentence(cause: string | undefined): string {
  return cause === undefined ? '' : ` Likely cause: ${cause}.`;
}

/** Tells whether the directory leads to whole buckets for all hashes, none of which has an element. */
function isKnownEmpty(
  { headerLost }: Database,
  { sites }: Survey,
  { rejected, uncovered }: RecordCounts,
): boolean {
  const isWhole = sites.every(({ origin, state }) => origin === 'directory' && state === 'sound');
  return !headerLost && isWhole && uncovered === 0 && Object.keys(rejected).length === 0;
}

/**
 * Returns the share of records and listed free space in the sum of these and of the unaccounted bytes. Unaccounted
 * zero bytes show nothing, and are not counted; nor are structures, which a file read in a wrong way has, too.
 */
async function explainedShare({ source }: Database, { bytes, unused }: SpaceAccount): Promise<number> {
  const explained = bytes.record + bytes.free;
  // Most files need not be read for their zero bytes.
  const least = explained / (explained + bytes.unaccounted);
  if (least >= weights.reading.explainedByOne) return least;
  let others = 0;
  for (const { offset, length } of unused()) {
    for await (const chunk of passChunks(source, offset, length)) {
      for (const byte of chunk) if (byte !== 0) others++;
    }
  }
  return explained / (explained + Math.min(others, bytes.unaccounted));
}
