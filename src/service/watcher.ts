import { setTimeout as sleep } from 'node:timers/promises';
import { stateOf } from '../store/held.js';
import { shellPath } from '../report/escape.js';
import { contentsText } from '../store/snapshot.js';
import type { Look } from './look.js';
import { isInUse, lookAt } from './look.js';
import type { Mending } from './mend.js';
import { mend, ONE_STATE } from './mend.js';
import type { Outlets, Status } from './outlets.js';
import { newStatus } from './outlets.js';

/** The step after a look. */
export type Step = 'rest' | 'look-again' | 'repair';

/** Memory of a database between looks. */
export interface Memory {
  /** Digest of the damage at the last look; undefined after any other look. */
  readonly damage: string | undefined;
  /** Damage that a repair could not or would not mend. */
  readonly hopeless: string | undefined;
  /** Looks until the repair of such damage is tried again; infinite if the file must change first. */
  readonly rests: number;
}

export const NOTHING_SEEN: Memory = { damage: undefined, hopeless: undefined, rests: Infinity };

/** Looks between two tries of a repair that its place prevents, as a full volume does: the place may be well by then. */
const RESTS = 4;

/** A sound database that a known program emptied, as Flower does before it saves, while a good snapshot has more. */
function isEmptied({ verdict, records, profile, snapshot }: Look): boolean {
  return (
    verdict === 'clean' && records === 0 && ONE_STATE.includes(profile) && typeof snapshot?.poor === 'string'
  );
}

/**
 * Decides what follows a look. A file is mended only if two looks in a row see the same damage of the same unchanged file
 * and nobody holds its lock: a program that is saving changes the file, or holds it. An emptied database counts as damaged.
 */
export function decide(memory: Memory, look: Look): { step: Step; memory: Memory } {
  if (look.verdict === 'changing') return { step: 'look-again', memory: { ...memory, damage: undefined } };
  const emptied = isEmptied(look);
  if (look.verdict !== 'damaged' && !emptied)
    return { step: 'rest', memory: { ...memory, damage: undefined } };
  if (look.digest === memory.hopeless) {
    const rests = memory.rests - 1;
    return rests > 0
      ? { step: 'rest', memory: { ...memory, rests } }
      : { step: 'look-again', memory: { ...NOTHING_SEEN, damage: look.digest } };
  }
  // No repair would change it, and a snapshot would cost what was stored since: the damage is only reported.
  if (look.loads && look.digest === memory.damage) {
    return { step: 'rest', memory: { ...NOTHING_SEEN, hopeless: look.digest } };
  }
  if (look.loads) return { step: 'look-again', memory: { ...memory, damage: look.digest } };
  // If other processes cannot be seen, the repair finds out by the lock.
  if (isInUse(look) || (emptied && look.use === 'open'))
    return { step: 'look-again', memory: { ...memory, damage: undefined } };
  const seenTwice = look.digest === memory.damage;
  return { step: seenTwice ? 'repair' : 'look-again', memory: { ...memory, damage: look.digest } };
}

/** The memory after a repair that failed, or that its place prevented. */
export function giveUp({ damage }: Memory, outcome: 'unmended' | 'prevented'): Memory {
  return { damage: undefined, hopeless: damage, rests: outcome === 'prevented' ? RESTS : Infinity };
}

/** Watches one database, a look at a time. Holds no lock and no open file, neither between looks nor during one. */
export class Watcher {
  readonly #mending: Mending;
  readonly #lookOptions: readonly string[];
  #memory: Memory = NOTHING_SEEN;
  #status: Status;
  /** State of the file at the last look that found nothing to do. */
  #cleanState: string | undefined;
  #lastLogged = '';
  /** Number of changes of state that were logged: what lasts since the last one is logged once an hour. */
  #changes = 0;
  /** Looks in a row that left the verdict open. */
  #unsure = 0;

  /**
   * @param lookOptions options of the `look` command: profile, snapshots
   * @param ownPath the program's own database, if the watched one stands in for it
   */
  constructor(mending: Mending, lookOptions: readonly string[], ownPath?: string) {
    this.#mending = mending;
    this.#lookOptions = lookOptions;
    this.#status = ownPath === undefined ? newStatus(mending.path) : newStatus(ownPath, mending.path);
  }

  get status(): Status {
    return { ...this.#status, lost: this.#mending.counts?.lost ?? 0 };
  }

  /**
   * Looks once, and repairs damage that two looks in a row saw.
   *
   * @returns whether another look should follow soon, instead of after the usual interval
   */
  async look(): Promise<boolean> {
    const { run, path } = this.#mending;
    const before = await stateOf(path);
    if (before !== undefined && before === this.#cleanState) {
      const now = Date.now();
      this.#status = { ...this.#status, lookedAt: now, goodAt: now, looks: this.#status.looks + 1 };
      if (this.#status.look !== undefined) this.#logFinding(this.#status.look);
      return false;
    }
    const look = await lookAt(run, path, ['--holders', ...this.#lookOptions]);
    const { step, memory } = decide(this.#memory, look);
    // Damage that only one look has seen may be a save in progress.
    this.#record(look, look.verdict === 'changing' || (look.verdict === 'damaged' && step === 'look-again'));
    this.#memory = memory;
    if (step === 'rest') this.#cleanState = isAtRest(look) ? before : undefined;
    if (step === 'repair') await this.#repair(look);
    return step === 'look-again';
  }

  async #repair(look: Look): Promise<void> {
    const outcome = await mend(look, this.#mending);
    const { repairs, failedRepairs, restores } = this.#status;
    if (outcome === 'unmended' || outcome === 'prevented' || (outcome === 'sound' && isEmptied(look))) {
      this.#memory = giveUp(this.#memory, outcome === 'prevented' ? outcome : 'unmended');
      this.#status = { ...this.#status, failedRepairs: failedRepairs + 1 };
      return;
    }
    this.#memory = NOTHING_SEEN;
    if (outcome === 'busy') return;
    this.#status = {
      ...this.#status,
      repairs: repairs + (outcome === 'sound' ? 0 : 1),
      restores: restores + (outcome === 'restored' ? 1 : 0),
    };
    this.#record(await lookAt(this.#mending.run, this.#mending.path, this.#lookOptions), false);
  }

  /**
   * Records a look and logs what is new in it.
   *
   * @param isUnsure whether the previous verdict stays in force
   */
  #record(look: Look, isUnsure: boolean): void {
    const { log, path } = this.#mending;
    this.#unsure = isUnsure ? this.#unsure + 1 : 0;
    if (this.#unsure >= UNSURE) logUnsure(this.#mending, look);
    // The number of records of a sound database is no change of its state.
    const finding = look.verdict === 'clean' ? look.verdict : `${look.verdict}: ${look.what}`;
    const isNew = !isUnsure && finding !== this.#lastLogged;
    if (isNew) {
      this.#lastLogged = finding;
      this.#changes++;
    }
    const { snapshot } = look;
    const now = Date.now();
    this.#status = {
      ...this.#status,
      look: isUnsure ? this.#status.look : look,
      lookedAt: now,
      looks: this.#status.looks + 1,
      snapshotAt: snapshot?.taken === true ? now : this.#status.snapshotAt,
      goodAt: isProtected(look) ? now : this.#status.goodAt,
    };
    if (snapshot?.taken === true) {
      const back = `gdbm-doctor restore ${shellPath(path)}, while the program is stopped`;
      const poor =
        snapshot.poor === null ? '' : `, kept apart: ${snapshot.poor}. To bring the good one back: ${back}`;
      log({
        level: snapshot.poor === null ? 'info' : 'warning',
        event: 'snapshot',
        // A program that saves each minute has a snapshot each minute.
        ...(snapshot.poor === null && { hourly: `snapshots of ${path} since change ${this.#changes}` }),
        message: `${path}: snapshot ${snapshot.id}, ${contentsText(look)}${poor}`,
        details: { path, snapshot: snapshot.id, records: look.records },
      });
    }
    const removed = snapshot?.removedBackups ?? [];
    if (removed.length > 0) {
      const message = `${path}: older backups are removed, as --keep and --max-bytes say: ${removed.join(', ')}`;
      log({ level: 'info', event: 'backups-removed', message, details: { path, removed: removed.length } });
    }
    if (isNew || (!isUnsure && look.verdict === 'clean')) this.#logFinding(look);
    if (look.snapshotTrouble !== null) {
      const message = `${path}: no snapshot: ${look.snapshotTrouble}`;
      log({ level: 'warning', event: 'snapshot-failed', message, details: { path }, hourly: true });
    }
  }

  /** Logs the state of the database; of a sound one a line an hour. */
  #logFinding(look: Look): void {
    const { log, path } = this.#mending;
    log({
      ...(look.verdict === 'clean' && { hourly: `${path} is sound since change ${this.#changes}` }),
      level: look.verdict === 'clean' ? 'info' : 'warning',
      event: look.verdict,
      message: `${path}: ${look.what}`,
      details: { path, records: look.records },
    });
  }
}

/** True if the newest good snapshot has what the look saw. */
function isProtected({ verdict, snapshot, snapshotTrouble }: Look): boolean {
  return verdict === 'clean' && snapshot?.poor === null && snapshotTrouble === null;
}

/** True if the same state of the file tells that it is as it was: a program that has it open may write through mmap. */
function isAtRest(look: Look): boolean {
  return isProtected(look) && (look.use === 'none' || look.use === null);
}

/** Looks in a row without a verdict, after which the log says so. */
const UNSURE = 3;

/** Logs a state that cannot be judged, once an hour while it lasts. */
function logUnsure({ log, path }: Mending, { verdict, what, holder }: Look): void {
  const user = holder === null ? '' : `; in use by ${holder}`;
  const message =
    verdict === 'changing'
      ? `${path}: no snapshot: it is written to at each look, and no copy of it is sound`
      : `${path}: ${what}${user}; not judged as long as it is`;
  log({ level: 'warning', event: 'not-judged', message, details: { path, holder }, hourly: true });
}

/** Milliseconds before a second look that should follow soon; less if the interval is shorter. */
const SOON = 2000;

/** Milliseconds that a timer can wait, at most; with more it does not wait at all. */
const LONGEST = 2 ** 31 - 1;

/** Looks at databases every so many milliseconds until the signal. A look that throws is logged and ends nothing. */
export async function watchLoop(
  watchers: readonly Watcher[],
  outlets: Outlets,
  interval: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const soon = await lookAtAll(watchers, outlets);
    let left = soon ? Math.min(SOON, interval) : interval;
    for (; left > 0 && !signal.aborted; left -= LONGEST)
      await sleep(Math.min(left, LONGEST), undefined, { signal }).catch(() => {});
  }
}

/** Looks once at each database. Returns whether another look should follow soon. */
export async function lookAtAll(watchers: readonly Watcher[], outlets: Outlets): Promise<boolean> {
  let soon = false;
  for (const watcher of watchers) {
    try {
      soon = (await watcher.look()) || soon;
    } catch (error) {
      const message = `${watcher.status.path}: the look failed: ${String(error)}`;
      outlets.log({ level: 'error', event: 'look-failed', message });
    }
  }
  await outlets.publish(watchers.map(({ status }) => status));
  return soon;
}
