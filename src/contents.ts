import type { CheckResult } from './check/check.js';
import { checkDatabase, checkEmpty, checkOther } from './check/check.js';
import type { SiteVerdict } from './check/bucket.js';
import type { Judge } from './check/libgdbm.js';
import type { Report } from './source/sweep.js';
import { openProved, openSearched } from './examine.js';
import type { LostElement } from './profile/detect.js';
import type { ProfileResult } from './profile/inspect.js';
import { checkProfile, tasksIn } from './profile/inspect.js';
import type { ProfileName } from './profile/profiles.js';
import { PROFILE_NAMES } from './profile/profiles.js';
import { salvageProved } from './salvage/proved.js';
import { salvage } from './salvage/salvage.js';
import type { Source } from './source/source.js';

/** The wanted profile; `auto` finds it by the keys. */
export type WantedProfile = ProfileName | 'auto';

/**
 * Checks the name of a profile.
 *
 * @throws RangeError if there is no such profile
 */
export function requireProfile(wanted: WantedProfile): void {
  const names = ['auto', ...PROFILE_NAMES];
  if (!names.includes(wanted)) {
    throw new RangeError(`expected as profile one of ${names.join(', ')}, found "${wanted}"`);
  }
}

/** Check of the file's structure, and of its contents for the program it belongs to. */
export interface CheckedContents {
  /** The check of the structure. */
  readonly checked: CheckResult;
  /** Undefined if it was not asked for, or there is no database. */
  readonly profile: ProfileResult | undefined;
}

/** Lost elements kept to detect the profile; the databases that they identify have a handful of keys. */
const LOST_KEPT = 64;

/**
 * Checks a file, then its contents for the program that it belongs to. Reads only.
 *
 * @param judge the machine whose libgdbm will use the file; without it only the structure is judged
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
  const proved = await openProved(source, report, judge);
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

/** Adds elements that are neither superseded nor duplicates, up to {@link LOST_KEPT}. */
export function collectLost(
  lost: LostElement[],
  rejected: readonly (LostElement & { readonly reason: string })[],
): void {
  for (const { reason, hash, keySize } of rejected) {
    if (reason === 'superseded' || reason === 'duplicate' || lost.length >= LOST_KEPT) continue;
    lost.push({ hash, keySize });
  }
}

/** Result of the check including the profile's findings, which count for its verdict. */
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

/** The amount of what is in a database: records, tasks if it is a Flower's, and bytes of keys and values. */
export function amountOf({ checked, profile }: CheckedContents): {
  records: number;
  contentBytes: number;
  tasks?: number;
} {
  const { count, bytes } = checked.records;
  const tasks = tasksIn(profile);
  return { records: count, contentBytes: bytes, ...(tasks !== undefined && { tasks }) };
}
