import type { Database } from '../database/database.js';
import { placeNow } from '../database/database.js';
import type { Range } from '../source/ranges.js';

/**
 * Where a range is in the file as it lies there; in pieces where blocks changed places or bytes are gone from the middle, and
 * before 0 where the beginning is gone.
 */
export function* placesNow(db: Database, offset: number, length: number): Generator<Range> {
  const { fault, rearrangement } = db;
  if (fault !== undefined) {
    if (rearrangement === undefined) yield* fault.pieces(offset, length);
    else {
      for (const piece of rearrangement.pieces(offset, length))
        yield* fault.pieces(piece.offset, piece.length);
    }
    return;
  }
  if (rearrangement === undefined) {
    yield { offset: placeNow(db, offset), length };
    return;
  }
  for (const piece of rearrangement.pieces(offset, length))
    yield { offset: piece.offset - db.missing, length: piece.length };
}
