import type { BigIntStats, Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { lstat, open, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { refusal, RefusedError, requireRegularFile } from './errors.js';
import type { LockKind } from './lock.js';
import { takeLock } from './lock.js';

/** A database file that is held: open, and locked unless told not to. */
export interface HeldFile {
  /** The path as it was given. */
  readonly path: string;
  /** The file itself, where the path is a symbolic link. */
  readonly realPath: string;
  /** Whether the path is a symbolic link. */
  readonly isLink: boolean;
  readonly handle: FileHandle;
  readonly stats: Stats;
  /** Closes the file, which gives the lock back. */
  release(): Promise<void>;
}

export interface HoldOptions {
  /** `exclusive` and open for writing where the file itself is to be replaced; `shared` and for reading elsewhere. */
  readonly lock: LockKind;
  /** Seconds to wait for another holder. */
  readonly wait: number;
  /** Whether to go without a lock. */
  readonly noLock: boolean;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a file and locks it. A symbolic link is followed: its target is what is held.
 *
 * @throws RefusedError
 */
export async function holdFile(path: string, options: HoldOptions): Promise<HeldFile> {
  for (;;) {
    const held = await openOnce(path, options.lock);
    try {
      const { noLock, lock, wait, signal } = options;
      if (!noLock) await takeLock(held.handle.fd, path, lock, wait, signal);
      // While this waited for the lock, its holder may have put another file under the name.
      // Its last writes came before the lock: what the file is now is what counts.
      if (await isStillNamed(held)) return { ...held, stats: await held.handle.stat() };
    } catch (error) {
      await held.release();
      throw error;
    }
    await held.release();
  }
}

async function openOnce(path: string, lock: LockKind): Promise<HeldFile> {
  try {
    const realPath = await realpath(path);
    requireRegularFile(path, await stat(realPath));
    const handle = await open(realPath, lock === 'exclusive' ? 'r+' : 'r');
    const isLink = (await lstat(path)).isSymbolicLink();
    return { path, realPath, isLink, handle, stats: await handle.stat(), release: () => handle.close() };
  } catch (error) {
    throw refusal(error, path, lock === 'exclusive' ? 'open it for writing' : 'read it');
  }
}

/** Whether the file's name still leads to it: another program could have put a new file there. */
export async function isStillNamed({ realPath, stats }: HeldFile): Promise<boolean> {
  try {
    const now = await stat(realPath);
    return now.ino === stats.ino && now.dev === stats.dev;
  } catch {
    return false;
  }
}

/** Names what a file is now: another name says that it was written to, or is another file. */
export function fileState({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}

/** The state where there is no file. */
export const MISSING = 'missing';

/**
 * Refuses a file that is no longer what its asker saw. Between a look, which takes no lock, and the lock a program may
 * have begun to save, with or without a lock of its own: what it has not finished is no damage.
 *
 * @param state as {@link fileState} named it; undefined where nobody looked
 * @throws RefusedError `changed`
 */
export async function requireState({ handle, path }: HeldFile, state: string | undefined): Promise<void> {
  if (state === undefined || fileState(await handle.stat({ bigint: true })) === state) return;
  throw new RefusedError(
    'changed',
    `${path}: expected it as it was at the last look, found that it was written to since. Nothing was changed.`,
  );
}

/**
 * A program that does not lock could have written meanwhile; its data must not be lost behind its back.
 *
 * @param during what was being done, such as `the repair`
 * @throws RefusedError `changed`
 */
export async function requireUnchanged(held: HeldFile, during: string): Promise<void> {
  const { handle, stats, path } = held;
  const now = await handle.stat();
  const written = now.size !== stats.size || now.mtimeMs !== stats.mtimeMs;
  if (written || !(await isStillNamed(held))) {
    throw new RefusedError(
      'changed',
      `${path}: expected it at rest during ${during}, found that another program ` +
        `${written ? 'wrote to it' : 'put another file under its name'}. Nothing was changed; stop that program first.`,
    );
  }
}

/** As many symbolic links as Linux itself follows. */
const MAX_LINKS = 40;

/**
 * Where a path leads, absolute, also where no file is there yet: snapshots are beside the file itself, not beside a
 * link to it.
 *
 * @throws NodeJS.ErrnoException where the folder cannot be reached
 */
export async function leadsTo(path: string, links = MAX_LINKS): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || links === 0) throw error;
  }
  const target = await readlink(path).catch(() => undefined);
  if (target !== undefined) return leadsTo(resolve(dirname(path), target), links - 1);
  return join(await realpath(dirname(path)), basename(path));
}
