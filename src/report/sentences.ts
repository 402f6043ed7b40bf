import { changesText } from '../source/transforms.js';
import type { CheckResult, FileFormat } from '../check/check.js';
import { machinesFor } from '../check/libgdbm.js';
import type { LostRecords } from '../check/losses.js';
import type { BetterCopy } from '../copies.js';
import { describeFormat } from '../format/format.js';
import type { MachineName } from '../format/machines.js';
import type { FoundKey, ProfileResult } from '../profile/inspect.js';
import type { LeftOutReason } from '../profile/leaveout.js';
import type { RepairResult } from '../repair/result.js';
import { contentsText } from '../store/snapshot.js';
import { escapeText, number, safeSentence, shellPath } from './escape.js';

/** A line of a report: a name in a column, then its value. */
export function field(name: string, value: string): string {
  return `  ${name.padEnd(12)} ${safeSentence(value)}`;
}

/** The same on one line, whatever line ends a path in the value has. */
export function fieldOnOneLine(name: string, value: string): string {
  return field(name, value).replaceAll('\n', '\\x0a');
}

/** A number and a noun. */
export function count(n: number, noun: string): string {
  return `${number(n)} ${noun}${n === 1 ? '' : 's'}`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 2 : 1)} %`;
}

/** Names and values of the facts that a check found out about a database. */
export function factsOf(result: CheckResult, profile: ProfileResult | undefined): [string, string][] {
  const { format, records, size } = result;
  return [
    ...undoneFields(result),
    ['libgdbm', libgdbmText(result)],
    ...(format === undefined ? [] : [['format', formatText(format)] as [string, string]]),
    ['records', recordsText(result)],
    ...(profile === undefined || profile.name === 'none'
      ? []
      : [['inside', insideText(profile)] as [string, string]]),
    ...(records.uncovered > 0 && size > 0
      ? [['uncovered', `${percent(records.uncovered)} of all hashes lead to no bucket`] as [string, string]]
      : []),
  ];
}

/** A named line on changes of all bytes of the file that were undone to read it, if there are any. */
export function undoneFields({ undone = [] }: CheckResult): [string, string][] {
  if (undone.length === 0) return [];
  return [['undone', `the whole file was changed: ${changesText(undone)}`]];
}

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
  if (missing === null) return 'unknown: nothing is left to count the records by';
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

/**
 * An age in the largest unit that fits.
 *
 * @param age in milliseconds; negative for what is to come, as after a clock was set back
 */
export function ageInWords(age: number): string {
  const seconds = Math.round(Math.abs(age) / 1000);
  const [n, unit] =
    seconds < 60
      ? [seconds, 'second']
      : seconds < 3600
        ? [Math.floor(seconds / 60), 'minute']
        : seconds < 86_400
          ? [Math.floor(seconds / 3600), 'hour']
          : [Math.floor(seconds / 86_400), 'day'];
  // Names have whole seconds, and two snapshots of one second are told apart by a second in the name.
  if (n === 0 || (unit === 'second' && age < 0)) return 'just now';
  return age < 0 ? `in ${count(n, unit)}: clock?` : `${count(n, unit)} ago`;
}

/** For which machines a database is that is sound, and which one cannot use it. */
export function foreignText({ format }: CheckResult, machine: MachineName | undefined): string {
  const [first = 'another machine', ...others] = format === undefined ? [] : machinesFor(format);
  const like = others.length === 0 ? first : `${first} and ${others.length === 1 ? others[0] : 'the like'}`;
  return `sound, for ${like}; libgdbm ${machine === undefined ? 'here' : `here (${machine})`} cannot use it`;
}

/** The layout and the hash of a database. */
function formatText(format: FileFormat): string {
  const { geometry, hashChar, extended } = format;
  const hash = hashChar === 'undetermined' ? 'hash flavour cannot be told' : `hash of ${hashChar} char`;
  const sync = extended === undefined ? '' : `, numsync ${extended.numsync}`;
  return `${describeFormat(format)}, blocks of ${number(geometry.blockSize)} bytes, ${hash}${sync}`;
}

export function recordsText({ records, doubtful }: CheckResult): string {
  const rejected = Object.entries(records.rejected);
  // A repair does not keep these, as their values may not be what was stored.
  const doubts = Object.entries(doubtful?.counts ?? {})
    .filter(([, n]) => n > 0)
    .map(([reason, n]) => `, ${number(n)} ${REASON_OF_MANY[reason]}`);
  const base = `${number(records.count)} in ${count(records.buckets, 'bucket')}${doubts.join('')}`;
  if (rejected.length === 0) return base;
  return `${base}; not proved: ${rejected.map(([reason, n]) => `${number(n)} ${REASON_OF_MANY[reason] ?? reason}`).join(', ')}`;
}

/** A copy that has more: what it is, how old, and how much it holds. */
export function betterCopyText(copy: BetterCopy, now = new Date()): string {
  const { kind, path, time, bytes } = copy;
  const when = `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC, ${ageInWords(now.getTime() - time.getTime())}`;
  const which = kind === 'snapshot' ? 'the snapshot' : `the backup ${escapeText(path)}`;
  return `${which} of ${when}, has ${contentsText(copy)} of ${number(bytes)} bytes`;
}

/** Reasons for which an element in use proves no record that is kept, for one element. */
export const REASON_OF_ONE: Readonly<Record<string, string>> = {
  hash: 'its hash is impossible',
  bounds: 'outside the file',
  gone: 'some of its bytes are missing from the file',
  key: 'its key and its hash do not agree',
  unchecked: 'its key would cost too much to read',
  overreaching: 'its size reaches into other data',
  unreadable: 'the disk cannot read some of its bytes',
  overclaimed: 'all records together claim more bytes than the file has',
};

/** The same after a number of records. */
export const REASON_OF_MANY: Readonly<Record<string, string>> = {
  hash: 'with an impossible hash',
  bounds: 'outside the file',
  gone: 'with bytes missing from the file',
  missing: 'whose element is missing from the file',
  key: 'whose key and hash do not agree',
  unchecked: 'too costly to check',
  overreaching: 'with a size that reaches into other data',
  unreadable: 'with bytes that the disk cannot read',
  overclaimed: 'claiming more bytes than the file has',
  leftOut: 'that its program cannot load, set aside',
  crowded: 'with more of the same hash than a bucket holds',
};
