import type { FileSource } from '../source/file.js';
import { shellPath } from '../report/shellword.js';
import { tell } from './terminal.js';

/**
 * Says of a file that was read whether a program wrote to it meanwhile: then what was found is of no one moment, and
 * looks damaged where it is not.
 *
 * @returns whether it was written to
 */
export async function tellIfChanged(path: string, source: FileSource): Promise<boolean> {
  const changed = await source.changed();
  if (changed) {
    tell(
      `${path}: a program wrote to it while it was read, or put another in its place, so that what was found is of no one moment and may only look ` +
        `damaged. Run this again when it is at rest, or on a snapshot: gdbm-doctor snapshots ${shellPath(path)}`,
    );
  }
  return changed;
}
