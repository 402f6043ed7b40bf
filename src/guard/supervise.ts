import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Environment } from './commandline.js';

/** Signals that are passed on to the child; those that cannot be caught or that Node itself needs are not. */
const PASSED_ON: readonly NodeJS.Signals[] = [
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGWINCH',
  'SIGCONT',
  'SIGTTIN',
  'SIGTTOU',
  'SIGTSTP',
];
/** What a terminal sends to every process in the foreground by itself. */
const BY_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGTSTP', 'SIGWINCH'];

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
export async function supervise(command: readonly string[], env: Environment): Promise<Supervised> {
  const [file, ...args] = command;
  const child = spawn(file, args, { stdio: 'inherit', env: { ...env } });
  const listeners = PASSED_ON.map((signal) => {
    const listener = () => {
      if (process.stdin.isTTY && BY_TERMINAL.includes(signal)) return;
      child.kill(signal);
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  const unlisten = () => {
    for (const one of listeners) one();
  };
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) => {
      unlisten();
      resolve(code ?? 128 + constants.signals[signal!]);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error: NodeJS.ErrnoException) => {
      unlisten();
      const missing = error.code === 'ENOENT';
      const what = missing ? 'found none of that name' : `found that it cannot be run (${error.code})`;
      reject(new StartError(`expected a program ${file}, ${what}`, missing ? 127 : 126));
    });
  });
  return { pid: child.pid!, ended };
}
