/**
 * A guard's three steps: make a program's database usable (`prepare`), start the program and pass signals on to it
 * (`supervise`), and watch the database while it runs (`run`).
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { IN_USE, setAside } from '../store/backup.js';
import type { Environment } from './commandline.js';
import { withDatabase, withoutPersistence } from './commandline.js';
import type { VolumeCode, VolumeProblem } from './facts.js';
import type { Look } from './look.js';
import { isInUse, lookAt } from './look.js';
import type { Mending, Outcome } from './mend.js';
import { isGain, mend } from './mend.js';
import type { Outlets } from './outlets.js';
import { endInAnyCase, Signals, within } from './signals.js';
import { Watcher, watchLoop } from './watcher.js';

/** The user's choice for a database that can be neither repaired nor replaced. */
export type Fallback = 'empty' | 'no-persistence' | 'fail';

/** The program to run, and what to do about its database. */
interface GuardOptions {
  readonly command: readonly string[];
  readonly env: Environment;
  readonly fallback: Fallback;
  /** Milliseconds between looks while the program runs. */
  readonly interval: number;
  /** Options of the `look` command: profile, snapshots. */
  readonly lookOptions: readonly string[];
  /** Milliseconds to wait for a database that another process uses; by default as the README says. */
  readonly patience?: number;
}

const PATIENCE = 20_000;

/** Exit code if `--fallback fail` forbids to start the program. */
const NOT_STARTED = 2;
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
    return options;
  });
  if (prepared === undefined) {
    await outlets.flush();
    return NOT_STARTED;
  }
  return run(prepared, mending, outlets, signals);
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

/**
 * Makes a program's database usable, as far as possible:
 *
 * 1. Ask `doctor` whether the program can write to the place of the database.
 * 2. Wait until nobody uses the database, and repair it or restore a snapshot if need be.
 * 3. If that fails, do what the user chose as the fallback. A file is set aside only if the file itself was judged to be
 *    beyond repair, not if the place is unusable or another process uses it.
 *
 * @returns the program to run; undefined if none is to be run
 */
export async function prepare(options: GuardOptions, mending: Mending): Promise<GuardOptions | undefined> {
  const problems = await diagnosePlace(mending);
  const { outcome, look } = await makeReady(mending, options);
  const isNew = look.verdict === 'missing' && outcome !== 'restored';
  const cannotWrite = problems.some(
    ({ code }) => UNWRITABLE.includes(code) || (isNew && code === 'folder-not-writable'),
  );
  if (cannotWrite) return fallBack(options, mending, 'unusable place');
  // The file may be whole, or another process may be about to save it.
  if (outcome === 'busy') return leaveAlone(options, mending, 'another process is still using it');
  if (outcome === 'unknown') {
    return leaveAlone(options, mending, `what it is could not be found out, ${look.what}`);
  }
  // The file itself was not found to be damaged beyond repair, so it must not be set aside.
  if (outcome === 'prevented' || look.verdict === 'unreadable')
    return fallBack(options, mending, 'unusable place');
  if (outcome !== 'unmended') return options;
  const inUse = problems.some(({ code }) => code === 'locked-by-process' || code === 'open-in-process');
  return fallBack(options, mending, { state: look.state, inUse });
}

/** Problems that keep a program from writing to its database; a new one needs a writable folder, too. */
const UNWRITABLE: readonly VolumeCode[] = [
  'volume-read-only',
  'folder-missing',
  'path-not-searchable',
  'path-is-directory',
  'not-a-file',
  'file-not-writable',
  'file-immutable',
];

/** Asks `doctor` about a database's place, and logs its problems. */
async function diagnosePlace({ run, log, path }: Mending): Promise<VolumeProblem[]> {
  const problems = problemsIn((await run(['doctor', '--json', path])).stdout);
  for (const { code, severity, found, advice } of problems) {
    // The look reports a missing or empty file itself, if it is a problem at all.
    if (severity === 'notice' || code === 'file-missing' || code === 'file-empty') continue;
    log({ level: severity, event: code, message: `${found} To do: ${advice}`, details: { path } });
  }
  return problems;
}

function problemsIn(text: string): VolumeProblem[] {
  try {
    const { files } = JSON.parse(text) as { files: { volume?: { problems?: VolumeProblem[] } }[] };
    return files[0]?.volume?.problems ?? [];
  } catch {
    return [];
  }
}

/** Milliseconds between two looks at a database in use. */
const PAUSE = 1000;
/** Number of looks in a row that may fail; a failed look says nothing about the file. */
const TRIES = 3;

/** State of a database before its program starts, and the last look at it. */
interface Ready {
  /** `unknown`: every look at it failed. */
  readonly outcome: Outcome | 'unknown';
  readonly look: Look;
}

/** Repairs a database, or restores it, once nobody uses it. */
async function makeReady(
  mending: Mending,
  { lookOptions, patience = PATIENCE }: GuardOptions,
): Promise<Ready> {
  const { log, path } = mending;
  const pause = () => sleep(Math.min(PAUSE, patience));
  let logged = '';
  const deadline = performance.now() + patience;
  for (;;) {
    const look = await lookUntilItSucceeds(mending, ['--holders', ...lookOptions], pause);
    const waits = performance.now() < deadline;
    if ((look.verdict === 'changing' || isInUse(look)) && waits) {
      if (logged === '') {
        logged = `${path}: another process is using it; waiting for it`;
        log({ level: 'warning', event: 'waiting', message: logged, details: { path } });
      }
      await pause();
      continue;
    }
    if (look.what !== logged) {
      logged = look.what;
      const level = look.verdict === 'clean' ? 'info' : 'warning';
      const details = { path, records: look.records };
      log({ level, event: look.verdict, message: `${path}: ${look.what}`, details });
    }
    const outcome = await outcomeOf(look, mending);
    if (outcome !== 'busy' || !waits) return { outcome, look };
    // Another guard may be repairing it.
    await pause();
  }
}

async function lookUntilItSucceeds(
  { run, path }: Mending,
  options: readonly string[],
  pause: () => Promise<void>,
): Promise<Look> {
  for (let n = 1; ; n++) {
    const look = await lookAt(run, path, options);
    if (look.verdict !== 'unknown' || n === TRIES) return look;
    await pause();
  }
}

async function outcomeOf(look: Look, mending: Mending): Promise<Ready['outcome']> {
  if (look.verdict === 'unknown') return 'unknown';
  // With a sound but locked file the program would fail at once with Errno 11.
  if (look.verdict === 'changing' || (look.verdict === 'clean' && isInUse(look))) return 'busy';
  // A repair would change nothing, and the program loads the file.
  if (look.loads) return 'sound';
  if (look.verdict !== 'damaged' && !(await isOutdone(look, mending))) return 'sound';
  // A holder may be no writer. The lock decides; if there is none, the file is left alone.
  const outcome = await mend(look, mending, !isInUse(look));
  return outcome === 'unmended' && isInUse(look) ? 'busy' : outcome;
}

/** Checks for a snapshot that is better than an undamaged database, such as one that its program emptied. */
async function isOutdone(look: Look, mending: Mending): Promise<boolean> {
  // Finding the best snapshot means reading it, and most databases need none.
  if (!isGain({ id: '', records: Infinity }, look, undefined)) return false;
  const best = await mending.bestSnapshot();
  return best !== undefined && isGain(best, look, undefined);
}

/** A readable file that is beyond repair: its state at the look, and whether another process was seen to use it. */
interface Hopeless {
  readonly state: string;
  readonly inUse: boolean;
}

/**
 * Starts the program without its database, or not at all, as the user chose.
 *
 * @param why `unusable place` if the file cannot be read or written where it is (a full volume, no permission, a read error):
 *   then it keeps its name, because it may be repaired later
 */
async function fallBack(
  options: GuardOptions,
  mending: Mending,
  why: 'unusable place' | Hopeless,
): Promise<GuardOptions | undefined> {
  const { log, path } = mending;
  const { command, env, fallback } = options;
  const details = { path, fallback };
  if (fallback === 'fail') return notStarted(options, mending, 'nothing could be done for it');
  if (fallback === 'no-persistence') {
    const without = withoutPersistence(command, env);
    const message =
      without === undefined
        ? `${path}: expected Flower for --fallback no-persistence, found another program; it is started as it is`
        : `${path}: nothing could be done for it; Flower is started without persistence`;
    log({ level: 'error', event: 'fallback', message, details });
    return { ...options, ...without };
  }
  if (why !== 'unusable place') {
    try {
      const name = await setAside(path, why);
      if (name === IN_USE) return leaveAlone(options, mending, 'another process is using it');
      const message = `${path}: nothing could be done for it; it is set aside as ${name}, and ${command[0]} starts with a new one`;
      log({ level: 'error', event: 'fallback', message, details: { ...details, aside: name } });
      return options;
    } catch (error) {
      const message = `${path}: not set aside: ${String(error)}`;
      log({ level: 'error', event: 'fallback', message, details });
    }
  }
  // In a private folder, because all users share the temporary one.
  const elsewhere = await mkdtemp(join(tmpdir(), 'gdbm-doctor-')).then(
    (folder) => join(folder, basename(path)),
    () => undefined,
  );
  const other = elsewhere === undefined ? undefined : withDatabase(command, env, elsewhere);
  const message =
    other === undefined
      ? `${path}: it cannot be used where it is now; it is left as it is, and ${command[0]} is started as it is`
      : `${path}: it cannot be used where it is now; it is left as it is, and ${command[0]} starts with a new one, ${elsewhere}, which is lost with the container`;
  log({ level: 'error', event: 'fallback', message, details: { ...details, elsewhere: elsewhere ?? null } });
  return { ...options, ...other };
}

/** Starts the program without touching the database, which may be whole or in use. */
function leaveAlone(options: GuardOptions, mending: Mending, why: string): GuardOptions | undefined {
  const { command, fallback } = options;
  if (fallback === 'fail') return notStarted(options, mending, why);
  const { log, path } = mending;
  const message = `${path}: ${why}; it is left alone, and ${command[0]} is started as it is`;
  log({ level: 'error', event: 'left-alone', message, details: { path, fallback } });
  return options;
}

function notStarted({ command, fallback }: GuardOptions, { log, path }: Mending, why: string): undefined {
  const message = `${path}: ${why}, and --fallback fail: ${command[0]} is not started`;
  log({ level: 'error', event: 'fallback', message, details: { path, fallback } });
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
