import type { Database } from '../../database/database.js';
import type { FindingList } from '../finding.js';
import { AccountSweep } from './account.js';
import { BucketPass } from './bucketpass.js';
import type { BucketWords } from './bucketwords.js';
import type { DirectoryRuns } from './directoryruns.js';
import { directoryRuns } from './directoryruns.js';
import type { Structures } from './structures.js';
import type { Flavours } from './keys.js';
import type { Proof } from './prove.js';

/** What is known of a database that a copy is of. */
export interface CopiedFrom {
  readonly records: number;
  /** Bytes of keys and values. */
  readonly bytes: number;
  readonly flavours: Readonly<Flavours>;
  /** File offset in the copy from which on the records lie behind each other. */
  readonly base: number;
  /**
   * Whether a bucket of the copy has the elements of the one that it is of, with pointers into the bytes from
   * {@link base} on, to no two records that share any.
   */
  readonly isBucket: (words: BucketWords, run: number, buckets: DirectoryRuns) => Promise<boolean>;
}

/**
 * Proves of a copy what `prove` does, from what is known of its source: keys that were proved there need not be hashed
 * again. Whether the bytes of the records are the same is for who calls to find out.
 *
 * @returns undefined where anything is not so
 * @throws SourceError if the source cannot be read
 */
export async function proveCopy(
  db: Database,
  structures: Structures,
  findings: FindingList,
  { records, bytes, flavours, base, isBucket }: CopiedFrom,
): Promise<Proof | undefined> {
  const buckets = directoryRuns(db);
  if (buckets === undefined) return undefined;
  const pass = new BucketPass(db, buckets);
  const sound = await pass.judge(structures, findings, (words, run) => isBucket(words, run, buckets));
  if (!sound) return undefined;
  const sweep = new AccountSweep(structures.extents.sort(), db.source.size, structures);
  const account = sweep.takeRecord(base, bytes) ? sweep.finish() : undefined;
  if (account === undefined) return undefined;
  const { tablesValid } = pass;
  return { records, bytes, flavours, account, buckets, runs: sweep.runs, tablesValid };
}
