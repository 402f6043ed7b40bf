import { setTimeout as sleep } from 'node:timers/promises';
import { isGain } from '../watch/gain.js';
import type { Look } from '../watch/look.js';
import type { Mending, Outcome } from '../watch/mend.js';
import { mend } from '../watch/mend.js';
import { lookAt } from '../watch/own.js';

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
