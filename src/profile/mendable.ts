import type { CheckResult } from '../check/check.js';
import type { ProfileResult } from './inspect.js';
import { filterFor } from './leaveout.js';

/**
 * Whether a repair would change anything of a damaged file: it leaves every value of a shelve as it is.
 *
 * @param checked with the profile's findings among its own
 */
export function isMendable({ findings }: CheckResult, profile: ProfileResult | undefined): boolean {
  const inside = profile?.findings ?? [];
  const isStructural = findings.some((one) => one.severity === 'error' && !inside.includes(one));
  return isStructural || (profile !== undefined && filterFor(profile) !== undefined);
}
