/**
 * A guard's three steps: make a program's database usable (`prepare`), start the program and pass signals on to it
 * (`supervise`), and watch the database while it runs (`run`).
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Environment } from './commandline.js';
import type { Mending } from './mend.js';
import type { Outlets } from './outlets.js';
import type { GuardOptions, Prepared } from './prepare.js';
import { prepare, returnHistory } from './prepare.js';
import { endInAnyCase, Signals, within } from './signals.js';
import { lookOptionsOf, mendingOf } from './temporary.js';
import { Watcher, watchLoop } from './watcher.js';

/** Exit code of a guard that does not start its program, as of `env` and `timeout`; a program's own 2 is another one. */
export const NOT_STARTED = 125;
/** Milliseconds for the last look, after the program ended; `docker stop` waits 10 seconds. */
const LAST_LOOK = 8000;
/** Milliseconds for the last writes to metrics, health and log. */
const LAST_WRITES = 1000;

/**
 * Makes a program's database usable, starts the program, watches the database while it runs, and ends with its exit code.
 * The program is started whatever is wrong with the database, unless the fallback is `fail`.
 *
 * @returns the exit code: the program's own, or 128 + n where signal n ended it
 */
export async function guard(options: GuardOptions, mending: Mending, outlets: Outlets): Promise<number> {
  const signals = new Signals();
  const prepared = await prepare(options, mending).catch((error: unknown) => {
    const message = `${mending.path}: preparing it failed: ${String(error)}. The program is started all the same.`;
    outlets.log({ level: 'error', event: 'prepare-failed', message });
    return { command: options.command, env: options.env };
  });
  if (prepared === undefined) {
    const message = `with --fallback fail ${options.command[0]} is not started: exit code ${NOT_STARTED}, which is the guard's own`;
    outlets.log({
      level: 'error',
      event: 'not-started',
      message,
      details: { path: mending.path, code: NOT_STARTED },
    });
    await outlets.flush();
    return NOT_STARTED;
  }
  return run(prepared, options, mending, outlets, signals);
}

/** Runs a program without a known database, and returns its exit code. */
export async function runUnguarded(
  command: readonly string[],
  env: Environment,
  outlets: Outlets,
): Promise<number> {
  return endingAs(outlets, async () => (await supervise(command, env, new Signals())).ended);
}

/** Starts the program and watches until it ends. */
async function run(
  { command, env, temporary }: Prepared,
  options: GuardOptions,
  mending: Mending,
  outlets: Outlets,
  signals: Signals,
): Promise<number> {
  const { log } = mending;
  const { interval, lookOptions } = options;
  const watcher =
    temporary === undefined
      ? new Watcher(mending, lookOptions)
      : new Watcher(mendingOf(temporary, mending), lookOptionsOf(mending, lookOptions), mending.path);
  return endingAs(outlets, async () => {
    const child = await supervise(command, env, signals);
    log({ level: 'info', event: 'started', message: `started ${command[0]} as process ${child.pid}` });
    const stop = new AbortController();
    const watching = watchLoop([watcher], outlets, interval, stop.signal);
    const code = await child.ended;
    stop.abort();
    log({ level: 'info', event: 'ended', message: `${command[0]} ended with ${code}`, details: { code } });
    const lastLook = watching.then(() => watcher.look());
    const atEnd =
      temporary === undefined ? lastLook : lastLook.then(() => returnHistory(temporary, options, mending));
    await within(LAST_LOOK, atEnd);
    await within(LAST_WRITES, outlets.publish([watcher.status]));
    return code;
  });
}

/** Runs a program, and ends this process with its exit code even if something is stuck then. */
async function endingAs(outlets: Outlets, program: () => Promise<number>): Promise<number> {
  let code: number;
  try {
    code = await program();
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    outlets.log({ level: 'error', event: 'not-started', message: error.message });
    code = error.exitCode;
  }
  await within(LAST_WRITES, outlets.flush());
  endInAnyCase(code);
  return code;
}

/** A program that could not be started. */
class StartError extends Error {
  override readonly name = 'StartError';

  constructor(
    message: string,
    /** The codes of a shell: 127 not found, 126 not executable. */
    readonly exitCode: 126 | 127,
  ) {
    super(message);
  }
}

/** A running program. */
interface Supervised {
  readonly pid: number;
  /** Its exit code, or 128 + n where signal n ended it. */
  readonly ended: Promise<number>;
}

/**
 * Starts a program with the standard streams of this process, and passes signals on to it until it ends.
 *
 * @throws StartError if it cannot be started
 */
async function supervise(
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
      const refused = startError(file, error);
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
    // Some errors, such as arguments that are too long, are thrown instead of emitted.
    throw startError(file, error as NodeJS.ErrnoException);
  }
}

function startError(file: string, { code, message }: NodeJS.ErrnoException): StartError {
  const missing = code === 'ENOENT';
  const what = missing ? 'found none of that name' : `found that it cannot be run (${code ?? message})`;
  return new StartError(`expected a program ${file}, ${what}`, missing ? 127 : 126);
}
