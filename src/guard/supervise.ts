import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Environment } from './commandline.js';
import type { Signals } from './signals.js';

/** A program that could not be started. */
export class StartError extends Error {
  override readonly name = 'StartError';

  constructor(
    message: string,
    /** As a shell's: 127 not found, 126 found but not to be run. */
    readonly exitCode: 126 | 127,
  ) {
    super(message);
  }
}

/** A running child. */
export interface Supervised {
  readonly pid: number;
  /** Its exit code, or 128 + n where signal n ended it. */
  readonly ended: Promise<number>;
}

/**
 * Starts a program with the standard streams of this process and passes every signal on to it until it ends.
 *
 * @throws StartError if it cannot be started
 */
export async function supervise(
  command: readonly string[],
  env: Environment,
  signals: Signals,
): Promise<Supervised> {
  const [file, ...args] = command;
  const child = start(file, args, env);
  signals.passTo(child);
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) => {
      const exit = code ?? 128 + constants.signals[signal!];
      signals.ended(exit);
      resolve(exit);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => {
      const refused = notStarted(file, error);
      signals.ended(refused.exitCode);
      reject(refused);
    });
  });
  return { pid: child.pid!, ended };
}

function start(file: string, args: readonly string[], env: Environment): ChildProcess {
  try {
    return spawn(file, args, { stdio: 'inherit', env: { ...env } });
  } catch (error) {
    // Not every error comes as an event: a line of arguments that is too long does not.
    throw notStarted(file, error as NodeJS.ErrnoException);
  }
}

function notStarted(file: string, { code, message }: NodeJS.ErrnoException): StartError {
  const missing = code === 'ENOENT';
  const what = missing ? 'found none of that name' : `found that it cannot be run (${code ?? message})`;
  return new StartError(`expected a program ${file}, ${what}`, missing ? 127 : 126);
}
