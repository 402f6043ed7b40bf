import type { WalkLoss } from '../exchange/batch.js';
import { number } from '../report/number.js';

/** What a walk through a damaged database could not give, in numbers; undefined where it gave all. */
export function lossText({ records, incomplete }: WalkLoss): string | undefined {
  const parts = [
    ...(records > 0 ? [`${number(records)} ${records === 1 ? 'record' : 'records'} cannot be proved`] : []),
    ...(incomplete ? ['some buckets are gone'] : []),
  ];
  return parts.length === 0 ? undefined : parts.join(' and ');
}
