import type { CheckResult, FileFormat } from '../check/check.js';
import type { Proof } from '../check/prove.js';
import type { DoubtfulRecords } from '../check/doubtful.js';
import type { SpaceAccount } from '../check/space.js';
import type { Database } from '../database/database.js';

/** A check that found a database. */
export type CheckedDatabase = CheckResult & {
  readonly format: FileFormat;
  readonly space: SpaceAccount;
  readonly doubtful: DoubtfulRecords;
};

/** A database with its check and the proof that its buckets and records are in order. */
export interface ProvedDatabase {
  readonly db: Database;
  readonly checked: CheckedDatabase;
  readonly proof: Proof;
}

/** Whether a check found a database, of whatever state. */
export function foundDatabase(checked: CheckResult): checked is CheckedDatabase {
  return checked.format !== undefined && checked.space !== undefined && checked.doubtful !== undefined;
}
