import type { Look } from './look.js';

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
