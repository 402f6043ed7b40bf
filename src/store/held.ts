import type { BigIntStats, Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { lstat, open, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { RefusedError, refusal, requireRegularFile } from './errors.js';
import type { LockKind } from './lock.js';
import { takeLock } from './lock.js';

/** A database file that is open and, unless the user forbade it, locked. */
export interface HeldFile {
  /** The path as given. */
  readonly path: string;
  /** The path with all symbolic links followed. */
  readonly realPath: string;
  /** True if the path itself is a symbolic link. */
  readonly isLink: boolean;
  readonly handle: FileHandle;
  readonly stats: Stats;
  /** Closes the file, which releases the lock. */
  release(): Promise<void>;
}

interface HoldOptions {
  /** `exclusive` opens for writing, to replace the file itself; `shared` opens for reading. */
  readonly lock: LockKind;
  /** Seconds to wait for another holder. */
  readonly wait: number;
  /** Skips the lock. */
  readonly noLock: boolean;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a file, following symbolic links, and locks it.
 *
 * @throws RefusedError
 */
export async function holdFile(path: string, options: HoldOptions): Promise<HeldFile> {
  for (;;) {
    const held = await openOnce(path, options.lock);
    try {
      const { noLock, lock, wait, signal } = options;
      if (!noLock) await takeLock(held.handle.fd, path, lock, wait, signal);
      // The previous holder may have put another file under the name, so the name is checked after the lock is taken.
      // Its last writes preceded the lock, so the stats are taken again.
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

/** Checks that the name still leads to the open file; another program can put a new file there. */
export async function isStillNamed({ realPath, stats }: HeldFile): Promise<boolean> {
  try {
    const now = await stat(realPath);
    return now.ino === stats.ino && now.dev === stats.dev;
  } catch {
    return false;
  }
}

/** Identifies a file and its version: another state means that it was written to, or is another file. */
export function fileState({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}

/** The state of the file at a path; undefined if it cannot be seen. */
export async function stateOf(path: string): Promise<string | undefined> {
  const stats = await stat(path, { bigint: true }).catch(() => undefined);
  return stats && fileState(stats);
}

/** The state of a file that does not exist. */
export const MISSING = 'missing';

/**
 * Refuses a file that changed since a look. A look takes no lock, so a program may have begun to save in between, with or
 * without a lock of its own; a half-finished save is no damage.
 *
 * @param state by {@link fileState}; undefined where nobody looked
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
 * Refuses a file that changed while it was held: a program that does not lock may have written to it, and replacing the
 * file would lose that data.
 *
 * @param during the work since then, such as `the repair`
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

/** Number of symbolic links that Linux follows. */
const MAX_LINKS = 40;

/**
 * The absolute path with all symbolic links followed, even if no file is there yet.
 *
 * @throws NodeJS.ErrnoException where the folder cannot be reached
 */
export async function realPathOf(path: string, links = MAX_LINKS): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || links === 0) throw error;
  }
  const target = await readlink(path).catch(() => undefined);
  if (target !== undefined) return realPathOf(resolve(dirname(path), target), links - 1);
  return join(await realpath(dirname(path)), basename(path));
}
