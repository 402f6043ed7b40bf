import type { FileFormat } from '../check/check.js';
import type { Doubt } from '../check/doubtful.js';
import type { Database } from '../database/database.js';
import type { HashChar } from '../format/hash.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import type { RecordFilter } from '../profile/leaveout.js';
import type { Addition, SalvagedBatch, SalvagedRecord } from '../salvage/salvage.js';
import { salvage } from '../salvage/salvage.js';
import type { CheckedDatabase } from './checked.js';

/** What a fresh database gets besides what is in force, never over a better record of the same key. */
export interface Added {
  readonly include: readonly Addition[];
  /** Records with the provenances `stale` and `deleted` of which nothing is known to be overwritten, the most likely one of a key first. */
  readonly old: SalvagedBatch;
  /** Records with the provenance `carved`, the most likely one of a key first. */
  readonly carved: SalvagedBatch;
}

export const NOTHING_ADDED: Added = { include: [], old: [], carved: [] };

/** Every record that a fresh database could hold, in the order in which they are stored: of two with one key the first. */
export function keepable(
  db: Database,
  survey: SearchedSurvey,
  checked: CheckedDatabase,
  added: Added = NOTHING_ADDED,
): AsyncGenerator<SalvagedBatch> {
  return recordsToKeep(db, survey, checked, { ...NONE_NOT_KEPT }, added);
}

/**
 * Why a record whose key is proved is not written. `overclaimed`: all records together claim more bytes than the file
 * has.
 */
export type NotKept = Doubt | 'overclaimed';

export const NONE_NOT_KEPT: Readonly<Record<NotKept, number>> = {
  overreaching: 0,
  'unproved-place': 0,
  unreadable: 0,
  overclaimed: 0,
};

/** The records in force that a fresh database cannot hold, each with the reason, in the order in which they were left out. */
export async function notKept(
  db: Database,
  survey: SearchedSurvey,
  checked: CheckedDatabase,
  visit: (record: SalvagedRecord, reason: NotKept) => Promise<void> | void,
): Promise<void> {
  const out: [SalvagedRecord, NotKept][] = [];
  const left = { ...NONE_NOT_KEPT, visit: (...one: [SalvagedRecord, NotKept]) => out.push(one) };
  for await (const batch of recordsToKeep(db, survey, checked, left, NOTHING_ADDED)) {
    void batch;
    for (const [record, reason] of out.splice(0)) await visit(record, reason);
  }
}

export async function* filtered(
  batches: AsyncIterable<SalvagedBatch>,
  left: { leftOut: number },
  keep?: RecordFilter,
): AsyncGenerator<SalvagedBatch> {
  for await (const batch of batches) {
    const kept = keep === undefined ? batch : batch.filter(keep);
    left.leftOut += batch.length - kept.length;
    yield kept;
  }
}

/** Keys that tell decide; where none does, either hash is right for every key there is. */
export function targetHash({ hashChar }: FileFormat): HashChar {
  return hashChar === 'undetermined' ? 'signed' : hashChar;
}

/** Counts what is left out, and tells of each if that is wanted. */
interface LeftOut extends Record<NotKept, number> {
  readonly visit?: (record: SalvagedRecord, reason: NotKept) => void;
}

/**
 * The records in the order they are stored: those of the file's own hash first, because of two with one key the
 * first is kept, and only the file's own machines ever found theirs.
 */
export async function* recordsToKeep(
  db: Database,
  survey: SearchedSurvey,
  checked: CheckedDatabase,
  left: LeftOut,
  added: Added,
): AsyncGenerator<SalvagedBatch> {
  const target = targetHash(checked.format);
  const { doubtful } = checked;
  const isNative = (record: SalvagedRecord) => record.hashChar === 'either' || record.hashChar === target;
  let claimable = db.source.size;
  let foreign = 0;
  for (const pass of ['native', 'foreign'] as const) {
    if (pass === 'foreign' && foreign === 0) break;
    for await (const batch of salvage(db, survey)) {
      const wanted = batch.filter((record) => isNative(record) === (pass === 'native'));
      foreign += batch.length - wanted.length;
      yield wanted.filter((record) => {
        const { offset, keySize, dataSize } = record;
        const size = keySize + dataSize;
        const reason = doubtful.reasonOf(offset, size) ?? (size > claimable ? 'overclaimed' : undefined);
        if (reason === undefined) {
          claimable -= size;
          return true;
        }
        left[reason]++;
        left.visit?.(record, reason);
        return false;
      });
    }
  }
  for (const batch of additions(checked, added)) {
    // Never over a better one: of two with one key the first is kept.
    yield batch.filter(({ keySize, dataSize }) => {
      const fits = keySize + dataSize <= claimable;
      if (fits) claimable -= keySize + dataSize;
      return fits;
    });
  }
}

/** What a repair adds if it is asked to, as far as nothing in force lies on its bytes and nothing else is in doubt. */
function additions({ space, doubtful }: CheckedDatabase, { include, old, carved }: Added): SalvagedBatch[] {
  const wanted = new Set<string>(include);
  return [old, carved].map((batch) =>
    batch.filter(
      ({ provenance, offset, keySize, dataSize }) =>
        wanted.has(provenance) &&
        !space.isUsed(offset, keySize + dataSize) &&
        !doubtful.has(offset, keySize + dataSize),
    ),
  );
}
