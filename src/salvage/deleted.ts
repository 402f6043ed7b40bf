import type { Database } from '../database/database.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { freedElements } from './freed.js';
import type { SalvagedBatch } from './salvage.js';

/**
 * Records whose element was freed and whose key is still there. The hash is computed again from the bytes that the
 * element points at; it must be in the bucket's own range, with a home position from which the element's place is
 * reached. Nothing is proved about the value, whose space may have been used again. `findOld` finds more of these
 * records, with more evidence.
 */
export async function* salvageDeleted(db: Database, survey: SearchedSurvey): AsyncGenerator<SalvagedBatch> {
  const sound = [...survey.sites, ...survey.stale].filter(({ state }) => state === 'sound');
  yield* freedElements(db, sound, {
    isWanted: ({ keyFits, belongs }) => keyFits && belongs !== false,
  });
}
