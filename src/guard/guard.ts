import { watchLoop } from '../watch/loop.js';
import type { Mending } from '../watch/mend.js';
import type { Outlets } from '../watch/outlets.js';
import { Watcher } from '../watch/watcher.js';
import type { Environment } from './commandline.js';
import { endInAnyCase, within } from './ending.js';
import type { GuardOptions } from './options.js';
import { prepare } from './prepare.js';
import { Signals } from './signals.js';
import { StartError, supervise } from './supervise.js';

/** Exit code where `--fallback fail` forbids to start the program. */
const NOT_STARTED = 2;
/** Milliseconds that the last look may take, after the program ended: whoever stops a service waits for it. */
const LAST_LOOK = 8000;
/** Milliseconds that the last writes to metrics, health and log may take. */
const LAST_WRITES = 1000;

/**
 * Makes a program's database usable, starts the program, watches the database while it runs, and ends as the program
 * did. Whatever goes wrong with the database, the program is started, unless the fallback is `fail`.
 *
 * @returns the exit code: the program's own, or 128 + n where signal n ended it
 */
export async function guard(options: GuardOptions, mending: Mending, outlets: Outlets): Promise<number> {
  const signals = new Signals();
  const prepared = await prepare(options, mending).catch((error: unknown) => {
    const message = `${mending.path}: preparing it failed: ${String(error)}. The program is started all the same.`;
    outlets.log({ level: 'error', event: 'prepare-failed', message });
    return options;
  });
  if (prepared === undefined) {
    await outlets.flush();
    return NOT_STARTED;
  }
  return run(prepared, mending, outlets, signals);
}

/** Runs a program of which no database is known: its exit code. */
export async function runUnguarded(
  command: readonly string[],
  env: Environment,
  outlets: Outlets,
): Promise<number> {
  return endingAs(outlets, async () => (await supervise(command, env, new Signals())).ended);
}

/** Starts the program and watches until it ends. */
async function run(
  { command, env, interval, lookOptions }: Pick<GuardOptions, 'command' | 'env' | 'interval' | 'lookOptions'>,
  mending: Mending,
  outlets: Outlets,
  signals: Signals,
): Promise<number> {
  const { log } = mending;
  const watcher = new Watcher(mending, lookOptions);
  return endingAs(outlets, async () => {
    const child = await supervise(command, env, signals);
    log({ level: 'info', event: 'started', message: `started ${command[0]} as process ${child.pid}` });
    const stop = new AbortController();
    const watching = watchLoop([watcher], outlets, interval, stop.signal);
    const code = await child.ended;
    stop.abort();
    log({ level: 'info', event: 'ended', message: `${command[0]} ended with ${code}`, details: { code } });
    const lastLook = watching.then(() => watcher.look());
    await within(LAST_LOOK, lastLook);
    await within(LAST_WRITES, outlets.tell([watcher.status]));
    return code;
  });
}

/** Runs a program, and ends as it does whatever may be stuck then. */
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
