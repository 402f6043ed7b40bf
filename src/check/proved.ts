import type { Database } from '../database/database.js';
import type { DirectoryRuns } from './bucketreader.js';
import type { CheckedDatabase } from './check.js';
import { checkDatabase } from './check.js';
import type { CopiedFrom, Flavours, OrderedExamination } from './examination.js';
import { examineInOrder } from './examination.js';
import type { Judge } from './libgdbm.js';
import type { RecordRuns, SpaceAccount } from './space.js';

/** A database all of whose buckets and records are in order. */
export interface Proof {
  readonly records: number;
  /** Bytes of keys and values. */
  readonly bytes: number;
  readonly flavours: Readonly<Flavours>;
  readonly account: SpaceAccount;
  readonly buckets: DirectoryRuns;
  readonly runs: RecordRuns;
}

/** A check of a database whose buckets and records are all in order, and the proof of it. */
export interface ProvedCheck {
  readonly checked: CheckedDatabase;
  readonly proof: Proof;
}

/**
 * Checks a database that was examined, and proves that its buckets and records are all in order. The header, the
 * directory's place and the tables of free space may still have exceptions.
 *
 * @param judge the machine whose libgdbm is to use it; if it is left out, only the structure is judged
 * @returns undefined if anything else is not in order
 * @throws SourceError if the source cannot be read
 */
export async function checkExamined(
  db: Database,
  ordered: OrderedExamination,
  judge?: Judge,
): Promise<ProvedCheck | undefined> {
  const { marks, records, bytes, signed, unsigned, space, inOrder: buckets } = ordered.examination;
  // Keys of both kinds of machine in one file are a finding.
  const isMixed = signed > 0 && unsigned > 0;
  if (buckets === undefined || marks.hasMarked || isMixed || space.shared.length > 0) return undefined;
  const checked = await checkDatabase(db, ordered, undefined, judge);
  const { space: account } = checked;
  if (account === undefined || account.overlapCount > 0) return undefined;
  const flavours = { signed, unsigned, either: records - signed - unsigned };
  return { checked, proof: { records, bytes, flavours, account, buckets, runs: space.runs } };
}

/** Examines and checks a database as {@link checkExamined} does. */
export async function checkProved(
  db: Database,
  held?: number,
  judge?: Judge,
): Promise<ProvedCheck | undefined> {
  const ordered = await examineInOrder(db, held);
  return ordered && checkExamined(db, ordered, judge);
}

/**
 * Checks a fresh copy of a database that was proved, as {@link checkExamined} does, without a look at its keys.
 *
 * @returns undefined where it is not in order, or not that copy
 * @throws SourceError if the source cannot be read
 */
export async function checkCopied(db: Database, from: CopiedFrom): Promise<ProvedCheck | undefined> {
  const ordered = await examineInOrder(db, undefined, from);
  return ordered && checkExamined(db, ordered);
}
