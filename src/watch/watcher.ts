import { stat } from 'node:fs/promises';
import type { Memory } from './decide.js';
import { decide, giveUp, NOTHING_SEEN } from './decide.js';
import type { Look } from './look.js';
import type { Mending } from './mend.js';
import { mend } from './mend.js';
import { lookAt } from './own.js';
import type { Status } from './status.js';
import { newStatus } from './status.js';

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
