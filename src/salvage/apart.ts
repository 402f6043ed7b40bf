import type { BucketExamination } from '../check/bucket.js';
import type { ExaminedSurvey } from '../check/examination.js';
import { examine } from '../check/examination.js';
import { examineBuckets } from '../check/bucket.js';
import { HashClaims } from '../database/claims.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';

/** Buckets that were examined each by itself. */
export interface Apart {
  readonly db: Database;
  readonly survey: ExaminedSurvey;
}

/**
 * Examines each bucket by itself, as if no other one owned its hashes: only the proof of each key counts.
 *
 * @throws SourceError if the source cannot be read
 */
export async function setApart(db: Database, sites: readonly BucketSite[]): Promise<Apart> {
  const apart = { ...db, directory: new Float64Array(0) };
  const survey = { sites, siteOfSlot: new Int32Array(0), claims: new HashClaims() };
  return { db: apart, survey: { ...survey, examination: await examine(apart, survey) } };
}

/** Yields the examination of each bucket by itself; see {@link setApart}. */
export async function* examineApart(
  db: Database,
  sites: readonly BucketSite[],
): AsyncGenerator<BucketExamination> {
  const apart = await setApart(db, sites);
  yield* examineBuckets(apart.db, apart.survey);
}
