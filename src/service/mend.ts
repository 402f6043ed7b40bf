import { RefusedError } from '../store/errors.js';
import { nameOf, newestGood } from '../store/folder.js';
import type { Contents } from '../store/snapshot.js';
import { contentsText } from '../store/snapshot.js';
import type { CommandResult, Look, RunCommand } from './look.js';
import { lookAt, withoutPath } from './look.js';
import { thisMachine } from './machine.js';
import type { Log } from './outlets.js';

/** The newest good snapshot of a database. */
export interface BestSnapshot extends Contents {
  readonly id: string;
  /** When it was taken. */
  readonly time?: Date;
  readonly path: string;
}

/** Records that a repair could not recover. */
export interface Loss {
  /** Records that are known to be lost. */
  readonly records: number;
  /**
   * Estimated number of records that were lost without a trace: 0 if every hash has its bucket, null if there is no
   * estimate.
   */
  readonly estimated: number | null;
}

/** Programs whose few records are one state: an older state with more records is no gain. */
export const ONE_STATE: readonly string[] = ['flower', 'celerybeat'];

/** Profiles that say nothing about the program: it may have left few records, or none, on purpose. */
const UNKNOWN = ['none', 'shelve'];

/**
 * Decides whether a snapshot takes the place of a database. A snapshot is older than the database, so it brings back
 * records that were deleted since and lacks records that were added since. More records alone are no reason: a queue or a
 * cache shrinks.
 *
 * - A database that is missing, or could not be repaired, has nothing to lose. But if its program loads it all the same,
 *   every whole value could be lost.
 * - Nor has a database without anything that its program can use, if it is known what that program needs.
 * - After a repair that lost records, a snapshot with more records wins if they are no more than the kept and the lost ones
 *   together: else the database had shrunk since, and the snapshot is of another time. Records that were lost without a
 *   trace are only estimated, and count twice.
 *
 * @param look after the repair, if there was one
 * @param loss by the repair; undefined if there was none
 */
export function isGain(best: Pick<BestSnapshot, 'records'>, look: Look, loss: Loss | undefined): boolean {
  if (best.records === 0) return false;
  if (look.verdict === 'missing' || (look.verdict === 'damaged' && !look.loads)) return true;
  if (look.verdict !== 'clean' && look.verdict !== 'other-machine' && !look.loads) return false;
  const empty = look.records === 0;
  const isUsable = look.usable || look.loads;
  if ((empty || !isUsable) && !UNKNOWN.includes(look.profile)) return true;
  if (loss === undefined || (loss.records === 0 && loss.estimated === 0)) return false;
  if (empty) return true;
  if (ONE_STATE.includes(look.profile) || look.records >= best.records) return false;
  if (loss.estimated === null) return true;
  return best.records <= look.records + loss.records + 2 * loss.estimated;
}

/** Needs of a repair of one database. */
export interface Mending {
  readonly run: RunCommand;
  readonly log: Log;
  readonly path: string;
  /** Options for each of our own commands that looks into the file, such as `--profile flower`. */
  readonly profileOptions: readonly string[];
  /** Options that name the folder of the snapshots. */
  readonly folderOptions: readonly string[];
  /** Options that limit the snapshots. */
  readonly limitOptions?: readonly string[];
  /** Options of a repair: what it adds, and the loss that it refuses. */
  readonly repairOptions?: readonly string[];
  /** Records that repairs lost so far. */
  readonly counts?: { lost: number };
  readonly bestSnapshot: () => Promise<BestSnapshot | undefined>;
}

/**
 * Result of {@link mend}:
 *
 * - `sound`: nothing was to be done.
 * - `repaired`: from the file's own bytes.
 * - `restored`: from a snapshot.
 * - `converted`: written as this machine's libgdbm has it, with every record.
 * - `unmended`: the file is beyond repair, and unchanged.
 * - `prevented`: the repair could not be carried out (a full volume, no permission, an error of its own), which says nothing
 *   about the file; it is unchanged.
 * - `busy`: a program holds it or wrote to it since the look; the next looks tell more.
 */
export type Outcome = 'sound' | 'repaired' | 'restored' | 'converted' | 'unmended' | 'prevented' | 'busy';

/** The one file in a report of `repair --json` or `restore --json`. */
interface Report {
  readonly action?: string;
  readonly reason?: string | null;
  readonly kept?: number;
  readonly lost?: number;
  /** The share of all hashes that no bucket covers, and an estimate of their records. */
  readonly lostDetail?: { readonly uncovered: number; readonly estimated: number | null };
  readonly backup?: string | null;
  readonly quarantine?: string | null;
  /** Verdict on the fresh file. */
  readonly verified?: { readonly verdict: string } | null;
  readonly error?: { readonly code: string; readonly message?: string };
}

/** Error codes that mean that somebody uses the file, not that it cannot be repaired. */
const BUSY = ['locked', 'changed'];

/**
 * Makes a database usable: repairs it from the bytes of the file, and restores a snapshot if the repair lost what the
 * snapshot has (`isGain`). Both keep the previous file as a backup.
 *
 * Each takes the exclusive lock, and goes on only if the file is unchanged since the look. That excludes a second watcher
 * of the same file, and a program that began to save in between. Because a program may not lock at all, the file is
 * compared once more before the fresh one takes its name.
 *
 * A file of another kind of machine is converted then: libgdbm here opens neither it nor its snapshots.
 *
 * @param look the last look
 * @param atRest whether the program of the database is known not to run, so that no lock is needed if no program can take one
 */
export async function mend(look: Look, mending: Mending, atRest = false): Promise<Outcome> {
  const run = atRest ? lockingIfPossible(mending) : mending.run;
  const outcome = await mendHere(look, mending, run);
  if (outcome === 'unmended' || outcome === 'prevented' || outcome === 'busy') return outcome;
  const { path, profileOptions } = mending;
  const now = outcome === 'sound' ? look : await lookAt(run, path, ['--no-snapshot', ...profileOptions]);
  return now.verdict === 'other-machine' ? convert(now, { ...mending, run }) : outcome;
}

/** Repairs or restores a database, as its own kind of machine has it. */
async function mendHere(look: Look, mending: Mending, run: RunCommand): Promise<Outcome> {
  const { path, profileOptions, repairOptions = [] } = mending;
  let now = look;
  let outcome: Outcome = 'sound';
  let loss: Loss | undefined;
  const best = await mending.bestSnapshot();
  // An empty file has nothing to repair.
  const emptied = look.size === 0 && best !== undefined;
  if (look.verdict === 'damaged' && !emptied) {
    // Only values that keep the program from starting are removed, because nobody is there to bring them back. The repair
    // may end without records: the comparison with the snapshot follows below.
    const options = ['--only-fatal', '--empty', ...ifState(look), ...profileOptions, ...repairOptions];
    const result = await run(['repair', '--json', ...options, path]);
    const report = firstReport(result.stdout);
    if (report?.action === 'repaired') {
      outcome = 'repaired';
      loss = lossOf(report);
      if (mending.counts !== undefined) mending.counts.lost += loss.records + (loss.estimated ?? 0);
      logRepair(mending, report, loss, look.size === 0);
    } else if (isBusy(report)) {
      logBusy(mending, report);
      return 'busy';
    } else if (result.code !== 0 || report?.action !== 'none' || report.reason !== null) {
      outcome = failureOf(report);
      const message = `${path}: not repaired: ${whyFailed(mending, report, result)}`;
      mending.log({ level: 'error', event: 'repair-failed', message, details: { path }, hourly: true });
    }
    now = await lookAt(run, path, ['--no-snapshot', ...profileOptions]);
  }
  if (best === undefined || !isGain(best, now, loss)) {
    if (loss !== undefined) await keepApart(now, loss, mending);
    return outcome;
  }
  const restored = await restore(best, now, { ...mending, run });
  if (restored === 'restored' || restored === 'busy') return restored;
  if (loss !== undefined) await keepApart(now, loss, mending);
  return outcome === 'repaired' || outcome === 'prevented' ? outcome : restored;
}

/** A repair that lost more than this share of the records leaves no good state. */
const MUCH = 0.1;

/** Keeps the result of a repair that lost much as a poor snapshot: its bytes are then not taken for a good state. */
async function keepApart({ records }: Look, loss: Loss, mending: Mending): Promise<void> {
  const { run, path, profileOptions, folderOptions, limitOptions = [] } = mending;
  const lost = loss.records + (loss.estimated ?? 0);
  if (loss.estimated !== null && lost <= MUCH * (records + lost)) return;
  const why = `a repair lost ${loss.estimated === null ? 'an unknown number of' : lost} records`;
  await lookAt(run, path, [`--poor=${why}`, ...profileOptions, ...folderOptions, ...limitOptions]);
}

/**
 * Brings a snapshot back.
 *
 * @param look of the database that it replaces, whose state must still be the one in the look
 */
export async function restore(
  best: Omit<BestSnapshot, 'path'>,
  look: Pick<Look, 'state' | 'verdict' | 'records' | 'tasks'>,
  mending: Mending,
): Promise<'restored' | 'unmended' | 'prevented' | 'busy'> {
  const { run, log, path, folderOptions } = mending;
  const result = await run(['restore', '--json', '--at', best.id, ...ifState(look), ...folderOptions, path]);
  const report = firstReport(result.stdout);
  const details = { path, snapshot: best.id, records: best.records };
  if (result.code === 0 && report?.action === 'restored') {
    // It may be of the time before an upgrade of its program.
    const hours = (Date.now() - (best.time?.getTime() ?? 0)) / 3_600_000;
    const taken = best.time === undefined ? '' : `, taken ${hours.toFixed(1)} hours ago`;
    const message =
      `${path}: the snapshot ${best.id} is back, with ${contentsText(best)}${taken}; the file had ` +
      `${look.verdict === 'clean' ? contentsText(look) : 'none that can be used'}`;
    log({ level: 'warning', event: 'restored', message, details });
    return 'restored';
  }
  if (isBusy(report)) {
    logBusy(mending, report);
    return 'busy';
  }
  // The file is what the snapshot is already.
  if (result.code === 0 && report?.action === 'none') return 'restored';
  const message = `${path}: snapshot ${best.id} not brought back: ${whyFailed(mending, report, result)}`;
  log({ level: 'error', event: 'restore-failed', message, details, hourly: true });
  return failureOf(report);
}

/** Writes a sound database of another kind of machine as this one has it. The file as it was stays as a backup. */
async function convert(look: Look, mending: Mending): Promise<Outcome> {
  const { run, log, path } = mending;
  const result = await run(['repair', '--json', `--for=${thisMachine()}`, ...ifState(look), path]);
  const report = firstReport(result.stdout);
  if (report?.action === 'converted') {
    const { kept = 0, backup = null } = report;
    const message = `${path}: converted for this machine, with all ${kept} records. As it was: ${backup ?? 'not kept'}`;
    log({ level: 'warning', event: 'converted', message, details: { path, kept, backup } });
    return 'converted';
  }
  if (isBusy(report)) {
    logBusy(mending, report);
    return 'busy';
  }
  const message = `${path}: not converted for this machine: ${whyFailed(mending, report, result)}`;
  log({ level: 'error', event: 'convert-failed', message, details: { path }, hourly: true });
  return 'prevented';
}

function logRepair({ log, path }: Mending, report: Report, { estimated }: Loss, wasEmpty: boolean): void {
  const { kept = 0, lost = 0, backup = null, quarantine = null } = report;
  // A file of no bytes had no hashes to lose.
  const isComplete = estimated === 0 || wasEmpty;
  const unseen = isComplete ? '' : `, and ${estimated ?? 'an unknown number'} without a trace`;
  const aside = quarantine === null ? '' : `. What the program cannot load: ${quarantine}`;
  const message = `${path}: repaired; ${kept} records kept, ${lost} lost${unseen}. As it was: ${backup ?? 'not kept'}${aside}`;
  log({ level: 'warning', event: 'repaired', message, details: { path, kept, lost, backup, quarantine } });
}

function logBusy({ log, path }: Mending, report: Report | undefined): void {
  const why = withoutPath(report?.error?.message ?? 'it is in use', path);
  log({
    level: 'info',
    event: 'busy',
    message: `${path}: left alone for now: ${why}`,
    details: { path },
    hourly: true,
  });
}

/** The reason in the report, or what the command printed. */
function whyFailed({ path }: Mending, report: Report | undefined, { code, said }: CommandResult): string {
  const why = report?.reason ?? report?.error?.message ?? said;
  return why === '' ? `it ended with ${code}` : withoutPath(why, path);
}

/** Distinguishes a file that is beyond repair from a repair or a restore that could not be carried out. */
function failureOf(report: Report | undefined): 'unmended' | 'prevented' {
  return report === undefined || report.error !== undefined ? 'prevented' : 'unmended';
}

function ifState({ state }: Pick<Look, 'state'>): string[] {
  return state === '' ? [] : [`--if-state=${state}`];
}

function isBusy(report: Report | undefined): boolean {
  return report?.error !== undefined && BUSY.includes(report.error.code);
}

function lossOf({ lost = 0, lostDetail }: Report): Loss {
  const { uncovered = 0, estimated = 0 } = lostDetail ?? {};
  // Hashes without a bucket are a loss even if the estimate is below one record.
  return {
    records: lost,
    estimated: uncovered === 0 ? 0 : estimated === null ? null : Math.max(1, estimated),
  };
}

/** Runs a command again without a lock if it failed only because no program can take one. */
function lockingIfPossible({ run, log, path }: Mending): RunCommand {
  return async (args) => {
    const result = await run(args);
    if (firstReport(result.stdout)?.error?.code !== 'no-lock-program') return result;
    const message = `${path}: there is no program flock to lock it with (util-linux or busybox); going on without`;
    log({ level: 'warning', event: 'no-lock-program', message, details: { path } });
    return run([...args, '--no-lock']);
  };
}

function firstReport(text: string): Report | undefined {
  try {
    return (JSON.parse(text) as { files: Report[] }).files[0];
  } catch {
    return undefined;
  }
}

/**
 * Writes the repaired copy of a file, or the copy of a sound one, to a new file, as this machine's libgdbm has it.
 *
 * @returns the records that it lacks; undefined if nothing was written
 */
export async function copyOut(from: string, to: string, mending: Mending): Promise<Loss | undefined> {
  const { profileOptions, repairOptions = [] } = mending;
  const options = ['--only-fatal', '--empty', ...profileOptions, ...repairOptions, `--output=${to}`];
  const { stdout } = await lockingIfPossible(mending)(['repair', '--json', ...options, from]);
  const report = firstReport(stdout);
  if (report?.action !== 'repaired') return undefined;
  if (report.verified?.verdict === 'foreign')
    await lockingIfPossible(mending)(['repair', '--json', `--for=${thisMachine()}`, to]);
  return lossOf(report);
}

/** Finds the newest good snapshot that is intact; logs once why others are not used. */
export function bestSnapshotOf(path: string, dir: string | undefined, log: Log): Mending['bestSnapshot'] {
  const logged = new Set<string>();
  const warn = (event: string, message: string) => {
    if (!logged.has(message)) log({ level: 'warning', event, message, details: { path } });
    logged.add(message);
  };
  return async (): Promise<BestSnapshot | undefined> => {
    try {
      const { folder, other, untrusted, newest, damaged } = await newestGood(path, dir);
      if (other !== undefined) {
        const whose = `${folder}: expected snapshots of ${path}, found those of ${nameOf(other)}`;
        warn('another-database', `${whose}; none is brought back. Name another folder with --snapshots DIR.`);
        return undefined;
      }
      for (const { path: one, why } of untrusted)
        warn('snapshot-not-trusted', `${one}: this snapshot is not used: ${why}`);
      for (const { path: one } of damaged) warn('snapshot-damaged', `${one}: this snapshot is damaged`);
      return newest;
    } catch (error) {
      if (error instanceof RefusedError && error.code === 'not-trusted') {
        warn('snapshots-not-trusted', error.message);
      }
      // A folder that cannot be read is as good as none; a look that wants to write there reports it.
      return undefined;
    }
  };
}
