import { Lookup } from '../read/lookup.js';
import { filteredContents } from '../write/contents.js';
import { verifyFresh, VerifyError, writeFresh } from '../write/write.js';
import { RefusedError } from '../store/errors.js';
import { FreshFile } from '../store/fresh.js';
import type { HeldFile } from '../store/held.js';
import { holdFile } from '../store/held.js';
import { abortable } from '../source/source.js';
import { fileSource } from '../source/file.js';
import { shellPath } from '../report/escape.js';
import { examineFile } from './examine.js';
import { placeFresh, requireFree } from '../store/replace.js';
import type { RepairOptions } from './result.js';

export type DeleteOptions = Pick<
  RepairOptions,
  'output' | 'dryRun' | 'backup' | 'wait' | 'lock' | 'report' | 'signal'
>;

/** The outcome of removing a record. */
export interface DeleteResult {
  readonly path: string;
  /** `none`: nothing was written, because there is no such key or it was a dry run. */
  readonly action: 'none' | 'deleted';
  /** Bytes of the key's value; undefined where there is no such key. */
  readonly valueSize: number | undefined;
  /** Records that are left; after a dry run, those that would be. */
  readonly kept: number;
  /** The path of the database without the record. */
  readonly output: string | undefined;
  /** The path of the file as it was. */
  readonly backup: string | undefined;
  readonly notes: readonly string[];
}

/**
 * Removes one record from a sound database, as safely as a repair: a fresh file with all others is written beside it,
 * synced, read back and compared, and only then takes the name.
 *
 * @throws RefusedError if it is no sound database, or the file system or another process prevents it; nothing was
 *   changed
 * @throws VerifyError if the fresh file does not hold what was meant to be in it; nothing was changed
 */
export async function deleteRecord(
  path: string,
  key: Uint8Array,
  options: DeleteOptions = {},
): Promise<DeleteResult> {
  const { output, dryRun = false, wait, lock = true, signal } = options;
  const readOnly = output !== undefined || dryRun;
  const held = await holdFile(path, { readOnly, lock: lock && !dryRun, wait, signal });
  try {
    return await deleteHeld(held, key, options);
  } finally {
    await held.release();
  }
}

async function deleteHeld(held: HeldFile, key: Uint8Array, options: DeleteOptions): Promise<DeleteResult> {
  const { path } = held;
  const { output, backup, dryRun, report, signal } = options;
  const source = abortable(await fileSource(held.handle), signal);
  const { checked, db, contents } = await examineFile(source, path, { ...(report && { report }) });
  if (checked.verdict !== 'healthy' || db === undefined || contents === undefined) {
    const what = checked.verdict === 'not-gdbm' ? 'it is no GDBM database' : 'the database is damaged';
    const next = checked.verdict === 'not-gdbm' ? 'check' : 'repair';
    throw new RefusedError(
      'io',
      `${path}: ${what}; nothing was changed. Run: gdbm-doctor ${next} ${shellPath(path)}`,
    );
  }
  const { count } = checked.records;
  const nothing = { path, action: 'none', output: undefined, backup: undefined, notes: [] } as const;
  const found = await new Lookup({ db }).find(key);
  if (found === undefined) return { ...nothing, valueSize: undefined, kept: count };
  const { valueOffset, valueSize } = found;
  if (dryRun) return { ...nothing, valueSize, kept: count - 1 };
  if (output !== undefined) await requireFree(output);
  const fresh = await FreshFile.createBeside(output ?? held.realPath, signal);
  try {
    // The sizes count, too: the next record may begin at the same place as a record of no bytes.
    const others = filteredContents(
      contents,
      ({ offset, keySize, dataSize }) =>
        offset !== valueOffset - key.length || keySize !== key.length || dataSize !== valueSize,
    );
    report?.('writing the fresh file', 0, checked.size);
    const written = await writeFresh(others, fresh);
    report?.('comparing it', 0, checked.size);
    await fresh.whileSyncing(() => verifyFresh(others, written, fresh));
    if (written.leftOut !== 1 || written.records !== count - 1) {
      throw new VerifyError(`${count - 1} of ${count} records were to be left, but ${written.records} are`);
    }
    const placed = await placeFresh(held, fresh, { output, backup }, 'the deletion');
    return { path, action: 'deleted', valueSize, kept: written.records, ...placed };
  } finally {
    await fresh.close();
  }
}
