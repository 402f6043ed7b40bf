import { lstat } from 'node:fs/promises';
import { fileSource } from '../source/file.js';
import type { Source } from '../source/source.js';
import { abortable } from '../source/source.js';
import { RefusedError } from './errors.js';
import { FreshFile } from './fresh.js';
import type { HeldFile } from './held.js';
import { holdFile } from './held.js';
import { placeFile, replaceFile } from './replace.js';
import type { Rights } from './rights.js';
import { giveRights } from './rights.js';

export interface PutOptions {
  /** Allows to replace an existing file, which stays as `NAME.~1~`. */
  readonly replace: boolean;
  /** Seconds to wait for another process that holds it. */
  readonly wait: number;
  readonly lock: boolean;
  readonly signal: AbortSignal;
}

/** Owner and mode for a new file; by default it belongs to this user and is private. */
export type WantedRights = Partial<Rights>;

/** Result of {@link putFile}. */
interface Put {
  readonly backup: string | undefined;
  readonly notes: readonly string[];
}

/**
 * Makes a file: it is written beside its place under another name, filled and verified by `fill`, synced, and only then
 * named. An existing file is replaced only on request, under libgdbm's lock, and its owner and mode are handed on.
 *
 * @param fill writes the file and reads it back; it gets the file that will be replaced, if any, and returns the rights for a
 *   new one
 * @throws RefusedError or the error of `fill`; nothing was changed
 */
export async function putFile(
  path: string,
  { replace, wait, lock, signal }: PutOptions,
  fill: (fresh: FreshFile, held?: HeldFile) => Promise<WantedRights>,
): Promise<Put> {
  const there = await lstat(path).then(
    () => true,
    () => false,
  );
  if (!there) return putNew(path, fill, signal);
  if (!replace) {
    throw new RefusedError(
      'exists',
      `${path}: expected no such file, found one. Name another, or add --replace: it stays as ${path}.~1~.`,
    );
  }
  const held = await holdFile(path, { lock: 'exclusive', wait, noLock: !lock, signal });
  try {
    const fresh = await FreshFile.createBeside(held.realPath, signal);
    try {
      await fill(fresh, held);
      return await replaceFile(held, fresh, 'the work');
    } finally {
      await fresh.close();
    }
  } finally {
    await held.release();
  }
}

/** A source that reads a fresh file back; small reads are faster than those of the fresh file itself. */
export async function readBack({ handle }: FreshFile, signal: AbortSignal): Promise<Source> {
  return abortable(await fileSource(handle), signal);
}

async function putNew(
  path: string,
  fill: (fresh: FreshFile) => Promise<WantedRights>,
  signal: AbortSignal,
): Promise<Put> {
  const fresh = await FreshFile.createBeside(path, signal);
  try {
    const wanted = await fill(fresh);
    const now = await fresh.handle.stat();
    const { uid = now.uid, gid = now.gid, mode = now.mode } = wanted;
    const notes = await giveRights(fresh.handle, { uid, gid, mode }, 'The new file');
    await fresh.sync();
    await placeFile(fresh, path);
    return { backup: undefined, notes };
  } finally {
    await fresh.close();
  }
}
