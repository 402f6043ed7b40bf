import type { CheckResult } from '../check/check.js';
import type { ProfileResult } from './inspect.js';
import { leaveOutRule } from './leaveout.js';

/**
 * Whether a repair would mend anything of a damaged file, or only set aside what the program stored in it.
 *
 * @param checked with the profile's findings among its own
 */
export function needsRepair({ findings }: CheckResult, profile: ProfileResult | undefined): boolean {
  const inside = profile?.findings ?? [];
  const isStructural = findings.some((one) => one.severity === 'error' && !inside.includes(one));
  return isStructural || (profile !== undefined && leaveOutRule(profile, 'fatal') !== undefined);
}

/**
 * Whether a repair mends a damaged file: it would change something, and does not refuse because next to nothing is left.
 *
 * @param checked with the profile's findings among its own
 */
export function isMendable(checked: CheckResult, profile: ProfileResult | undefined): boolean {
  return checked.unrepairable === undefined && needsRepair(checked, profile);
}
