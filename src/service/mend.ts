import type { Look, Own } from './look.js';
import { lookAt } from './look.js';
import type { Log } from './outlets.js';

/** The newest good snapshot of a database. */
export interface BestSnapshot {
  readonly id: string;
  readonly records: number;
}

/** What a repair could not bring back. */
export interface Loss {
  /** Records that are known to be lost. */
  readonly records: number;
  /** How many more were lost without a trace, by an estimate: 0 where every hash has its bucket, null where none has. */
  readonly estimated: number | null;
}

/** Programs whose few records are one state: an older one with more records is no gain. */
const ONE_STATE = ['flower', 'celerybeat'];

/** Programs of which nothing is known: that their database has few records, or none, may be as they left it. */
const UNKNOWN = ['none', 'shelve'];

/**
 * Whether a snapshot is to take the place of a database. A snapshot is older than the database, so that it brings back
 * what was deleted since and lacks what was added since. More records alone are no reason: a queue or a cache shrinks.
 *
 * - A database that is not there, or could not be mended, has nothing to lose. One whose program loads it all the same
 *   has: every value that is whole.
 * - Nor has one that holds nothing its program can use, where it is known what that program needs.
 * - A repair that lost records is outdone by a snapshot with more records, as long as these are no more than what was
 *   kept and lost together: else the database had shrunk since, and the snapshot is of another time. What was lost
 *   without a trace is only estimated, and counts twice.
 *
 * @param look after the repair, if there was one
 * @param loss what the repair lost, undefined where there was none
 */
export function isGain(best: BestSnapshot, look: Look, loss: Loss | undefined): boolean {
  if (best.records === 0) return false;
  if (look.verdict === 'missing' || (look.verdict === 'damaged' && !look.loads)) return true;
  if (look.verdict !== 'clean' && !look.loads) return false;
  const empty = look.records === 0;
  const isUsable = look.usable || look.loads;
  if ((empty || !isUsable) && !UNKNOWN.includes(look.profile)) return true;
  if (loss === undefined || (loss.records === 0 && loss.estimated === 0)) return false;
  if (empty) return true;
  if (ONE_STATE.includes(look.profile) || look.records >= best.records) return false;
  if (loss.estimated === null) return true;
  return best.records <= look.records + loss.records + 2 * loss.estimated;
}

/** What mending a database needs. */
export interface Mending {
  readonly own: Own;
  readonly log: Log;
  readonly path: string;
  /** Options for each of our own commands that looks into the file, such as `--profile flower`. */
  readonly profileOptions: readonly string[];
  /** Options that name the snapshots' folder. */
  readonly folderOptions: readonly string[];
  readonly bestSnapshot: () => Promise<BestSnapshot | undefined>;
}

/**
 * `sound`: nothing was to be done. `repaired`: from the file's own bytes. `restored`: from a snapshot. `unmended`: the
 * file was judged to be beyond repair, and is as it was. `prevented`: the repair could not be carried out (a full volume, no
 * permission, an error of its own), which says nothing of the file; it is as it was. `busy`: a program holds it or wrote to
 * it since the look; the next looks tell more.
 */
export type Outcome = 'sound' | 'repaired' | 'restored' | 'unmended' | 'prevented' | 'busy';

/** What a report of `repair --json` or `restore --json` says of its one file. */
interface Report {
  readonly action?: string;
  readonly reason?: string | null;
  readonly kept?: number;
  readonly lost?: number;
  /** Of all hashes the share that no bucket covers, and how many records those may have had. */
  readonly lostDetail?: { readonly uncovered: number; readonly estimated: number | null };
  readonly backup?: string | null;
  readonly quarantine?: string | null;
  readonly error?: { readonly code: string; readonly message?: string };
}

/** Refusals that say that somebody uses the file, not that it cannot be mended. */
const BUSY = ['locked', 'changed'];

/**
 * Makes a database usable: repairs it from what is in the file and, where that lost what a snapshot has, brings the
 * snapshot back (`isGain`). Each of the two leaves the file as it was as a backup.
 *
 * Each takes the exclusive lock, and then goes on only if the file is still what the look saw: two that watch one file,
 * or a program that began to save in between, find each other so. Where the program does not lock, the file is compared
 * once more before the fresh one takes its name.
 *
 * @param look what the last look saw
 * @param atRest whether the program that uses it is known not to run, so that it may do without a lock where there is
 *   no program to take one
 */
export async function mend(look: Look, mending: Mending, atRest = false): Promise<Outcome> {
  const { log, path, profileOptions } = mending;
  const own = atRest ? lockingIfPossible(mending) : mending.own;
  let now = look;
  let outcome: Outcome = 'sound';
  let loss: Loss | undefined;
  const best = await mending.bestSnapshot();
  // A file of no bytes has nothing to be repaired from.
  const emptied = look.size === 0 && best !== undefined;
  if (look.verdict === 'damaged' && !emptied) {
    // Nobody is there to bring back what is set aside: only what keeps the program from starting is.
    // Which of the file and a snapshot is worth more is decided below, by what the repair kept.
    const options = ['--only-fatal', '--empty', ...ifState(look), ...profileOptions];
    const answer = await own(['repair', '--json', ...options, path]);
    const report = firstReport(answer.stdout);
    if (report?.action === 'repaired') {
      outcome = 'repaired';
      const { kept = 0, lost = 0, backup = null, quarantine = null } = report;
      loss = lossOf(report);
      // A file of no bytes had no hashes to lose.
      const isSeen = loss.estimated === 0 || look.size === 0;
      const unseen = isSeen ? '' : `, and ${loss.estimated ?? 'an unknown number'} without a trace`;
      const aside = quarantine === null ? '' : `. What the program cannot load: ${quarantine}`;
      log({
        level: 'warning',
        event: 'repaired',
        message: `${path}: repaired; ${kept} records kept, ${lost} lost${unseen}. As it was: ${backup ?? 'not kept'}${aside}`,
        details: { path, kept, lost, backup, quarantine },
      });
    } else if (isBusy(report)) {
      sayBusy(mending, report);
      return 'busy';
    } else if (answer.code === 0 && report?.action === 'none' && report.reason === null) {
      // Another one mended it.
    } else {
      outcome = failureOf(report);
      const why = report?.reason ?? (answer.said === '' ? `it ended with ${answer.code}` : answer.said);
      log({
        level: 'error',
        event: 'repair-failed',
        message: `${path}: not repaired: ${why}`,
        details: { path },
      });
    }
    now = await lookAt(own, path, ['--no-snapshot', ...profileOptions]);
  }
  if (best === undefined || !isGain(best, now, loss)) return outcome;
  const restored = await restore(best, now, { ...mending, own });
  if (restored === 'restored' || restored === 'busy') return restored;
  return outcome === 'repaired' || outcome === 'prevented' ? outcome : restored;
}

/** Tells a file that was refused from a repair or a restore that could not be carried out. */
function failureOf(report: Report | undefined): 'unmended' | 'prevented' {
  return report === undefined || report.error !== undefined ? 'prevented' : 'unmended';
}

function ifState({ state }: Look): string[] {
  return state === '' ? [] : [`--if-state=${state}`];
}

function isBusy(report: Report | undefined): boolean {
  return report?.error !== undefined && BUSY.includes(report.error.code);
}

function sayBusy({ log, path }: Mending, report: Report | undefined): void {
  const message = `${path}: left alone for now: ${report?.error?.message ?? 'it is in use'}`;
  log({ level: 'info', event: 'busy', message, details: { path } });
}

function lossOf({ lost = 0, lostDetail }: Report): Loss {
  const { uncovered = 0, estimated = 0 } = lostDetail ?? {};
  // Hashes without a bucket are a loss also where the estimate comes to less than one record.
  return {
    records: lost,
    estimated: uncovered === 0 ? 0 : estimated === null ? null : Math.max(1, estimated),
  };
}

async function restore(
  best: BestSnapshot,
  look: Look,
  mending: Mending,
): Promise<'restored' | 'unmended' | 'prevented' | 'busy'> {
  const { own, log, path, folderOptions } = mending;
  const answer = await own(['restore', '--json', '--at', best.id, ...ifState(look), ...folderOptions, path]);
  const report = firstReport(answer.stdout);
  const details = { path, snapshot: best.id, records: best.records };
  if (answer.code === 0 && report?.action === 'restored') {
    const message =
      `${path}: the snapshot ${best.id} is back, with ${best.records} records; the file had ` +
      `${look.verdict === 'clean' ? look.records : 'none that can be used'}`;
    log({ level: 'warning', event: 'restored', message, details });
    return 'restored';
  }
  if (isBusy(report)) {
    sayBusy(mending, report);
    return 'busy';
  }
  const why = report?.reason ?? answer.said;
  log({
    level: 'error',
    event: 'restore-failed',
    message: `${path}: snapshot ${best.id} not brought back: ${why}`,
    details,
  });
  return failureOf(report);
}

/** Runs a command again without a lock, where the only trouble is that there is no program to take one. */
function lockingIfPossible({ own, log, path }: Mending): Own {
  return async (args) => {
    const answer = await own(args);
    if (firstReport(answer.stdout)?.error?.code !== 'no-lock-program') return answer;
    const message = `${path}: there is no program flock to lock it with (util-linux or busybox); going on without`;
    log({ level: 'warning', event: 'no-lock-program', message, details: { path } });
    return own([...args, '--no-lock']);
  };
}

function firstReport(text: string): Report | undefined {
  try {
    return (JSON.parse(text) as { files: Report[] }).files[0];
  } catch {
    return undefined;
  }
}
