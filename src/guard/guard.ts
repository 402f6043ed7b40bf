import { setTimeout as sleep } from 'node:timers/promises';
import { isGain } from '../watch/gain.js';
import type { Look } from '../watch/look.js';
import { watchLoop } from '../watch/loop.js';
import type { Mending } from '../watch/mend.js';
import { mend } from '../watch/mend.js';
import type { Outlets } from '../watch/outlets.js';
import { lookAt } from '../watch/own.js';
import { Watcher } from '../watch/watcher.js';
import { setAside, temporaryDatabase } from './aside.js';
import type { Environment } from './commandline.js';
import { withDatabase, withoutPersistence } from './commandline.js';
import type { Fallback } from './fallbacks.js';
import { StartError, supervise } from './supervise.js';

export interface GuardOptions {
  readonly command: readonly string[];
  readonly env: Environment;
  readonly fallback: Fallback;
  /** Milliseconds between looks while the program runs. */
  readonly interval: number;
  /** Options of the `look` command: profile, snapshots. */
  readonly lookOptions: readonly string[];
}

/** Exit code where `--fallback fail` forbids to start the program. */
const NOT_STARTED = 2;
/** A database that somebody is writing to is waited for so many times, so many milliseconds each. */
const PATIENCE = 10;
const PAUSE = 1000;
/** The last look, after the program ended, may take so many milliseconds: whoever stops a service waits for it. */
const LAST_LOOK = 8000;
/** What stands in the way of a program that writes to its database; a new one needs the folder, too. */
const UNWRITABLE = [
  'volume-read-only',
  'folder-missing',
  'path-not-searchable',
  'path-is-directory',
  'not-a-file',
  'file-not-writable',
  'file-immutable',
];
const NO_NEW_FILE = 'folder-not-writable';

interface Problem {
  readonly code: string;
  readonly severity: string;
  readonly found: string;
  readonly advice: string;
}

/**
 * Makes a program's database usable, starts the program, watches the database while it runs, and ends as the program
 * did. Whatever goes wrong with the database, the program is started, unless the fallback is `fail`.
 *
 * @returns the exit code: the program's own, or 128 + n where signal n ended it
 */
export async function guard(options: GuardOptions, mending: Mending, outlets: Outlets): Promise<number> {
  const unheed = endOnSignals();
  const prepared = await prepare(options, mending).catch((error: unknown) => {
    const message = `${mending.path}: preparing it failed: ${String(error)}. The program is started all the same.`;
    outlets.log({ level: 'error', event: 'prepare-failed', message });
    return options;
  });
  unheed();
  if (prepared === undefined) {
    await outlets.flush();
    return NOT_STARTED;
  }
  return run(prepared, mending, outlets);
}

/** Runs a program of which no database is known: its exit code. */
export async function runUnguarded(
  command: readonly string[],
  env: Environment,
  outlets: Outlets,
): Promise<number> {
  try {
    return await (
      await supervise(command, env)
    ).ended;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    outlets.log({ level: 'error', event: 'not-started', message: error.message });
    return error.exitCode;
  } finally {
    await outlets.flush();
  }
}

/** Starts the program and watches until it ends. */
async function run(
  { command, env, interval, lookOptions }: Pick<GuardOptions, 'command' | 'env' | 'interval' | 'lookOptions'>,
  mending: Mending,
  outlets: Outlets,
): Promise<number> {
  const { log } = mending;
  const watcher = new Watcher(mending, lookOptions);
  try {
    const child = await supervise(command, env);
    log({ level: 'info', event: 'started', message: `started ${command[0]} as process ${child.pid}` });
    const stop = new AbortController();
    const watching = watchLoop([watcher], outlets, interval, stop.signal);
    const code = await child.ended;
    stop.abort();
    log({ level: 'info', event: 'ended', message: `${command[0]} ended with ${code}`, details: { code } });
    await Promise.race([watching.then(() => watcher.look()), sleep(LAST_LOOK, undefined, { ref: false })]);
    await outlets.tell([watcher.status]);
    return code;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    log({ level: 'error', event: 'not-started', message: error.message });
    return error.exitCode;
  } finally {
    await outlets.flush();
  }
}

/** What to run once the database is as good as it can be made; undefined if nothing is to be. */
async function prepare(options: GuardOptions, mending: Mending): Promise<GuardOptions | undefined> {
  const { log, own, path } = mending;
  // 1. The volume, in words.
  const problems = await diagnose(mending);
  for (const { code, severity, found, advice } of problems) {
    // The look says so too, where it is a problem at all.
    if (severity === 'notice' || code === 'file-missing' || code === 'file-empty') continue;
    const level = severity === 'error' ? 'error' : 'warning';
    log({ level, event: code, message: `${found} To do: ${advice}`, details: { path } });
  }

  // 2. The database: once nobody is writing to it.
  let look: Look = await lookAt(own, path, options.lookOptions);
  for (let n = 0; n < PATIENCE && (look.verdict === 'changing' || look.held === true); n++) {
    if (n === 0) {
      const message = `${path}: another process is using it; waiting for it`;
      log({ level: 'warning', event: 'waiting', message, details: { path } });
    }
    await sleep(PAUSE);
    look = await lookAt(own, path, options.lookOptions);
  }
  const level = look.verdict === 'clean' ? 'info' : 'warning';
  log({
    level,
    event: look.verdict,
    message: `${path}: ${look.what}`,
    details: { path, records: look.records },
  });

  // 3. What can be had of it, from the file and from snapshots.
  const wanted = look.verdict === 'damaged' || (isBare(look) && (await isOutdone(look, mending)));
  let outcome = wanted ? await mend(look, mending, true) : 'sound';
  for (let n = 0; n < PATIENCE && outcome === 'busy'; n++) {
    // Perhaps another guard, which repairs it.
    await sleep(PAUSE);
    look = await lookAt(own, path, options.lookOptions);
    outcome = look.verdict === 'clean' ? 'sound' : await mend(look, mending, true);
  }
  const isNew = look.verdict === 'missing' && outcome !== 'restored';
  const unwritable = problems.find(
    ({ code }) => UNWRITABLE.includes(code) || (isNew && code === NO_NEW_FILE),
  );
  const hopeless = outcome === 'unmended' || outcome === 'busy' || look.verdict === 'unreadable';
  return hopeless || unwritable !== undefined ? fallBack(options, mending, unwritable?.found) : options;
}

/** Whether a database that is not damaged has lost everything, as a program leaves it that was killed while it saved. */
function isBare({ verdict, records, usable, profile }: Look): boolean {
  if (verdict === 'missing') return true;
  return verdict === 'clean' && profile !== 'none' && profile !== 'shelve' && (records === 0 || !usable);
}

async function isOutdone(look: Look, mending: Mending): Promise<boolean> {
  const best = await mending.bestSnapshot();
  return best !== undefined && isGain(best, look, undefined);
}

async function diagnose({ own, path }: Mending): Promise<Problem[]> {
  const { stdout } = await own(['doctor', '--json', path]);
  try {
    const { files } = JSON.parse(stdout) as { files: { volume?: { problems?: Problem[] } }[] };
    return files[0]?.volume?.problems ?? [];
  } catch {
    return [];
  }
}

/** Nothing can be done for the database: by the user's choice the program starts without it, or not at all. */
async function fallBack(
  options: GuardOptions,
  { log, path }: Mending,
  unwritable: string | undefined,
): Promise<GuardOptions | undefined> {
  const { command, env, fallback } = options;
  const details = { path, fallback };
  if (fallback === 'fail') {
    const message = `${path}: nothing could be done for it, and --fallback fail: ${command[0]} is not started`;
    log({ level: 'error', event: 'fallback', message, details });
    return undefined;
  }
  if (fallback === 'no-persistence') {
    const without = withoutPersistence(command, env);
    const message =
      without === undefined
        ? `${path}: expected Flower for --fallback no-persistence, found another program; it is started as it is`
        : `${path}: nothing could be done for it; Flower is started without persistence`;
    log({ level: 'error', event: 'fallback', message, details });
    return { ...options, ...without };
  }
  if (unwritable === undefined) {
    try {
      const name = await setAside(path);
      const message = `${path}: nothing could be done for it; it is set aside as ${name}, and ${command[0]} starts with a new one`;
      log({ level: 'error', event: 'fallback', message, details: { ...details, aside: name } });
      return options;
    } catch (error) {
      log({
        level: 'error',
        event: 'fallback',
        message: `${path}: not set aside: ${String(error)}`,
        details,
      });
    }
  }
  const elsewhere = await temporaryDatabase(path).catch(() => undefined);
  const other = elsewhere === undefined ? undefined : withDatabase(command, env, elsewhere);
  const message =
    other === undefined
      ? `${path}: it cannot be written to; ${command[0]} is started as it is`
      : `${path}: it cannot be written to; ${command[0]} starts with a new one, ${elsewhere}, which is lost with the container`;
  log({ level: 'error', event: 'fallback', message, details: { ...details, elsewhere: elsewhere ?? null } });
  return { ...options, ...other };
}

/** Until the program runs, a signal ends the guard at once, also as process 1, for which nothing is the default. */
function endOnSignals(): () => void {
  const listeners = (
    [
      ['SIGTERM', 143],
      ['SIGINT', 130],
      ['SIGHUP', 129],
    ] as const
  ).map(([signal, code]) => {
    const listener = () => process.exit(code);
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => {
    for (const unheed of listeners) unheed();
  };
}
