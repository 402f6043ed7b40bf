import type { CheckResult } from './check/check.js';
import { checkDatabase, checkEmpty, checkOther } from './check/check.js';
import type { SiteVerdict } from './check/bucket.js';
import type { Judge } from './check/libgdbm.js';
import type { Report } from './source/sweep.js';
import { openProved, openSearched } from './examine.js';
import type { LostElement } from './profile/detect.js';
import type { ProfileResult } from './profile/inspect.js';
import { checkProfile } from './profile/inspect.js';
import type { ProfileName } from './profile/profiles.js';
import { PROFILE_NAMES } from './profile/profiles.js';
import { salvageProved } from './salvage/proved.js';
import { salvage } from './salvage/salvage.js';
import type { Source } from './source/source.js';

/** The wanted profile; `auto` finds it by the keys. */
export type WantedProfile = ProfileName | 'auto';

/** @throws RangeError where it is none */
export function requireProfile(wanted: WantedProfile): void {
  const names = ['auto', ...PROFILE_NAMES];
  if (!names.includes(wanted)) {
    throw new RangeError(`expected as profile one of ${names.join(', ')}, found "${wanted}"`);
  }
}

/** A check of the file's structure, and of what is inside for the program it belongs to. */
export interface CheckedContents {
  /** The check of the structure. */
  readonly checked: CheckResult;
  /** Undefined where it was not asked for, or there is no database. */
  readonly profile: ProfileResult | undefined;
}

/** Lost elements remembered to find the profile by; the databases that they tell have a handful of keys. */
const LOST_KEPT = 64;

/**
 * Checks a file, then what its records hold for the program that it belongs to. Reads only.
 *
 * @param judge the machine whose libgdbm is to use it; where it is left out the structure alone is judged
 * @throws SourceError if the source cannot be read
 * @throws RangeError if there is no such profile
 */
export async function checkContents(
  source: Source,
  wanted: WantedProfile,
  report?: Report,
  judge?: Judge,
): Promise<CheckedContents> {
  requireProfile(wanted);
  if (source.size === 0) return { checked: checkEmpty(), profile: undefined };
  const name = wanted === 'auto' ? undefined : wanted;
  const proved = await openProved(source, report, undefined, judge);
  if (proved !== undefined) {
    const { db, checked, proof } = proved;
    if (wanted === 'none') return { checked, profile: undefined };
    return { checked, profile: await checkProfile(db.source, () => salvageProved(db, proof), name) };
  }
  const found = await openSearched(source, report);
  if (found === undefined) return { checked: await checkOther(source, judge), profile: undefined };
  const { db, survey } = found;
  const lost: LostElement[] = [];
  const visit = ({ rejected }: SiteVerdict) => collectLost(lost, rejected);
  const checked = await checkDatabase(db, survey, visit, judge);
  if (wanted === 'none') return { checked, profile: undefined };
  return { checked, profile: await checkProfile(db.source, () => salvage(db, survey), name, lost) };
}

/** Adds the elements that were not superseded, as far as any are still wanted. */
export function collectLost(
  lost: LostElement[],
  rejected: readonly (LostElement & { readonly reason: string })[],
): void {
  for (const { reason, hash, keySize } of rejected) {
    if (reason === 'superseded' || reason === 'duplicate' || lost.length >= LOST_KEPT) continue;
    lost.push({ hash, keySize });
  }
}

/** The result of the check with the profile's findings among its own, which count for its verdict. */
export function withProfile({ checked, profile }: CheckedContents): CheckResult {
  if (profile === undefined) return checked;
  const isError = profile.findings.some(({ severity }) => severity === 'error');
  return {
    ...checked,
    verdict: isError && checked.verdict !== 'not-gdbm' ? 'damaged' : checked.verdict,
    findings: [...checked.findings, ...profile.findings],
    findingCounts: { ...checked.findingCounts, ...profile.findingCounts },
  };
}
