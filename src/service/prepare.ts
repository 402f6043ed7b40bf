import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { IN_USE, setAside } from '../store/backup.js';
import type { Environment } from './commandline.js';
import { withDatabase, withoutPersistence } from './commandline.js';
import type { Look } from './look.js';
import { lookAt } from './look.js';
import type { Mending, Outcome } from './mend.js';
import { isGain, mend } from './mend.js';

/** What to do if a database can be neither repaired nor replaced. */
export type Fallback = 'empty' | 'no-persistence' | 'fail';

/** What to run, and what to do about its database. */
export interface GuardOptions {
  readonly command: readonly string[];
  readonly env: Environment;
  readonly fallback: Fallback;
  /** Milliseconds between looks while the program runs. */
  readonly interval: number;
  /** Options of the `look` command: profile, snapshots. */
  readonly lookOptions: readonly string[];
}

/** What `doctor` says of a database's place. */
export interface Problem {
  readonly code: string;
  readonly severity: string;
  readonly found: string;
  readonly advice: string;
}

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
/** What says that another process has the database. */
const SEEN_IN_USE = ['locked-by-process', 'open-in-process'];

/** Asks `doctor` about a database's place, and logs what it says. */
export async function diagnose({ own, log, path }: Mending): Promise<Problem[]> {
  const { stdout } = await own(['doctor', '--json', path]);
  const problems = problemsOf(stdout);
  for (const { code, severity, found, advice } of problems) {
    // The look says so too, where it is a problem at all.
    if (severity === 'notice' || code === 'file-missing' || code === 'file-empty') continue;
    const level = severity === 'error' ? 'error' : 'warning';
    log({ level, event: code, message: `${found} To do: ${advice}`, details: { path } });
  }
  return problems;
}

function problemsOf(text: string): Problem[] {
  try {
    const { files } = JSON.parse(text) as { files: { volume?: { problems?: Problem[] } }[] };
    return files[0]?.volume?.problems ?? [];
  } catch {
    return [];
  }
}

/** The problem that keeps a program from writing to its database, if there is one. */
export function whyUnwritable(problems: readonly Problem[], isNew: boolean): Problem | undefined {
  return problems.find(({ code }) => UNWRITABLE.includes(code) || (isNew && code === NO_NEW_FILE));
}

/** Whether another process was seen to have the database. */
export function wasInUse(problems: readonly Problem[]): boolean {
  return problems.some(({ code }) => SEEN_IN_USE.includes(code));
}

/** Milliseconds that a guard waits for a database that another process uses, as README says. */
const PATIENCE = 20_000;
/** Milliseconds between two looks at it. */
const PAUSE = 1000;
/** Number of looks that may fail in a row; a look that failed says nothing of the file. */
const TRIES = 3;

/** The state of a database before its program starts, and the last look at it. */
export interface Ready {
  /** As of mending, or `unknown`: every look at it failed. */
  readonly outcome: Outcome | 'unknown';
  readonly look: Look;
}

/** Makes a database as good as it can be, once nobody is using it. */
export async function makeReady(mending: Mending, lookOptions: readonly string[]): Promise<Ready> {
  const { log, path } = mending;
  let said = '';
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const look = await lookUntilItAnswers(mending, ['--holders', ...lookOptions]);
    const waits = performance.now() < deadline;
    if (isInUse(look) && waits) {
      if (said === '') {
        const message = `${path}: another process is using it; waiting for it`;
        log({ level: 'warning', event: 'waiting', message, details: { path } });
        said = message;
      }
      await sleep(PAUSE);
      continue;
    }
    if (look.what !== said) {
      const level = look.verdict === 'clean' ? 'info' : 'warning';
      const details = { path, records: look.records };
      log({ level, event: look.verdict, message: `${path}: ${look.what}`, details });
      said = look.what;
    }
    const outcome = await outcomeOf(look, mending);
    if (outcome !== 'busy' || !waits) return { outcome, look };
    // Perhaps another guard, which repairs it.
    await sleep(PAUSE);
  }
}

async function lookUntilItAnswers({ own, path }: Mending, options: readonly string[]): Promise<Look> {
  for (let n = 1; ; n++) {
    const look = await lookAt(own, path, options);
    if (look.verdict !== 'unknown' || n === TRIES) return look;
    await sleep(PAUSE);
  }
}

function isInUse({ verdict, held }: Look): boolean {
  return verdict === 'changing' || held === true;
}

async function outcomeOf(look: Look, mending: Mending): Promise<Ready['outcome']> {
  if (look.verdict === 'unknown') return 'unknown';
  // A sound file that is locked, too: its program would fail at once with Errno 11.
  if (look.verdict === 'changing' || (look.verdict === 'clean' && look.held === true)) return 'busy';
  // Nothing would be mended, and its program has what is there.
  if (look.loads) return 'sound';
  if (look.verdict !== 'damaged' && !(await isOutdone(look, mending))) return 'sound';
  // A process that only has it open may be no writer. The lock decides; without one the file is left alone.
  const outcome = await mend(look, mending, look.held !== true);
  return outcome === 'unmended' && look.held === true ? 'busy' : outcome;
}

/** Whether a snapshot is worth more than a database that is not damaged, as one that its program emptied. */
async function isOutdone(look: Look, mending: Mending): Promise<boolean> {
  // Whether a snapshot is sound is only seen by reading it, and most databases need none.
  if (!isGain({ id: '', records: Infinity }, look, undefined)) return false;
  const best = await mending.bestSnapshot();
  return best !== undefined && isGain(best, look, undefined);
}

/** A readable file that is beyond repair: its state at the look, and whether another process was seen to have it. */
export interface Hopeless {
  readonly state: string;
  readonly inUse: boolean;
}

/**
 * Nothing can be done for the database: by the user's choice the program starts without it, or not at all.
 *
 * @param why `unusable place` if the file cannot be read or written where it is now (a full volume, no permission, a read
 *   error): then it stays where it is, and setting it aside would lose a file that may be repaired later
 */
export async function fallBack(
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
  // A private folder, because the temporary one is shared by all users.
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

/** The database may be whole, or in use: it is not touched, whatever the fallback is. */
export function leaveAlone(options: GuardOptions, mending: Mending, why: string): GuardOptions | undefined {
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

/**
 * Makes a program's database usable, as far as it can be made so.
 *
 * @returns what to run; undefined if nothing is to be
 */
export async function prepare(options: GuardOptions, mending: Mending): Promise<GuardOptions | undefined> {
  const problems = await diagnose(mending);
  const { outcome, look } = await makeReady(mending, options.lookOptions);
  const unwritable = whyUnwritable(problems, look.verdict === 'missing' && outcome !== 'restored');
  if (unwritable !== undefined) return fallBack(options, mending, 'unusable place');
  // The file may be whole, or another process may be about to save it.
  if (outcome === 'busy') return leaveAlone(options, mending, 'another process is still using it');
  if (outcome === 'unknown') {
    return leaveAlone(options, mending, `what it is could not be found out, ${look.what}`);
  }
  // Nothing was judged to be wrong with the file itself, so that it must not be set aside.
  if (outcome === 'prevented' || look.verdict === 'unreadable')
    return fallBack(options, mending, 'unusable place');
  if (outcome !== 'unmended') return options;
  return fallBack(options, mending, { state: look.state, inUse: wasInUse(problems) });
}
