import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { contentHash } from './contenthash.js';
import type { Snapshot } from './snapshot.js';
import { shortHash } from './snapshot.js';

/**
 * Opens a snapshot for reading, never through a link that was put under its name.
 *
 * @throws NodeJS.ErrnoException
 */
export function openSnapshot({ path }: Snapshot): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

/** Whether a snapshot's bytes are those that its name was made of; false too where they cannot be read. */
export async function isIntact(snapshot: Snapshot, signal?: AbortSignal): Promise<boolean> {
  try {
    const handle = await openSnapshot(snapshot);
    try {
      return shortHash(await contentHash(handle, signal)) === snapshot.hash;
    } finally {
      await handle.close();
    }
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

/**
 * The newest of some snapshots whose bytes are those that were judged; and the damaged ones that are newer.
 *
 * @param snapshots the newest first
 */
export async function newestIntact(
  snapshots: readonly Snapshot[],
): Promise<{ intact: Snapshot | undefined; damaged: readonly Snapshot[] }> {
  for (const [n, one] of snapshots.entries()) {
    if (await isIntact(one)) return { intact: one, damaged: snapshots.slice(0, n) };
  }
  return { intact: undefined, damaged: snapshots };
}
