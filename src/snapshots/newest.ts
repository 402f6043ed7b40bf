import type { Listed } from './list.js';
import { listSnapshots } from './list.js';
import { newestIntact } from './open.js';
import type { Snapshot } from './snapshot.js';

/** The snapshot that would be brought back, and what else is in the folder. */
export interface NewestGood extends Listed {
  /** The newest good one that is intact and holds a record; undefined where there is none, or they are another database's. */
  readonly newest: Snapshot | undefined;
  /** Newer ones that are damaged. */
  readonly damaged: readonly Snapshot[];
}

/**
 * Finds the newest good snapshot of a database whose bytes are those that were judged.
 *
 * @param dir the folder of the snapshots; `.NAME.snapshots` beside the database by default
 * @throws RefusedError if the folder cannot be read, or others can have written to it
 */
export async function newestGood(dbPath: string, dir?: string): Promise<NewestGood> {
  const listed = await listSnapshots(dbPath, { dir });
  const { other, snapshots, writers } = listed;
  if (other !== undefined) return { ...listed, newest: undefined, damaged: [] };
  const good = snapshots.filter(({ poor, records }) => !poor && records > 0);
  const { intact, damaged } = await newestIntact(good, writers);
  return { ...listed, newest: intact, damaged };
}
