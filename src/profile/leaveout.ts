import type { CheckResult } from '../check/check.js';
import type { FindingCode } from '../check/finding.js';
import type { SalvagedRecord } from '../salvage/salvage.js';
import type { ProfileResult } from './inspect.js';
import { isBroken } from './inspect.js';
import { profileOf } from './profiles.js';

/** Returns true for a record that goes into a fresh database. */
export type RecordFilter = (record: SalvagedRecord) => boolean;

export const LEAVE_OUT = ['unloadable', 'fatal', 'nothing'] as const;
/**
 * Records that a fresh database leaves out. `unloadable`: those that the program cannot load. `fatal`: only those that
 * keep it from starting. `nothing`: none.
 */
export type LeaveOut = (typeof LEAVE_OUT)[number];

/** Reason to leave a record out: the code of its finding; `useless-alone` if the program needs an empty database. */
export type LeftOutReason = FindingCode | 'useless-alone';

/** Returns the reason to leave a record out; undefined for one that stays. */
export type LeaveOutRule = (record: SalvagedRecord) => LeftOutReason | undefined;

/** Findings whose records are left out only if they are few, if only the values identified the profile. */
const PERHAPS_INTENDED: readonly FindingCode[] = ['value-not-pickle', 'key-not-text'];

/**
 * If only the values identified the profile, one record, or one in so many, may be unlike a shelve's and still count as
 * damage; more are taken as intended by the program. A judgement: a key and its value lie side by side, so that a damaged
 * range takes all of a value but not its key only at its beginning, once.
 */
const FEW = 16;

/**
 * The rule by which a fresh database leaves records out so that the program loads it: those that it cannot load and would
 * read and, if a required key is missing or left out, all of them, if the program starts with an empty database but not
 * with the rest. Many keys that are no text, or values that are no pickle, stay if only the other values identified a
 * shelve: the program itself may have stored them.
 *
 * @param profile of the same records
 * @returns undefined if all stay
 */
export function leaveOutRule(
  profile: ProfileResult,
  leaveOut: LeaveOut = 'unloadable',
): LeaveOutRule | undefined {
  if (leaveOut === 'nothing') return undefined;
  const { keys: own, startsEmpty, readsOthers } = profileOf(profile.name);
  const broken = profile.keys.filter(({ state }) => isBroken(state)).map(({ key }) => key);
  const gone = own.some(({ key, required }) => required && [...broken, ...profile.missing].includes(key));
  const isEmptied = startsEmpty && gone;
  const codes = [...profile.unloadable.keys()].filter(
    (code) =>
      isEmptied ||
      isOfOwnKey(code) ||
      (leaveOut === 'unloadable' && readsOthers && !isPerhapsIntended(profile, code)),
  );
  if (codes.length === 0 && !isEmptied) return undefined;
  return ({ offset, keySize, dataSize }) =>
    codes.find((code) => profile.unloadable.get(code)!.has(offset, keySize, dataSize)) ??
    (isEmptied ? 'useless-alone' : undefined);
}

/** Returns true if so many records have this fault that the program may intend it. */
export function isPerhapsIntended({ found, values, unloadable }: ProfileResult, code: FindingCode): boolean {
  if (found !== 'by its values' || !PERHAPS_INTENDED.includes(code)) return false;
  const { whole, damaged, old, notPickle } = values;
  const all = whole + damaged + old + notPickle;
  return (unloadable.get(code)?.size ?? 0) > Math.max(1, all / FEW);
}

/** Returns true for a fault of one of the program's own keys. */
function isOfOwnKey(code: FindingCode): boolean {
  return code.startsWith('flower-') || code.startsWith('celerybeat-');
}

/**
 * Returns true if a repair would change more of a damaged file than set aside values that the program stored in it.
 *
 * @param checked with the profile's findings among its own
 */
export function needsRepair({ findings }: CheckResult, profile: ProfileResult | undefined): boolean {
  const inside = profile?.findings ?? [];
  const isStructural = findings.some((one) => one.severity === 'error' && !inside.includes(one));
  return isStructural || (profile !== undefined && leaveOutRule(profile, 'fatal') !== undefined);
}

/**
 * Returns true if a repair mends a damaged file: it would change something, and enough is left for it not to refuse.
 *
 * @param checked with the profile's findings among its own
 */
export function isMendable(checked: CheckResult, profile: ProfileResult | undefined): boolean {
  return checked.unrepairable === undefined && needsRepair(checked, profile);
}
