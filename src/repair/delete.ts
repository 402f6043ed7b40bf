import { Lookup } from '../read/lookup.js';
import type { HeldFile } from '../store/held.js';
import { holdFile } from '../store/held.js';
import { filteredContents } from '../write/contents.js';
import type { RepairOptions } from './result.js';
import { examineSound, rewrite } from './rewrite.js';

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
  const { checked, db, contents } = await examineSound(held, options);
  const { count } = checked.records;
  const nothing = { path, action: 'none', output: undefined, backup: undefined, notes: [] } as const;
  const found = await new Lookup({ db }).find(key);
  if (found === undefined) return { ...nothing, valueSize: undefined, kept: count };
  const { valueOffset, valueSize } = found;
  if (options.dryRun === true) return { ...nothing, valueSize, kept: count - 1 };
  // The sizes count, too: the next record may begin at the same place as a record of no bytes.
  const others = filteredContents(
    contents,
    ({ offset, keySize, dataSize }) =>
      offset !== valueOffset - key.length || keySize !== key.length || dataSize !== valueSize,
  );
  const rewritten = await rewrite(held, { checked, contents: others }, 1, options, 'the deletion');
  const { kept, output, backup, notes } = rewritten;
  return { path, action: 'deleted', valueSize, kept, output, backup, notes };
}
