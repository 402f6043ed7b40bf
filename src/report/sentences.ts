import type { CheckResult } from '../check/check.js';
import { number, shellPath } from './escape.js';
import type { LostRecords } from '../check/losses.js';
import type { FoundKey, ProfileResult } from '../profile/inspect.js';
import type { LeftOutReason } from '../profile/leaveout.js';
import type { RepairResult } from '../repair/result.js';

/** The answer of libgdbm to opening a file, and how far a walk through it gets. */
export function libgdbmText(result: CheckResult): string {
  const { libgdbm } = result;
  return (libgdbm === null ? 'opens it' : `"${libgdbm}"`) + useText(result);
}

function useText({ use, records }: CheckResult): string {
  if (use === undefined) return '';
  const { walked, end, fetched } = use;
  const all = `${number(records.count)} ${records.count === 1 ? 'key' : 'keys'}`;
  const parts: string[] = [];
  if (end === 'never') parts.push('a walk goes round in a circle and never ends');
  else if (end !== 'end') parts.push(`a walk stops after ${number(walked)} of ${all} ("${end}")`);
  else if (walked !== records.count) parts.push(`a walk gives ${number(walked)} of ${all}`);
  if (fetched !== undefined && fetched < records.count)
    parts.push(`${number(records.count - fetched)} cannot be fetched`);
  return parts.map((part) => `; ${part}`).join('');
}

/**
 * The number of records that a repair cannot bring back, as a sentence without a full stop.
 *
 * @param kept records of the damaged file that are kept
 */
export function lossText(lost: LostRecords, kept: number): string {
  const { records, estimated, recovered, missing, likelyDamaged } = lost;
  if (missing === null) return 'how many records cannot be told: nothing is left to count them by';
  const all = kept + records + (estimated ?? 0);
  const about = estimated === 0 ? '' : 'about ';
  const parts = [
    missing === 0
      ? `no record that is known of${recovered > 0 ? ' any more' : ''}`
      : `${about}${number(missing)} of ${number(all)} records`,
  ];
  if (likelyDamaged > 0) {
    parts.push(`about ${number(likelyDamaged)} of the others have a damaged value that nothing shows`);
  }
  return parts.join('; ');
}

/** True if anything is lost, or probably damaged. */
export function isLoss({ records, estimated, likelyDamaged }: LostRecords): boolean {
  return records > 0 || estimated !== 0 || likelyDamaged > 0;
}

/** Reasons that say nothing of the bytes of other records. */
const HARMLESS = ['leftOut', 'crowded'];

/** True if nothing suggests that a kept record has other bytes than those stored. */
export function isUndoubted(
  { reasons, uncovered, likelyDamaged }: LostRecords,
  { findingCounts }: CheckResult,
): boolean {
  const isMoved = findingCounts['block-moved'] !== undefined || findingCounts['bytes-missing'] !== undefined;
  const isLost = Object.keys(reasons).some((reason) => !HARMLESS.includes(reason));
  return !isLost && uncovered === 0 && likelyDamaged === 0 && !isMoved;
}

/** The contents of a database on one line. Keys are the profile's own, so there is nothing to escape. */
export function insideText({ name, keys, missing, values }: ProfileResult): string {
  const { whole, damaged, old, notPickle } = values;
  const all = whole + damaged + old + notPickle;
  if (all === 0) return `${name}: empty`;
  const parts = [...keys.map(keyText), ...missing.map((key) => `${key} is missing`)];
  const bad = [
    damaged > 0 && `${number(damaged)} damaged`,
    notPickle > 0 && `${number(notPickle)} no pickles`,
    old > 0 && `${number(old)} perhaps of protocol 0 or 1`,
  ].filter((part) => part !== false);
  const others = all - keys.length;
  if (others > 0 || keys.length === 0) {
    const what = bad.length === 0 ? 'all whole pickles' : [`${number(whole)} whole`, ...bad].join(', ');
    parts.push(`${number(all)} value${all === 1 ? '' : 's'}, ${what}`);
  }
  return `${name}: ${parts.join(', ')}`;
}

function keyText({ key, size, state, protocol }: FoundKey): string {
  const what = protocol === undefined ? STATES[state] : `pickle protocol ${protocol}`;
  return `${key} (${number(size)} bytes, ${what})`;
}

const STATES: Readonly<Record<FoundKey['state'], string>> = {
  whole: 'a pickle',
  damaged: 'damaged',
  old: 'perhaps a pickle of protocol 0 or 1',
  'not-pickle': 'no pickle',
};

/** Named lines on the records that were set aside: why, where they are, and the command that brings them back. */
export function setAsideFields({
  setAside,
  profile,
  quarantine,
  output,
  path,
}: RepairResult): [string, string][] {
  if (setAside === undefined) return [];
  const { records, reasons } = setAside;
  const why = Object.entries(reasons).map(([reason, n]) => `${number(n)} ${WHY[reason as LeftOutReason]}`);
  const what = `${number(records)} record${records === 1 ? '' : 's'} that ${profile?.name} cannot load: ${why.join(', ')}`;
  if (quarantine === undefined) return [['set aside', what]];
  const back = `gdbm-doctor load --add ${shellPath(quarantine)} ${shellPath(output ?? path)}`;
  return [
    ['set aside', what],
    ['', `whole, in ${quarantine}`],
    ['', `to bring ${records === 1 ? 'it' : 'them'} back: ${back}`],
  ];
}

/** Why a record was set aside, after a number of them. */
const WHY: Readonly<Partial<Record<LeftOutReason, string>>> = {
  'value-pickle': 'with a broken pickle',
  'value-not-pickle': 'with a value that is no pickle',
  'key-not-text': 'with a key that is not UTF-8',
  'flower-events-damaged': 'with the key events and a broken pickle',
  'flower-counter-damaged': 'with the key counter and a broken pickle',
  'celerybeat-entry-damaged': 'of its own with a broken pickle',
  'useless-alone': 'of no use without what is broken or missing',
};
