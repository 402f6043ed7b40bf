import { holdFile } from '../store/held.js';
import { filteredContents } from '../write/contents.js';
import type { RepairOptions } from './result.js';
import type { Rewritten } from './rewrite.js';
import { examineSound, rewrite } from './rewrite.js';

export type CompactOptions = Pick<RepairOptions, 'output' | 'backup' | 'wait' | 'lock' | 'report' | 'signal'>;

/** The outcome of a compaction. */
export interface CompactResult extends Rewritten {
  readonly path: string;
  /** `none`: the file is as small as it can be, and stays. */
  readonly action: 'none' | 'compacted';
  /** Bytes of the file before. */
  readonly before: number;
}

/**
 * Writes the records of a sound database into the least space: one directly behind the other, in as few buckets as hold
 * them. A file that would not be smaller stays, unless the result goes to another one.
 *
 * @throws RefusedError if it is no sound database, or the file system or another process prevents it; nothing was changed
 * @throws VerifyError if the fresh file does not hold what was meant to be in it; nothing was changed
 */
export async function compact(path: string, options: CompactOptions = {}): Promise<CompactResult> {
  const { output, wait, lock = true, signal } = options;
  const held = await holdFile(path, { readOnly: output !== undefined, lock, wait, signal });
  try {
    const { checked, contents } = await examineSound(held, options);
    // Record by record: a copy would keep buckets that are nearly empty.
    const all = { checked, contents: filteredContents(contents, () => true) };
    const isWanted = (size: number) => output !== undefined || size < checked.size;
    const rewritten = await rewrite(held, all, 0, options, 'the compaction', isWanted);
    const action = rewritten.output === undefined ? 'none' : 'compacted';
    return { path, action, before: checked.size, ...rewritten };
  } finally {
    await held.release();
  }
}
