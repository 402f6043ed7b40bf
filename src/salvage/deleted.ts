import type { Database } from '../database/database.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { freedElements } from './freed.js';
import type { SalvagedBatch } from './salvage.js';

/** With less the hash of a key says nothing: half of all keys have a home as near to any element. */
const TELLING_BITS = 1;

/**
 * Records whose element was freed and whose key is still there: the hash is computed again from the bytes that the element
 * points at, and must be one of the bucket's own range, with a home position from which the element's place is reached. Of
 * the value nothing is proved: its space may have been used again. `findOld` tells more, and more of them.
 */
export async function* salvageDeleted(db: Database, survey: SearchedSurvey): AsyncGenerator<SalvagedBatch> {
  const sound = [...survey.sites, ...survey.stale].filter(({ state }) => state === 'sound');
  yield* freedElements(db, sound, {
    isWanted: ({ keyFits, belongs, homeBits }) => keyFits && belongs !== false && homeBits >= TELLING_BITS,
  });
}
