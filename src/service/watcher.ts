import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Look } from './look.js';
import { lookAt } from './look.js';
import type { Mending } from './mend.js';
import { mend } from './mend.js';
import type { Outlets, Status } from './outlets.js';
import { newStatus } from './outlets.js';

/** What is to be done after a look. */
export type Step = 'rest' | 'look-again' | 'repair';

/** What is remembered of a database between looks. */
export interface Memory {
  /** The damage seen at the last look, by its digest; undefined after any other look. */
  readonly damage: string | undefined;
  /** Damage that a repair could not mend, or would not: it is not tried again until the file changes. */
  readonly hopeless: string | undefined;
}

export const NOTHING_SEEN: Memory = { damage: undefined, hopeless: undefined };

/**
 * Decides after a look. A file is damaged only if two looks in a row see the same damage of the same unchanged file and
 * nobody holds its lock: a program that is saving changes the file, or holds it.
 */
export function decide(memory: Memory, look: Look): { step: Step; memory: Memory } {
  if (look.verdict === 'changing') return { step: 'look-again', memory: { ...memory, damage: undefined } };
  if (look.verdict !== 'damaged') return { step: 'rest', memory: { ...memory, damage: undefined } };
  if (look.digest === memory.hopeless) return { step: 'rest', memory };
  // No repair mends it, and a snapshot would cost what was stored since: that it is damaged is said, and no more.
  if (look.loads && look.digest === memory.damage) {
    return { step: 'rest', memory: { damage: undefined, hopeless: look.digest } };
  }
  if (look.loads) return { step: 'look-again', memory: { ...memory, damage: look.digest } };
  // Where holders cannot be seen, the repair finds out by the lock itself.
  if (look.held === true) return { step: 'look-again', memory: { ...memory, damage: undefined } };
  const seenTwice = look.digest === memory.damage;
  return { step: seenTwice ? 'repair' : 'look-again', memory: { ...memory, damage: look.digest } };
}

/** What is remembered after a repair that did not mend the damage. */
export function giveUp(memory: Memory): Memory {
  return { damage: undefined, hopeless: memory.damage };
}

/** Watches one database, a look at a time. Holds no lock and no open file between looks, nor while it looks. */
export class Watcher {
  readonly #mending: Mending;
  readonly #lookOptions: readonly string[];
  #memory: Memory = NOTHING_SEEN;
  #status: Status;
  /** What the file was at the last look that found nothing to do. */
  #rested: string | undefined;
  #lastSaid = '';

  /** @param lookOptions options of the `look` command: profile, snapshots */
  constructor(mending: Mending, lookOptions: readonly string[]) {
    this.#mending = mending;
    this.#lookOptions = lookOptions;
    this.#status = newStatus(mending.path);
  }

  get status(): Status {
    return this.#status;
  }

  /**
   * Looks once, and repairs what two looks in a row saw.
   *
   * @returns whether another look should come soon, instead of after the usual interval
   */
  async look(): Promise<boolean> {
    const { own, path } = this.#mending;
    const before = await identity(path);
    if (before !== undefined && before === this.#rested) {
      this.#status = { ...this.#status, lookedAt: Date.now(), looks: this.#status.looks + 1 };
      return false;
    }
    const look = await lookAt(own, path, this.#lookOptions);
    const { step, memory } = decide(this.#memory, look);
    // Damage that only one look has seen may be a save that is under way.
    this.#take(look, look.verdict === 'changing' || (look.verdict === 'damaged' && step === 'look-again'));
    this.#memory = memory;
    if (step === 'rest')
      this.#rested = look.verdict === 'clean' && look.snapshotTrouble === null ? before : undefined;
    if (step === 'repair') await this.#repair(look);
    return step === 'look-again';
  }

  async #repair(look: Look): Promise<void> {
    const outcome = await mend(look, this.#mending);
    const { repairs, failedRepairs, restores } = this.#status;
    if (outcome === 'unmended' || outcome === 'prevented') {
      this.#memory = giveUp(this.#memory);
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
    this.#take(await lookAt(this.#mending.own, this.#mending.path, this.#lookOptions), false);
  }

  /**
   * Remembers a look and says what is new in it.
   *
   * @param unsure whether what was known before is still what is known
   */
  #take(look: Look, unsure: boolean): void {
    const { log, path } = this.#mending;
    const { snapshot } = look;
    const now = Date.now();
    this.#status = {
      ...this.#status,
      look: unsure ? this.#status.look : look,
      lookedAt: now,
      looks: this.#status.looks + 1,
      snapshotAt: snapshot?.taken === true ? now : this.#status.snapshotAt,
    };
    if (snapshot?.taken === true) {
      const poor = snapshot.poor === null ? '' : `, kept apart: ${snapshot.poor}`;
      log({
        level: snapshot.poor === null ? 'info' : 'warning',
        event: 'snapshot',
        message: `${path}: snapshot ${snapshot.id}, ${look.records} records${poor}`,
        details: { path, snapshot: snapshot.id, records: look.records },
      });
    }
    const said = `${look.verdict}: ${look.what}`;
    if (!unsure && said !== this.#lastSaid) {
      this.#lastSaid = said;
      const level = look.verdict === 'clean' || look.verdict === 'foreign' ? 'info' : 'warning';
      log({
        level,
        event: look.verdict,
        message: `${path}: ${look.what}`,
        details: { path, records: look.records },
      });
    }
    if (look.snapshotTrouble !== null) {
      const message = `${path}: no snapshot: ${look.snapshotTrouble}`;
      log({ level: 'warning', event: 'snapshot-failed', message, details: { path } });
    }
  }
}

/** What tells whether a file changed: inode, size, time; undefined where it cannot be seen. */
async function identity(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}`;
  } catch {
    return undefined;
  }
}

/** A second look that is wanted soon comes after so many milliseconds, or the interval if that is shorter. */
const SOON = 2000;

/** A timer knows no more milliseconds; with more it would not wait at all. */
const LONGEST = 2 ** 31 - 1;

/**
 * Looks at databases every so many milliseconds until it is told to end. What one look throws is logged and ends
 * nothing.
 */
export async function watchLoop(
  watchers: readonly Watcher[],
  outlets: Outlets,
  interval: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const soon = await lookAtAll(watchers, outlets);
    await sleepFor(soon ? Math.min(SOON, interval) : interval, signal);
  }
}

async function sleepFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  for (let left = milliseconds; left > 0 && !signal.aborted; left -= LONGEST) {
    await sleep(Math.min(left, LONGEST), undefined, { signal }).catch(() => {});
  }
}

/** One look at each; whether another one should come soon. */
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
  await outlets.tell(watchers.map(({ status }) => status));
  return soon;
}
