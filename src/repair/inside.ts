import type { CheckResult } from '../check/check.js';
import { checkContents, withProfile } from '../contents.js';
import type { ProfileResult } from '../profile/inspect.js';
import { checkProfile } from '../profile/inspect.js';
import type { LeaveOutRule, LeftOutReason } from '../profile/leaveout.js';
import { isPerhapsIntended, leaveOutRule } from '../profile/leaveout.js';
import { profileOf } from '../profile/profiles.js';
import type { Source } from '../source/source.js';
import type { Contents } from '../write/contents.js';
import type { Subject } from './examine.js';
import type { RepairOptions, SetAside } from './result.js';

/** The values of the records that can be kept, for the program that the database belongs to. */
export interface Inside {
  readonly profile: ProfileResult | undefined;
  /** Selects the records that the fresh database is without; undefined where all are kept. */
  readonly leaveOut: LeaveOutRule | undefined;
  readonly setAside: SetAside | undefined;
  /** The reason for which nothing is written: no record would be left that the program can load. */
  readonly refusal: string | undefined;
  readonly notes: readonly string[];
}

const NOTHING: Inside = {
  profile: undefined,
  leaveOut: undefined,
  setAside: undefined,
  refusal: undefined,
  notes: [],
};

/** Examines the values of the records that a repair would keep, and selects those that the program cannot load. */
export async function lookInside(
  { db, contents, lostElements }: Subject,
  { profile: wanted = 'none', leaveOut: selection }: RepairOptions,
): Promise<Inside> {
  if (wanted === 'none' || db === undefined || contents === undefined) return NOTHING;
  const name = wanted === 'auto' ? undefined : wanted;
  const profile = await checkProfile(db.source, contents.records, name, lostElements);
  const leaveOut = leaveOutRule(profile, selection);
  const notes = notesOf(profile);
  if (leaveOut === undefined) return { ...NOTHING, profile, notes };
  const { kept, setAside } = await countLeftOut(contents, leaveOut);
  const { startsEmpty } = profileOf(profile.name);
  if (kept === 0 && startsEmpty) {
    notes.push(`${profile.name} cannot use what is left; the fresh database is empty, which it takes.`);
  }
  const refusal =
    kept > 0 || startsEmpty
      ? undefined
      : `${profile.name} can load none of its ${setAside?.records ?? 0} records, so that nothing would be left. If it is no ` +
        `${profile.name}: --profile none. To keep them as they are: --keep-unloadable.`;
  return { profile, leaveOut, setAside, refusal, notes };
}

/** The check of a fresh database with the profile's findings in it, so that a repair reports what a check of it would. */
export async function lookInsideFresh(
  fresh: Source,
  after: CheckResult,
  { profile, leaveOut }: Inside,
  wanted: RepairOptions['profile'],
): Promise<CheckResult> {
  const isWrong = profile?.findings.some(({ severity }) => severity === 'error') ?? false;
  // The fresh database has the same values as the source, in which nothing was wrong.
  if (wanted === undefined || (!isWrong && leaveOut === undefined)) return after;
  return withProfile(await checkContents(fresh, wanted));
}

async function countLeftOut(
  { records }: Contents,
  leaveOut: LeaveOutRule,
): Promise<{ kept: number; setAside: SetAside | undefined }> {
  const reasons: Partial<Record<LeftOutReason, number>> = {};
  let leftOut = 0;
  let kept = 0;
  for await (const batch of records()) {
    for (const record of batch) {
      const reason = leaveOut(record);
      if (reason === undefined) kept++;
      else {
        leftOut++;
        reasons[reason] = (reasons[reason] ?? 0) + 1;
      }
    }
  }
  return { kept, setAside: leftOut === 0 ? undefined : { records: leftOut, reasons } };
}

/** Explains why records stay that a shelve could not load. */
function notesOf(profile: ProfileResult): string[] {
  const kinds = [
    ['value-not-pickle', 'values that are no pickles'],
    ['key-not-text', 'keys that are not UTF-8'],
  ] as const;
  return kinds
    .filter(([code]) => isPerhapsIntended(profile, code))
    .map(
      ([code, records]) =>
        `The ${profile.unloadable.get(code)!.size} ${records} stay: so many may be meant to be so, and only the other values ` +
        `speak for a ${profile.name}. If it is one, --profile ${profile.name} sets them aside; if not, --profile none.`,
    );
}
