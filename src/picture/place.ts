import type { Database } from '../database/database.js';
import { placeNow } from '../database/database.js';
import type { Range } from '../source/gather.js';

/** Where a range is in the file as it lies there; in pieces where blocks changed places, and before 0 where it is gone. */
export function* placesNow(db: Database, offset: number, length: number): Generator<Range> {
  const { rearrangement } = db;
  if (rearrangement === undefined) {
    yield { offset: placeNow(db, offset), length };
    return;
  }
  const { blocks } = rearrangement;
  for (let at = offset; at < offset + length;) {
    const end = Math.min(offset + length, blocks.startOf(blocks.blockOf(at) + 1));
    yield { offset: placeNow(db, at), length: end - at };
    at = end;
  }
}
