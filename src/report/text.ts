import type { ChalkInstance } from 'chalk';
import type { CheckResult } from '../check/check.js';
import type { FindingGroup, FindingPlace, Severity } from '../check/finding.js';
import { groupFindings } from '../check/finding.js';
import { lostRecords } from '../check/losses.js';
import type { BetterCopy } from '../copies.js';
import type { MachineName } from '../format/machines.js';
import { leaveOutRule } from '../profile/leaveout.js';
import type { ProfileResult } from '../profile/inspect.js';
import type { DeleteResult } from '../repair/delete.js';
import type { LostDetail, RepairResult } from '../repair/result.js';
import { named, nextStep, repairCommand } from './advice.js';
import {
  escapeBytes,
  escapeStart,
  escapeText,
  number,
  safeSentence,
  shellPath,
  shellWord,
} from './escape.js';
import type { Statement } from './json.js';
import {
  betterCopyText,
  count,
  factsOf,
  field,
  foreignText,
  insideText,
  isLoss,
  isUndoubted,
  lossText,
  percent,
  REASON_OF_MANY,
  REASON_OF_ONE,
  setAsideFields,
  textOf,
  undoneFields,
} from './sentences.js';

/** Places of one kind of finding shown to a person before the rest is only counted. */
const SHOWN_PER_CODE = 3;

interface TextOptions {
  /** Colours, or none. */
  readonly style: ChalkInstance;
  /** Shows every finding that was kept. */
  readonly all: boolean;
  /** The profile of the contents, if it was checked; its findings are among those of the file. */
  readonly profile?: ProfileResult | undefined;
  /** The machine that is to use the file, where it was judged for one. */
  readonly machine?: MachineName | undefined;
  /** A copy beside the file that has more. */
  readonly betterCopy?: BetterCopy | undefined;
}

/** A checked file for a person, the verdict first and what to do last. */
export function checkText(path: string, result: CheckResult, options: TextOptions): string {
  const lines = [
    `${escapeText(path)}: ${verdictText(result, options)}`,
    ...betterCopyLines(options.betterCopy),
  ];
  if (result.other !== undefined) {
    lines.push(`  This is ${named(result.other.what, path)}.`, `  ${named(result.other.advice, path)}`);
    return textOf(lines);
  }
  if (result.verdict === 'damaged' && result.format !== undefined) {
    const lost = lostRecords(result);
    if (isLoss(lost)) lines.push(field('lost', lossText(lost, keptOf(result))));
  }
  lines.push(...describe(result, options.profile), ...findingLines(result, options));
  if (options.betterCopy !== undefined) lines.push(`  To do: ${options.betterCopy.command}`);
  const { kind, command } = nextStep(path, result, options.profile, options.machine);
  if (result.unrepairable !== undefined)
    lines.push(field('repair', `refuses: ${named(result.unrepairable, path)}`));
  if (command !== undefined) lines.push(`  ${options.betterCopy === undefined ? 'To do' : 'Or'}: ${command}`);
  if (kind === 'values' && options.profile !== undefined && leaveOutRule(options.profile)) {
    lines.push(
      `  Or: ${repairCommand(path)}`,
      `      sets aside what ${options.profile.name} cannot load. If it is meant to be so: check --profile none`,
    );
  }
  return textOf(lines);
}

/** The result of a repair, for a person. */
export function repairText(result: RepairResult, options: TextOptions): string {
  const { path, action, before, reason, output, backup, notes, kept } = result;
  const { style } = options;
  const name = escapeText(path);
  if (action === 'refused') {
    return textOf([
      `${name}: ${style.red('NOT REPAIRED')}`,
      ...betterCopyLines(result.betterCopy),
      `  ${safeSentence(named(reason ?? '', path))}`,
      ...setAsideFields(result).map(([label, value]) => field(label, value)),
      ...(result.limited === true ? [...lostLines(result, options.all), ...foundLines(result)] : []),
      ...findingLines(before, options),
    ]);
  }
  if (action === 'none' && before.verdict === 'foreign') return checkText(path, before, options);
  if (action === 'none' && reason === undefined) {
    const what = result.betterCopy === undefined ? 'nothing to do' : 'but a copy has more';
    return textOf([
      `${name}: ${style.green('healthy')}, ${what}`,
      ...betterCopyLines(result.betterCopy),
      ...describe(before, result.profile),
    ]);
  }
  const lines = [
    action === 'none' ? `${name}: ${verdictText(before, options)}` : `${name}: ${style.green('REPAIRED')}`,
  ];
  lines.push(...undoneFields(before).map(([label, value]) => field(label, value)));
  if (result.olderState > 0) lines.push(field('older', olderStateText(result)));
  lines.push(...betterCopyLines(result.betterCopy));
  if (reason !== undefined) lines.push(`  ${named(reason, result.path)}`);
  lines.push(...setAsideFields(result).map(([label, value]) => field(label, value)));
  lines.push(...lostLines(result, options.all));
  if (result.after?.verdict === 'damaged') {
    lines.push(field('still there', `${errorsText(result.after)}: a check of the result says DAMAGED`));
  }
  const isOld = before.findingCounts['buckets-lost'] !== undefined;
  const how = isUndoubted(result.lost, before) ? ', byte for byte' : isOld ? OLD : '';
  lines.push(
    field('kept', `${count(kept, 'record')}${how}${addedText(result)}`),
    ...foundLines(result),
    field('libgdbm said', before.libgdbm === null ? 'nothing: it opens the file' : `"${before.libgdbm}"`),
  );
  if (result.profile !== undefined && result.profile.name !== 'none') {
    lines.push(field('inside', insideText(result.profile)));
  }
  if (result.quarantine !== undefined && result.setAside === undefined)
    lines.push(field('quarantine', escapeText(result.quarantine)));
  lines.push(...placeLines(output, backup, notes), ...findingLines(before, options));
  return textOf(lines);
}

/** The codes of what is wrong, each with its number. */
function errorsText({ findings, findingCounts }: CheckResult): string {
  const codes = new Set(findings.filter(({ severity }) => severity === 'error').map(({ code }) => code));
  return [...codes].map((code) => `${code} (${number(findingCounts[code] ?? 1)})`).join(', ');
}

function verdictText(result: CheckResult, { style, machine }: TextOptions): string {
  const { verdict } = result;
  if (verdict === 'healthy') return style.green('healthy');
  if (verdict === 'foreign') return style.red(safeSentence(foreignText(result, machine)));
  return style.red(verdict === 'damaged' ? 'DAMAGED' : 'NOT A GDBM DATABASE');
}

function describe(result: CheckResult, profile?: ProfileResult): string[] {
  const { space, size } = result;
  const lines = factsOf(result, profile).map(([name, value]) => field(name, value));
  if (space !== undefined) {
    const { header, directory, bucket, avail, record, free, overlapping, unaccounted } = space.bytes;
    const structures = header + directory + bucket + avail;
    lines.push(
      field(
        'space',
        `${number(size)} bytes: structures ${number(structures)}, records ${number(record)}, ` +
          `free ${number(free)}, unaccounted ${number(unaccounted)}` +
          (overlapping > 0 ? `, claimed twice ${number(overlapping)}` : ''),
      ),
    );
  }
  return lines;
}

/** The number of records that come from an older state. */
function olderStateText({ olderState, action }: RepairResult): string {
  const come = action === 'repaired' ? (olderState === 1 ? 'comes' : 'come') : 'would come';
  return (
    `${count(olderState, 'record')} ${come} from an older state of the database: ` +
    'values may be older, deleted keys may be back; --no-stale leaves them out'
  );
}

/** The number of kept records that were not in force, besides those of an older state. */
function addedText({ added }: RepairResult): string {
  const parts = Object.entries(added ?? {}).filter(([kind, n]) => n > 0 && kind !== 'stale');
  if (parts.length === 0) return '';
  return `; ${parts.map(([provenance, n]) => `${number(n)} ${provenance}`).join(', ')} among them, as asked for`;
}

/** The ways in which records were found, unless the directory leads to all of them. */
function foundLines({ found, carvedWithKey }: RepairResult): string[] {
  const { live, orphaned, loose, stale, deleted, carved } = found;
  const lines: string[] = [];
  if (orphaned > 0 || loose > 0) {
    const ways = [
      ...(live > 0 ? [`${number(live)} live`] : []),
      ...(orphaned > 0 ? [`${number(orphaned)} orphaned, in buckets that nothing led to`] : []),
      ...(loose > 0 ? [`${number(loose)} loose, by their elements alone`] : []),
    ];
    lines.push(field('found', ways.join('; ')));
  }
  if (stale + deleted > 0) {
    const ways = [
      ...(stale > 0 ? [`${number(stale)} stale, which only superseded buckets know`] : []),
      ...(deleted > 0 ? [`${number(deleted)} deleted or replaced`] : []),
    ];
    lines.push(field('old copies', `${ways.join('; ')}; see --include, --quarantine`));
  }
  if (carved > 0) {
    const keyed = `${number(carvedWithKey)} with a key that is known`;
    lines.push(
      field('carved', `${count(carved, 'value')} by shape alone, ${keyed}; see --include, --quarantine`),
    );
  }
  return lines;
}

/** A copy that has more, and the command that brings it back. */
function betterCopyLines(copy: BetterCopy | undefined): string[] {
  return copy === undefined ? [] : [field('better copy', betterCopyText(copy)), field('', copy.command)];
}

/** Records of the damaged file that a repair keeps. */
function keptOf({ records, doubtful }: CheckResult): number {
  return records.count - (doubtful?.size ?? 0);
}

/** The command that recovers lost records; undefined if none can be recovered. */
function recoverText(result: RepairResult): string | undefined {
  const { path, action, output, backup, recoverable } = result;
  const { records, include } = recoverable;
  if (records === 0) return undefined;
  const command = `gdbm-doctor repair --include ${include.join(',')}`;
  const had = `${number(records)} of them can be had: ${command}`;
  if (action !== 'repaired' || output !== path) return `${had} ${shellPath(path)}`;
  // The file is the fresh one now, and what else was in it is only in the backup.
  if (backup === undefined) return undefined;
  return `${had} ${shellPath(backup)} -o ${shellPath(`${path}.more`)}`;
}

function lostLines(result: RepairResult, all: boolean): string[] {
  const { lost, before, kept, added, olderState, uncoveredRanges, lostDetails } = result;
  const own = kept - (added ? Object.values(added).reduce((sum, n) => sum + n, 0) : olderState);
  const more = recoverText(result);
  const reasons = Object.entries(lost.reasons).map(
    ([reason, n]) => `${number(n)} ${REASON_OF_MANY[reason] ?? reason}`,
  );
  const lines = [field('lost', [lossText(lost, own), ...(more === undefined ? [] : [more])].join('; '))];
  if (reasons.length > 0) lines.push(field('', reasons.join(', ')));
  const shown = lostDetails.slice(0, all ? lostDetails.length : SHOWN_LOST);
  for (const one of shown) lines.push(`    ${safeSentence(lostText(one))}`);
  const hidden = Math.max(lost.records, lostDetails.length) - shown.length;
  if (shown.length > 0 && hidden > 0) {
    lines.push(
      `    … and ${number(hidden)} more; ${all ? '--quarantine FILE tells of each' : '--all shows up to 100'}`,
    );
  }
  if (lost.uncovered > 0 && before.size > 0) {
    const guess =
      lost.estimated === null
        ? 'how many records that was cannot be told'
        : `perhaps ${count(lost.estimated, 'record')}`;
    lines.push(field('', `${percent(lost.uncovered)} of all hashes had no bucket (${guess})`));
    const ranges = uncoveredRanges.slice(0, all ? uncoveredRanges.length : SHOWN_LOST);
    for (const { first, end } of ranges) lines.push(`    hashes ${hex32(first)} to ${hex32(end - 1)}`);
    if (ranges.length < uncoveredRanges.length) {
      lines.push(
        `    … and ${number(uncoveredRanges.length - ranges.length)} ranges more; --all shows up to 100`,
      );
    }
  }
  return lines;
}

/** Said of records that older buckets know, where the newest buckets are all lost. */
const OLD = ', of older buckets: values may be outdated, and deleted records among them';
/** Lost records and ranges of hashes shown to a person who did not ask for all. */
const SHOWN_LOST = 5;

/** The facts that the element of a lost record still has. */
function lostText({ reason, keyStart, keySize, dataSize, offset, bucket, element }: LostDetail): string {
  const begins = keyStart.length === 0 ? '' : ` that begins "${escapeBytes(keyStart)}"`;
  const place = `at ${offset}, element ${element} of the bucket at ${bucket}`;
  return `a key of ${keySize} bytes${begins} and a value of ${dataSize}, ${place}: ${REASON_OF_ONE[reason] ?? reason}`;
}

const hex32 = (value: number) => `0x${value.toString(16).padStart(8, '0')}`;

function findingLines(result: CheckResult, options: TextOptions): string[] {
  if (result.findings.length === 0) return [];
  const groups = groupFindings(result);
  const all = Object.values(result.findingCounts).reduce((sum, n) => sum + n, 0);
  const standing = groups.reduce((sum, group) => sum + group.count, 0);
  const rest = all > standing ? `; they explain ${number(all - standing)} more` : '';
  return [
    field('findings', `${number(standing)}${rest}`),
    ...groups.flatMap((group) => groupLines(group, options, '    ')),
  ];
}

/** One kind of finding: how often, its first places, what follows from it, and what it explains. */
function groupLines(group: FindingGroup, options: TextOptions, indent: string): string[] {
  const { code, severity, consequence, places, consequences } = group;
  const colour: Record<Severity, (text: string) => string> = {
    error: options.style.red,
    warning: options.style.yellow,
    note: options.style.dim,
  };
  const shown = places.slice(0, options.all ? places.length : SHOWN_PER_CODE);
  const isSingle = group.count === 1;
  const lines = [
    `${indent}${colour[severity](severity)} ${code}${isSingle ? placeText(places[0]) : `, ${number(group.count)} times`}`,
  ];
  for (const place of shown) {
    const at = isSingle ? '' : `${placeText(place).trimStart()}: `;
    lines.push(
      `${indent}  ${at}found ${safeSentence(place.found)}; expected ${safeSentence(place.expected)}`,
    );
  }
  if (shown.length < group.count) {
    const hint = options.all || shown.length === places.length ? '' : '; --all shows up to 100';
    lines.push(`${indent}  … and ${number(group.count - shown.length)} more${hint}`);
  }
  lines.push(`${indent}  ${consequence}`);
  if (consequences.length > 0) {
    lines.push(`${indent}  This explains:`);
    for (const one of consequences) lines.push(...groupLines(one, options, `${indent}    `));
  }
  return lines;
}

function placeText({ offset }: FindingPlace): string {
  return offset === null ? '' : ` at offset ${offset} (0x${offset.toString(16)})`;
}

/** Bytes of a key that a person is shown. */
const SHOWN_KEY = 200;

/** The result of removing a record, for a person. */
export function deletedText(result: DeleteResult, key: Uint8Array, style: ChalkInstance): string {
  const { path, action, valueSize = 0, kept, output, backup, notes } = result;
  const head = action === 'deleted' ? style.green('DELETED') : 'Dry run: nothing was written';
  return textOf([
    `${escapeText(path)}: ${head}`,
    field('key', `"${escapeStart(key, SHOWN_KEY)}", with a value of ${number(valueSize)} bytes`),
    field('kept', count(kept, 'record')),
    ...placeLines(output, backup, notes),
  ]);
}

/** The fresh file, the file as it was, and notes. */
export function placeLines(
  output: string | undefined,
  backup: string | undefined,
  notes: readonly string[],
): string[] {
  return [
    ...(output === undefined ? [] : [field('written to', escapeText(output))]),
    ...(backup === undefined ? [] : [field('as it was', escapeText(backup))]),
    ...notes.map((note) => `  Note: ${escapeText(note)}`),
  ];
}

/** The statement as the last lines of a text. */
export function statementText({ tool, version, options, time, evidence }: Statement): string {
  const lines = [`${tool} ${version}, ${time}`, `options: ${options.map(shellWord).join(' ')}`];
  for (const { path, before, after } of evidence ?? []) {
    const same = before === after ? 'the same after' : `AFTER: ${after}: IT CHANGED WHILE IT WAS READ`;
    lines.push(`SHA-256 of ${escapeText(path)}: ${before}, ${same}`);
  }
  return textOf(lines);
}
