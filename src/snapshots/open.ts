import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { requireRegularFile } from '../replace/errors.js';
import { contentHash } from './contenthash.js';
import type { Snapshot } from './snapshot.js';
import { shortHash } from './snapshot.js';
import type { Writers } from './trust.js';
import { requireTrusted } from './trust.js';

/**
 * Opens a snapshot for reading, never through a link that was put under its name, and only if nobody but the database's
 * writers can have written it.
 *
 * @throws RefusedError or NodeJS.ErrnoException
 */
export async function openSnapshot({ path }: Snapshot, writers: Writers): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    requireRegularFile(path, await handle.stat());
    await requireTrusted(handle, path, writers);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Whether a snapshot's bytes are those that its name was made of; false too where they cannot be read. */
export async function isIntact(snapshot: Snapshot, writers: Writers, signal?: AbortSignal): Promise<boolean> {
  try {
    const handle = await openSnapshot(snapshot, writers);
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
  writers: Writers,
): Promise<{ intact: Snapshot | undefined; damaged: readonly Snapshot[] }> {
  for (const [n, one] of snapshots.entries()) {
    if (await isIntact(one, writers)) return { intact: one, damaged: snapshots.slice(0, n) };
  }
  return { intact: undefined, damaged: snapshots };
}
