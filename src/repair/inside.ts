import type { CheckResult } from '../check/check.js';
import { checkContents, withProfile } from '../contents.js';
import type { ProfileResult } from '../profile/inspect.js';
import { checkProfile } from '../profile/inspect.js';
import type { LeaveOutRule, LeftOutReason } from '../profile/leaveout.js';
import { isPerhapsIntended, leaveOutRule } from '../profile/leaveout.js';
import { profileOf } from '../profile/profiles.js';
import { foundDatabase } from '../write/checked.js';
import { keepable } from '../write/records.js';
import { salvageProved } from '../salvage/proved.js';
import type { Source } from '../source/source.js';
import type { RepairOptions, SetAside } from './result.js';
import type { Subject } from './subject.js';
import { addedOf, examine, examineProved } from './subject.js';

/** What is inside for a program, and what that means for the fresh database. */
export interface Inside {
  readonly profile: ProfileResult | undefined;
  /** Tells the records that the fresh database is without; undefined where all go into it. */
  readonly leaveOut: LeaveOutRule | undefined;
  readonly setAside: SetAside | undefined;
  /** Why nothing is written: no record would be left that the program can load. */
  readonly refusal: string | undefined;
  readonly notes: readonly string[];
}

/** A proof is enough where all that is in order stays; anything else is for the examination of each element. */
export async function examineAll(
  source: Source,
  path: string,
  options: RepairOptions,
): Promise<{ subject: Subject; inside: Inside }> {
  const wantsMore = (options.include ?? []).length > 0 || options.quarantine !== undefined;
  const proved = wantsMore || source.size === 0 ? undefined : await examineProved(source, options.report);
  if (proved !== undefined) {
    const inside = await lookInside(proved, options);
    if (inside.leaveOut === undefined) return { subject: proved, inside };
  }
  const subject = await examine(source, path, options);
  return { subject, inside: await lookInside(subject, options) };
}

/** The check of a fresh database with what its program finds inside, so that a repair says what a check will say. */
export async function lookInsideFresh(
  fresh: Source,
  after: CheckResult,
  { profile, leaveOut }: Inside,
  wanted: RepairOptions['profile'],
): Promise<CheckResult> {
  const isWrong = profile?.findings.some(({ severity }) => severity === 'error') ?? false;
  // The same values as in the source, in which nothing was wrong.
  if (wanted === undefined || (!isWrong && leaveOut === undefined)) return after;
  return withProfile(await checkContents(fresh, wanted));
}

async function lookInside(subject: Subject, options: RepairOptions): Promise<Inside> {
  const { profile: wanted = 'none', include = [] } = options;
  const { proved, checked, database, lostElements } = subject;
  const nothing = {
    profile: undefined,
    leaveOut: undefined,
    setAside: undefined,
    refusal: undefined,
    notes: [],
  };
  if (wanted === 'none') return nothing;
  const name = wanted === 'auto' ? undefined : wanted;
  if (proved !== undefined) {
    const { db, proof } = proved;
    const profile = await checkProfile(db.source, () => salvageProved(db, proof), name);
    return {
      ...nothing,
      profile,
      leaveOut: leaveOutRule(profile, options.leaveOut),
      notes: notesOf(profile),
    };
  }
  if (database === undefined || !foundDatabase(checked)) return nothing;
  const { db, surveyed } = database;
  const records = () => keepable(db, surveyed, checked, addedOf(subject, include));
  const profile = await checkProfile(db.source, records, name, lostElements);
  const leaveOut = leaveOutRule(profile, options.leaveOut);
  if (leaveOut === undefined) return { ...nothing, profile, notes: notesOf(profile) };
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
  const { startsEmpty } = profileOf(profile.name);
  const setAside = leftOut === 0 ? undefined : { records: leftOut, reasons };
  const notes = [...notesOf(profile)];
  if (kept === 0 && startsEmpty) {
    notes.push(`${profile.name} cannot use what is left; the fresh database is empty, which it takes.`);
  }
  const refusal =
    kept > 0 || startsEmpty
      ? undefined
      : `${profile.name} can load none of its ${leftOut} records, so that nothing would be left. If it is no ` +
        `${profile.name}: --profile none. To keep them as they are: --keep-unloadable.`;
  return { profile, leaveOut, setAside, refusal, notes };
}

/** Says why records stay that a shelve could not load. */
function notesOf(profile: ProfileResult): string[] {
  const kinds = [
    ['value-not-pickle', 'values that are no pickles'],
    ['key-not-text', 'keys that are not UTF-8'],
  ] as const;
  return kinds
    .filter(([code]) => isPerhapsIntended(profile, code))
    .map(
      ([code, what]) =>
        `The ${profile.unloadable.get(code)!.size} ${what} stay: so many may be meant to be so, and only the other values ` +
        `speak for a ${profile.name}. If it is one, --profile ${profile.name} sets them aside; if not, --profile none.`,
    );
}
