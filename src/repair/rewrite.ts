import type { CheckResult } from '../check/check.js';
import type { Database } from '../database/database.js';
import { shellPath } from '../report/escape.js';
import { fileSource } from '../source/file.js';
import { abortable } from '../source/source.js';
import { RefusedError } from '../store/errors.js';
import { FreshFile } from '../store/fresh.js';
import type { HeldFile } from '../store/held.js';
import { placeFresh, requireFree } from '../store/replace.js';
import type { Contents } from '../write/contents.js';
import { verifyFresh, VerifyError, writeFresh } from '../write/write.js';
import { examineFile } from './examine.js';
import type { RepairOptions } from './result.js';

/** A sound database that is to be written anew. */
export interface SoundFile {
  readonly checked: CheckResult;
  readonly db: Database;
  readonly contents: Contents;
}

type RewriteOptions = Pick<RepairOptions, 'output' | 'backup' | 'report' | 'signal'>;

/** @throws RefusedError if the held file is no sound database */
export async function examineSound(
  held: HeldFile,
  { report, signal }: Pick<RepairOptions, 'report' | 'signal'>,
): Promise<SoundFile> {
  const { path } = held;
  const source = abortable(await fileSource(held.handle), signal);
  const { checked, db, contents } = await examineFile(source, path, { ...(report && { report }) });
  if (checked.verdict === 'healthy' && db !== undefined && contents !== undefined) {
    return { checked, db, contents };
  }
  const isOther = checked.verdict === 'not-gdbm';
  const what = isOther ? 'it is no GDBM database' : 'the database is damaged';
  throw new RefusedError(
    'io',
    `${path}: ${what}; nothing was changed. Run: gdbm-doctor ${isOther ? 'check' : 'repair'} ${shellPath(path)}`,
  );
}

/** A fresh file in the place of the old one, or under a new name. */
export interface Rewritten {
  readonly kept: number;
  /** Bytes of the fresh file. */
  readonly size: number;
  /** Path of the fresh file; undefined if it was thrown away. */
  readonly output: string | undefined;
  readonly backup: string | undefined;
  readonly notes: readonly string[];
}

/**
 * Writes some or all records of a sound database into a fresh file, as safely as a repair: beside it, synced, read back and
 * compared, and only then named.
 *
 * @param leftOut records that are to be left out
 * @param during names the work in an error's text, such as `the deletion`
 * @param isWanted decides by its bytes if the fresh file is used
 * @throws VerifyError if it does not hold what was meant to be in it; nothing was changed
 */
export async function rewrite(
  held: HeldFile,
  { checked, contents }: Pick<SoundFile, 'checked' | 'contents'>,
  leftOut: number,
  { output, backup, report, signal }: RewriteOptions,
  during: string,
  isWanted: (size: number) => boolean = () => true,
): Promise<Rewritten> {
  if (output !== undefined) await requireFree(output);
  const { count } = checked.records;
  const fresh = await FreshFile.createBeside(output ?? held.realPath, signal);
  try {
    report?.('writing the fresh file', 0, checked.size);
    const written = await writeFresh(contents, fresh);
    const result = { kept: written.records, size: written.size };
    if (!isWanted(written.size)) return { ...result, output: undefined, backup: undefined, notes: [] };
    report?.('comparing it', 0, checked.size);
    await fresh.whileSyncing(() => verifyFresh(contents, written, fresh));
    if (written.leftOut !== leftOut || written.records !== count - leftOut) {
      throw new VerifyError(
        `${count - leftOut} of ${count} records were to be left, but ${written.records} are`,
      );
    }
    return { ...result, ...(await placeFresh(held, fresh, { output, backup }, during)) };
  } finally {
    await fresh.close();
  }
}
