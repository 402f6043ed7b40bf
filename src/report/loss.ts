import type { CheckResult } from '../check/check.js';
import type { LostRecords } from '../check/losses.js';
import { number } from './number.js';

/**
 * How many records a repair cannot bring back, in one sentence without an end.
 *
 * @param kept records of the damaged file that are kept
 */
export function lossText(lost: LostRecords, kept: number): string {
  const { records, estimated, recovered, missing, likelyDamaged } = lost;
  if (missing === null) return 'how many records cannot be told: nothing is left to count them by';
  const all = kept + records + (estimated ?? 0);
  const about = estimated === 0 ? '' : 'about ';
  const parts = [
    missing === 0
      ? `no record that is known of${recovered > 0 ? ' any more' : ''}`
      : `${about}${number(missing)} of ${number(all)} records`,
  ];
  if (likelyDamaged > 0) {
    parts.push(`about ${number(likelyDamaged)} of the others have a damaged value that nothing shows`);
  }
  return parts.join('; ');
}

/** Whether anything is lost, or probably damaged. */
export function isLoss({ records, estimated, likelyDamaged }: LostRecords): boolean {
  return records > 0 || estimated !== 0 || likelyDamaged > 0;
}

/** Reasons that say nothing of the bytes of other records. */
const HARMLESS = ['leftOut', 'crowded'];

/** Whether nothing speaks against it that each kept record has the bytes that were stored. */
export function isUndoubted(
  { reasons, uncovered, likelyDamaged }: LostRecords,
  { findingCounts }: CheckResult,
): boolean {
  const isMoved = findingCounts['block-moved'] !== undefined || findingCounts['bytes-missing'] !== undefined;
  const isLost = Object.keys(reasons).some((reason) => !HARMLESS.includes(reason));
  return !isLost && uncovered === 0 && likelyDamaged === 0 && !isMoved;
}
