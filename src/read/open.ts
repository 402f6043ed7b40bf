import type { ExaminedSurvey } from '../check/examination.js';
import type { Database } from '../database/database.js';
import { openProved, openSearched } from '../examine.js';
import type { Source } from '../source/source.js';
import type { Report } from '../source/sweep.js';

/** A database that is open for reading: proved to be in order, or damaged. */
export interface Opened {
  readonly db: Database;
  /** The buckets that were found, with every element examined; undefined where all is proved. */
  readonly survey?: ExaminedSurvey | undefined;
}

/**
 * Opens a database. All of it is proved or else examined before the first record is given: in a file whose blocks changed
 * places a value may be another record's, though its key and its bucket are in order.
 *
 * @returns undefined if nothing in the file speaks for the format
 * @throws SourceError if the source cannot be read
 */
export async function openForReading(source: Source, report?: Report): Promise<Opened | undefined> {
  const proved = await openProved(source, report);
  // The proof itself takes memory, and is not needed.
  return proved === undefined ? openSearched(source, report) : { db: proved.db };
}
