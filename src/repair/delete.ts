import { Lookup } from '../read/lookup.js';
import { foundDatabase } from '../write/checked.js';
import { VerifyError } from '../write/verify.js';
import { RefusedError } from '../store/errors.js';
import { FreshFile } from '../store/fresh.js';
import type { HeldFile } from '../store/held.js';
import { holdFile } from '../store/held.js';
import { abortable } from '../source/source.js';
import { fileSource } from '../source/file.js';
import { shellPath } from '../report/escape.js';
import { buildFresh } from './fresh.js';
import { placeFresh, requireFree } from './place.js';
import type { RepairOptions } from './result.js';
import { examine } from './subject.js';

export type DeleteOptions = Pick<
  RepairOptions,
  'output' | 'dryRun' | 'backup' | 'wait' | 'lock' | 'report' | 'signal'
>;

/** What removing a record did. */
export interface DeleteResult {
  readonly path: string;
  /** `none`: nothing was written, because there is no such key, or as a dry run. */
  readonly action: 'none' | 'deleted';
  /** Bytes of the value that the key has; undefined where there is no such key. */
  readonly valueSize: number | undefined;
  /** Records that are left, or would be. */
  readonly kept: number;
  /** Where the database without the record is. */
  readonly output: string | undefined;
  /** Where the file as it was is. */
  readonly backup: string | undefined;
  readonly notes: readonly string[];
}

/**
 * Removes one record from a sound database, as safely as a repair: a fresh file with all others is written beside it,
 * synced, read back and compared, and only then takes the name.
 *
 * @throws RefusedError if it is no sound database, or the file system or another process stands in the way; nothing was
 *   changed
 * @throws VerifyError if the fresh file does not hold what was meant to be in it; nothing was changed
 */
export async function deleteRecord(
  path: string,
  key: Uint8Array,
  options: DeleteOptions = {},
): Promise<DeleteResult> {
  const { output, dryRun = false, wait = 0, lock = true, signal } = options;
  const held = await holdFile(path, {
    lock: output === undefined && !dryRun ? 'exclusive' : 'shared',
    wait,
    noLock: !lock || dryRun,
    signal,
  });
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
  const subject = await examine(source, path, { ...(report && { report }) });
  const { checked, database } = subject;
  if (checked.verdict !== 'healthy' || database === undefined || !foundDatabase(checked)) {
    const what = checked.verdict === 'not-gdbm' ? 'it is no GDBM database' : 'the database is damaged';
    const next = checked.verdict === 'not-gdbm' ? 'check' : 'repair';
    throw new RefusedError(
      'io',
      `${path}: ${what}; nothing was changed. Run: gdbm-doctor ${next} ${shellPath(path)}`,
    );
  }
  const { count } = checked.records;
  const nothing = { path, action: 'none', output: undefined, backup: undefined, notes: [] } as const;
  const found = await new Lookup({ db: database.db }).find(key);
  if (found === undefined) return { ...nothing, valueSize: undefined, kept: count };
  const { valueOffset, valueSize } = found;
  if (dryRun) return { ...nothing, valueSize, kept: count - 1 };
  if (output !== undefined) await requireFree(output);
  const fresh = await FreshFile.createBeside(output ?? held.realPath, signal);
  try {
    // By its sizes too: the next record may begin where one of no bytes is.
    const { built } = await buildFresh(
      subject,
      fresh,
      { ...(report && { report }) },
      ({ offset, keySize, dataSize }) =>
        offset !== valueOffset - key.length || keySize !== key.length || dataSize !== valueSize,
    );
    if (built.leftOut !== 1 || built.records !== count - 1) {
      throw new VerifyError(`${count - 1} of ${count} records were to be left, but ${built.records} are`);
    }
    const placed = await placeFresh(held, fresh, { output, backup }, 'the deletion');
    return { path, action: 'deleted', valueSize, kept: built.records, ...placed };
  } finally {
    await fresh.close();
  }
}
