import { setTimeout as sleep } from 'node:timers/promises';
import { IN_USE, setAside } from '../store/backup.js';
import { realPathOf } from '../store/held.js';
import type { Contents } from '../store/snapshot.js';
import { contentsText } from '../store/snapshot.js';
import type { Environment } from './commandline.js';
import { withDatabase, withoutPersistence } from './commandline.js';
import type { VolumeCode, VolumeProblem } from './facts.js';
import type { Look } from './look.js';
import { isInUse, lookAt } from './look.js';
import type { Mending, Outcome } from './mend.js';
import { isGain, mend } from './mend.js';
import type { TakenBack, Temporary } from './temporary.js';
import {
  beginTemporary,
  findTemporary,
  forgetTemporary,
  lookOptionsOf,
  mendingOf,
  takeBack,
} from './temporary.js';

/** The user's choice for a database that can be neither repaired nor replaced. */
export type Fallback = 'empty' | 'no-persistence' | 'fail';

/** The program to run, and what to do about its database. */
export interface GuardOptions {
  readonly command: readonly string[];
  readonly env: Environment;
  readonly fallback: Fallback;
  /** Milliseconds between looks while the program runs. */
  readonly interval: number;
  /** Options of the `look` command: profile, snapshots. */
  readonly lookOptions: readonly string[];
  /** Milliseconds to wait for a database that another process uses; by default as the README says. */
  readonly patience?: number | undefined;
}

/** A program to start, and the temporary database that it uses, if it does not use its own one. */
export interface Prepared {
  readonly command: readonly string[];
  readonly env: Environment;
  readonly temporary?: Temporary;
}

const PATIENCE = 20_000;

/**
 * Makes a program's database usable, as far as possible:
 *
 * 1. Ask `doctor` whether the program can write to the place of the database.
 * 2. Take back what an earlier run stored in a temporary database.
 * 3. Wait until nobody uses the database, and repair it or restore a snapshot if need be.
 * 4. If that fails, do what the user chose as the fallback. A file is set aside only if the file itself was judged to be
 *    beyond repair, not if the place is unusable or another process uses it.
 *
 * @returns the program to run; undefined if none is to be run
 */
export async function prepare(options: GuardOptions, mending: Mending): Promise<Prepared | undefined> {
  const { command, env, fallback } = options;
  const problems = await diagnosePlace(mending);
  const has = (codes: readonly VolumeCode[]) => problems.some(({ code }) => codes.includes(code));
  const temporary = await findTemporary(mending.path);
  const elsewhere = (earlier: Temporary | undefined) =>
    fallBack(options, mending, () => goElsewhere(options, mending, earlier));
  if (has(UNWRITABLE)) return elsewhere(temporary);
  if (temporary !== undefined && (await returnHistory(temporary, options, mending)) === 'prevented')
    return elsewhere(temporary);
  const { outcome, look } = await makeReady(mending, options);
  if (outcome === 'refused') return notStarted(options, mending, 'it is for another kind of machine');
  const isNew = look.verdict === 'missing' && outcome !== 'restored';
  if (isNew && (has(['folder-not-writable']) || (await isFolderMissing(mending.path))))
    return elsewhere(undefined);
  // The file may be whole, or another process may be about to save it.
  if (outcome === 'busy') return leaveAlone(options, mending, 'another process is still using it');
  if (outcome === 'unknown') {
    return leaveAlone(options, mending, `what it is could not be found out, ${look.what}`);
  }
  // The file itself was not found to be damaged beyond repair, so it must not be set aside.
  if (outcome === 'prevented' || look.verdict === 'unreadable') return elsewhere(undefined);
  // The program can read a sound file, but its next save would fail, or end it.
  if (outcome === 'sound' && fallback === 'empty' && has(FULL)) return elsewhere(undefined);
  if (outcome !== 'unmended') return { command, env };
  const file = { state: look.state, inUse: has(IN_USE_CODES) };
  return fallBack(options, mending, () => setFileAside(options, mending, file));
}

/** Checks for a symbolic link that leads into a folder that does not exist, as on a volume that is not mounted. */
async function isFolderMissing(path: string): Promise<boolean> {
  return realPathOf(path).then(
    () => false,
    () => true,
  );
}

/** Takes the history back from a temporary database, which is mended first if its program died while it saved. */
export async function returnHistory(
  temporary: Temporary,
  { lookOptions, patience }: GuardOptions,
  mending: Mending,
): Promise<TakenBack> {
  const options = lookOptionsOf(mending, lookOptions);
  const { outcome } = await makeReady(mendingOf(temporary, mending), { lookOptions: options, patience });
  if (outcome === 'unmended') await forgetTemporary(temporary, mending);
  const isSound = ['sound', 'repaired', 'restored', 'converted'].includes(outcome);
  return isSound ? takeBack(temporary, mending, lookOptions) : 'busy';
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

/** Other processes that use the database. */
const IN_USE_CODES: readonly VolumeCode[] = ['locked-by-process', 'open-in-process', 'writer-without-lock'];

/** Problems that only keep a program from writing more than there is. */
const FULL: readonly VolumeCode[] = ['volume-full', 'inodes-exhausted'];

/** Places that lose the database sooner or later, though nothing is wrong with them now. */
const FLEETING: readonly VolumeCode[] = ['volume-not-mounted', 'volume-in-memory', 'volume-anonymous'];

/** Problems that the look reports itself, if they are problems at all. */
const SEEN_BY_LOOK: readonly VolumeCode[] = ['file-missing', 'file-empty', 'other-database'];

/** Asks `doctor` about a database's place, and logs its problems. */
async function diagnosePlace({ run, log, path }: Mending): Promise<VolumeProblem[]> {
  const problems = problemsIn((await run(['doctor', '--json', path])).stdout);
  for (const { code, severity: own, found, advice } of problems) {
    const severity = FLEETING.includes(code) ? 'warning' : own;
    if (severity === 'notice' || SEEN_BY_LOOK.includes(code)) continue;
    // The other program may be healthy: it is waited for, not to be stopped.
    const toDo = IN_USE_CODES.includes(code) ? '' : ` To do: ${advice}`;
    log({ level: severity, event: code, message: `${found}${toDo}`, details: { path } });
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
  /** `unknown`: every look at it failed. `refused`: it is of another machine, and is not to be converted. */
  readonly outcome: Outcome | 'unknown' | 'refused';
  readonly look: Look;
}

/** Repairs a database, or restores it, once nobody uses it. */
async function makeReady(
  mending: Mending,
  {
    lookOptions,
    patience = PATIENCE,
    fallback,
  }: Pick<GuardOptions, 'lookOptions' | 'patience'> & Partial<GuardOptions>,
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
    const isRefused = look.verdict === 'other-machine' && fallback === 'fail';
    const outcome = isRefused ? 'refused' : await outcomeOf(look, mending);
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
  const isUnfit = look.verdict === 'damaged' || look.verdict === 'other-machine';
  if (!isUnfit && !(await isOutdone(look, mending))) return 'sound';
  // A holder may be no writer. The lock decides; if there is none, the file is left alone.
  const outcome = await mend(look, mending, !isInUse(look));
  return outcome === 'unmended' && isInUse(look) ? 'busy' : outcome;
}

/** Checks for a snapshot that is better than an undamaged database, such as one that its program emptied. */
async function isOutdone(look: Look, mending: Mending): Promise<boolean> {
  // Finding the best snapshot means reading it, and most databases need none.
  if (!isGain({ records: Infinity }, look, undefined)) return false;
  const best = await mending.bestSnapshot();
  return best !== undefined && isGain(best, look, undefined);
}

/** A readable file that is beyond repair: its state at the look, and whether another process was seen to use it. */
interface Hopeless {
  readonly state: string;
  readonly inUse: boolean;
}

/**
 * Does what the user chose for a database that cannot be used: starts no program, starts it without a database, or gives
 * it another one.
 *
 * @param another gives the program another database
 */
async function fallBack(
  options: GuardOptions,
  mending: Mending,
  another: () => Promise<Prepared | undefined>,
): Promise<Prepared | undefined> {
  const { command, env, fallback } = options;
  const { log, path } = mending;
  if (fallback === 'fail') return notStarted(options, mending, 'nothing could be done for it');
  if (fallback === 'empty') return another();
  const without = withoutPersistence(command, env);
  const message =
    without === undefined
      ? `${path}: expected Flower for --fallback no-persistence, found another program; it is started as it is`
      : `${path}: nothing could be done for it; Flower is started without persistence`;
  log({ level: 'error', event: 'fallback', message, details: { path, fallback } });
  return without ?? { command, env };
}

/** Sets a file aside that is beyond repair, so that the program makes a new one. */
async function setFileAside(
  options: GuardOptions,
  mending: Mending,
  file: Hopeless,
): Promise<Prepared | undefined> {
  const { log, path } = mending;
  const { command, env, fallback } = options;
  const details = { path, fallback };
  try {
    const name = await setAside(path, file);
    if (name === IN_USE) return leaveAlone(options, mending, 'another process is using it');
    const message = `${path}: nothing could be done for it; it is set aside as ${name}, and ${command[0]} starts with a new one`;
    log({ level: 'error', event: 'fallback', message, details: { ...details, aside: name } });
    return { command, env };
  } catch (error) {
    const message = `${path}: not set aside: ${String(error)}`;
    log({ level: 'error', event: 'fallback', message, details });
    return goElsewhere(options, mending, undefined);
  }
}

/**
 * Starts the program with a temporary database, because the place of its own one cannot be read or written now (a full
 * volume, no permission, a read error). The file there keeps its name and bytes.
 *
 * @param earlier the temporary database of an earlier run, which goes on
 */
async function goElsewhere(
  options: GuardOptions,
  mending: Mending,
  earlier: Temporary | undefined,
): Promise<Prepared | undefined> {
  const { log, path } = mending;
  const { command, env, fallback } = options;
  const details = { path, fallback };
  const cannot = `${path}: its place cannot be written now; it is left as it is, and ${command[0]}`;
  const begun =
    withDatabase(command, env, path) === undefined
      ? undefined
      : ((earlier && (await goOn(earlier, options, mending))) ?? (await beginTemporary(mending)));
  if (begun === undefined) {
    const message = `${cannot} is started as it is`;
    log({ level: 'error', event: 'fallback', message, details });
    return { command, env };
  }
  const { temporary, contents } = begun;
  const message =
    `${cannot} uses ${temporary.path} for now, which begins ${contents.records === 0 ? 'empty' : `with ${contentsText(contents)}`}; ` +
    'it is taken back once the place is well, and lost with the container';
  log({ level: 'error', event: 'fallback', message, details: { ...details, elsewhere: temporary.path } });
  return { ...withDatabase(command, env, temporary.path)!, temporary };
}

/** Goes on with an earlier temporary database; undefined if nothing can be done for it. */
async function goOn(
  temporary: Temporary,
  { lookOptions, patience }: GuardOptions,
  mending: Mending,
): Promise<{ temporary: Temporary; contents: Contents } | undefined> {
  const options = lookOptionsOf(mending, lookOptions);
  const { outcome, look } = await makeReady(mendingOf(temporary, mending), {
    lookOptions: options,
    patience,
  });
  if (outcome === 'unmended') await forgetTemporary(temporary, mending);
  // Another program uses it, or it could not be looked at.
  if (outcome === 'unmended' || outcome === 'busy' || outcome === 'unknown') return undefined;
  return { temporary, contents: look };
}

/** Starts the program without touching the database, which may be whole or in use. */
function leaveAlone(options: GuardOptions, mending: Mending, why: string): Prepared | undefined {
  const { command, env, fallback } = options;
  if (fallback === 'fail') return notStarted(options, mending, why);
  const { log, path } = mending;
  const message = `${path}: ${why}; it is left alone, and ${command[0]} is started as it is`;
  log({ level: 'error', event: 'left-alone', message, details: { path, fallback } });
  return { command, env };
}

function notStarted({ command, fallback }: GuardOptions, { log, path }: Mending, why: string): undefined {
  const message = `${path}: ${why}, and --fallback fail: ${command[0]} is not started`;
  log({ level: 'error', event: 'fallback', message, details: { path, fallback } });
}
