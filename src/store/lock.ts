import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { RefusedError } from './errors.js';

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
export type LockKind = 'exclusive' | 'shared';

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
