import { spawn } from 'node:child_process';
import type { BigIntStats, Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { lstat, open, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { refusal, RefusedError, requireRegularFile } from './errors.js';

/** Result of a program that ran to its end. */
interface ProgramEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Descriptor under which a program finds the open file that {@link runProgram} hands it. */
export const PROGRAM_FD = 3;

/** Runs a program to its end. It inherits an open file as {@link PROGRAM_FD}. */
export function runProgram(
  program: string,
  args: readonly string[],
  fd: number,
  input = '',
): Promise<'missing' | ProgramEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe', fd] });
    let stdout = '';
    let stderr = '';
    child.stdout!.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    // A program that does not read its input can end before the input is written.
    child.stdin!.on('error', () => {});
    child.stdin!.end(input);
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve('missing');
      else reject(error);
    });
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** `exclusive` keeps all other programs out, `shared` only writers. */
type LockKind = 'exclusive' | 'shared';

/** Programs that take a flock on an inherited descriptor: util-linux's own, or busybox's applet. */
const LOCK_PROGRAMS: readonly (readonly string[])[] = [['flock'], ['busybox', 'flock']];
/** Exit code of both programs if another process holds the lock. */
const BUSY = 1;
const RETRY_MS = 100;

/**
 * Takes the lock that libgdbm takes: a flock on the whole file. Node has no such call, so a small program takes it on the
 * descriptor that it inherits. The lock belongs to the open file and lasts until the descriptor is closed here (measured:
 * libgdbm in another process is then refused).
 *
 * @param fd an open descriptor of the file
 * @param wait seconds to wait for another holder, 0 to give up at once
 * @param signal ends the waiting
 * @throws RefusedError `locked` if another process holds it, `no-lock-program` if there is no flock program
 */
export async function takeLock(
  fd: number,
  path: string,
  kind: LockKind,
  wait: number,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + wait * 1000;
  for (;;) {
    signal?.throwIfAborted();
    if (await tryLock(fd, path, kind)) return;
    if (Date.now() >= deadline) {
      const waited = wait > 0 ? ` for ${wait} seconds` : '';
      throw new RefusedError(
        'locked',
        `${path}: expected it at rest, found it held by another process${waited}. ` +
          `Stop the program that uses it, or wait for it with --wait SECONDS.`,
      );
    }
    await sleep(Math.min(RETRY_MS, Math.max(1, deadline - Date.now())), undefined, { signal });
  }
}

async function tryLock(fd: number, path: string, kind: LockKind): Promise<boolean> {
  for (const [program, ...applet] of LOCK_PROGRAMS) {
    const mode = kind === 'exclusive' ? '-x' : '-s';
    const ended = await runProgram(program, [...applet, '-n', mode, String(PROGRAM_FD)], fd);
    if (ended === 'missing') continue;
    if (ended.code === 0) return true;
    if (ended.code === BUSY) return false;
    throw new RefusedError(
      'io',
      `${path}: cannot lock it: ${ended.stderr.trim() || `flock ended with ${ended.code}`}. ` +
        `Its file system may not know locks; stop every program that uses it and add --no-lock.`,
    );
  }
  throw new RefusedError(
    'no-lock-program',
    `${path}: expected the program 'flock' (util-linux or busybox) to lock it with, found none. ` +
      `Install it, or stop every program that uses the file and add --no-lock.`,
  );
}

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
  /** Opens the file for reading, with a shared lock; by default for writing, to replace it, with an exclusive one. */
  readonly readOnly?: boolean;
  /** Locks the file; the default. */
  readonly lock?: boolean | undefined;
  /** Seconds to wait for another holder; 0 by default. */
  readonly wait?: number | undefined;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a file, following symbolic links, and locks it.
 *
 * @throws RefusedError
 */
export async function holdFile(
  path: string,
  { readOnly = false, lock = true, wait = 0, signal }: HoldOptions = {},
): Promise<HeldFile> {
  const kind = readOnly ? 'shared' : 'exclusive';
  for (;;) {
    const held = await openOnce(path, kind);
    try {
      if (lock) await takeLock(held.handle.fd, path, kind, wait, signal);
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
