import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { giveRights } from './store/rights.js';
import { RefusedError } from './store/errors.js';
import { FreshFile } from './store/fresh.js';
import { placeFile, replaceFile } from './store/replace.js';
import { abortable } from './source/source.js';
import { fileSource } from './source/file.js';
import type { Source } from './source/source.js';
import type { HeldFile } from './store/held.js';
import { holdFile } from './store/held.js';

export interface PutOptions {
  /** Whether a file that is there may be replaced; it stays as `NAME.~1~`. */
  readonly replace: boolean;
  /** Seconds to wait for another process that holds it. */
  readonly wait: number;
  readonly lock: boolean;
  readonly signal: AbortSignal;
}

/** Owner and mode that a new file is to have; what is left out is the process's own, and private. */
export type Dress = Partial<Pick<Stats, 'uid' | 'gid' | 'mode'>>;

/** Where a file was put. */
export interface Put {
  readonly backup: string | undefined;
  readonly notes: readonly string[];
}

/**
 * Makes a file: written beside the place under another name, filled and verified by `fill`, synced, and only then named. One
 * that is there is replaced only if that is wanted, under libgdbm's lock, and has its owner and mode handed on.
 *
 * @param fill writes it and reads it back, given the file that it will replace, if any; gives what a new file is to look like
 * @throws RefusedError or what `fill` throws; nothing was changed
 */
export async function putFile(
  path: string,
  { replace, wait, lock, signal }: PutOptions,
  fill: (fresh: FreshFile, held?: HeldFile) => Promise<Dress>,
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

/** A fresh file to be read back: as a file is that is only read, whose small reads are quick. */
export async function readBack({ handle }: FreshFile, signal: AbortSignal): Promise<Source> {
  return abortable(await fileSource(handle), signal);
}

async function putNew(
  path: string,
  fill: (fresh: FreshFile) => Promise<Dress>,
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
