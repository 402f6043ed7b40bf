import type { SalvagedRecord } from '../salvage/salvage.js';
import type { ProfileResult } from './inspect.js';
import { isBroken } from './inspect.js';
import { profileOf } from './profiles.js';

/** Whether a record goes into a fresh database. */
export type RecordFilter = (record: SalvagedRecord) => boolean;

/**
 * Which records a fresh database must be without so that the program loads it: a key of its own that is not a whole
 * pickle and, where a required one is missing or goes, all of them, because the program takes an empty database but not
 * the rest. Of a shelve none goes: what is no whole pickle is still what was stored.
 *
 * @param profile of the very records that are filtered
 * @returns undefined where all may stay
 */
export function filterFor(profile: ProfileResult): RecordFilter | undefined {
  const { keys: own, startsEmpty } = profileOf(profile.name);
  const lost = profile.keys.filter(({ state }) => isBroken(state)).map(({ key }) => key);
  const gone = own.some(({ key, required }) => required && [...lost, ...profile.missing].includes(key));
  if (startsEmpty && gone) return () => false;
  if (profile.broken.length === 0) return undefined;
  const places = new Set(profile.broken);
  return ({ offset }) => !places.has(offset);
}
