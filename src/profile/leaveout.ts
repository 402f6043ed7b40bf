import type { FindingCode } from '../check/finding.js';
import type { SalvagedRecord } from '../salvage/salvage.js';
import type { ProfileResult } from './inspect.js';
import { isBroken } from './inspect.js';
import { profileOf } from './profiles.js';

/** Whether a record goes into a fresh database. */
export type RecordFilter = (record: SalvagedRecord) => boolean;

/**
 * Which records a fresh database is to be without. `unloadable`: those that the program cannot load. `fatal`: only those
 * that keep it from starting. `nothing`: none.
 */
export const LEAVE_OUT = ['unloadable', 'fatal', 'nothing'] as const;
export type LeaveOut = (typeof LEAVE_OUT)[number];

/** Why a record is left out: the code of what is wrong with it, or that the program takes an empty database only. */
export type LeftOutReason = FindingCode | 'useless-alone';

/** The reason for which a record is left out; undefined for one that stays. */
export type LeaveOutRule = (record: SalvagedRecord) => LeftOutReason | undefined;

/** Findings whose records are left out only if they are few, where the values alone told the profile. */
const PERHAPS_INTENDED: readonly FindingCode[] = ['value-not-pickle', 'key-not-text'];

/**
 * Where the values alone told the profile, one record or one in so many may be unlike a shelve's and still count as damage;
 * more are taken for what the program means to store. A judgement: a key and its value lie side by side, so that a damaged
 * range takes all of a value but not its key only at its beginning, once.
 */
const FEW = 16;

/**
 * Tells which records a fresh database must be without so that the program loads it: those that it cannot load and would
 * come upon and, where a required key is missing or goes, all of them, if the program takes an empty database but not the
 * rest. Of a key that is no text or a value that is no pickle the program may be the author, where only its other values
 * told that it uses a shelve: many such records stay.
 *
 * @param profile of the very records that are asked for
 * @returns undefined where all may stay
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
      isOwn(code) ||
      (leaveOut === 'unloadable' && readsOthers && !isPerhapsIntended(profile, code)),
  );
  if (codes.length === 0 && !isEmptied) return undefined;
  return ({ offset, keySize, dataSize }) =>
    codes.find((code) => profile.unloadable.get(code)!.has(offset, keySize, dataSize)) ??
    (isEmptied ? 'useless-alone' : undefined);
}

/** Whether records with this fault are so many that the program may mean them to be so. */
export function isPerhapsIntended({ found, values, unloadable }: ProfileResult, code: FindingCode): boolean {
  if (found !== 'by its values' || !PERHAPS_INTENDED.includes(code)) return false;
  const { whole, damaged, old, notPickle } = values;
  const all = whole + damaged + old + notPickle;
  return (unloadable.get(code)?.size ?? 0) > Math.max(1, all / FEW);
}

/** Whether it is a fault of a key that the program uses itself. */
function isOwn(code: FindingCode): boolean {
  return code.startsWith('flower-') || code.startsWith('celerybeat-');
}
