import { examine } from '../check/examination.js';
import type { BucketExamination } from '../check/bucket.js';
import { examineBuckets } from '../check/judge.js';
import { HashClaims } from '../database/claims.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/survey.js';

/**
 * Examines buckets each by itself, as if none ruled over another: what counts is only whether a key is proved.
 *
 * @throws SourceError if the source cannot be read
 */
export async function* examineApart(
  db: Database,
  sites: readonly BucketSite[],
): AsyncGenerator<BucketExamination> {
  const apart = { ...db, directory: new Float64Array(0) };
  const survey = { sites, siteOfSlot: new Int32Array(0), claims: new HashClaims() };
  yield* examineBuckets(apart, { ...survey, examination: await examine(apart, survey) });
}
