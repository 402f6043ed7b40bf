import type { ChalkInstance } from 'chalk';
import type { CheckResult } from '../check/check.js';
import type { FindingGroup, FindingPlace, Severity } from '../check/finding.js';
import { groupFindings } from '../check/finding.js';
import { lostRecords } from '../check/losses.js';
import type { BetterCopy } from '../copies.js';
import type { MachineName } from '../format/machines.js';
import { leaveOutRule } from '../profile/leaveout.js';
import type { ProfileResult } from '../profile/inspect.js';
import type { CompactResult } from '../repair/compact.js';
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
import type { Line } from './wrap.js';
import { textOf, wrappedText } from './wrap.js';
import {
  betterCopyText,
  count,
  factsOf,
  field,
  foreignText,
  insideText,
  isLoss,
  isUndoubted,
  libgdbmText,
  lossText,
  percent,
  REASON_OF_MANY,
  REASON_OF_ONE,
  setAsideFields,
  undoneFields,
} from './sentences.js';

/** Places of one kind of finding shown to a person before the rest is only counted. */
const SHOWN_PER_CODE = 3;

interface TextOptions {
  /** Colours, or none. */
  readonly style: ChalkInstance;
  /** The folder that relative paths begin at. */
  readonly cwd?: string | undefined;
  /** Characters of a line, at most. */
  readonly width?: number | undefined;
  /** Shows what was found in the structures of the file, in the terms of the format. */
  readonly findings?: boolean;
  /** Shows every finding that was kept. */
  readonly all: boolean;
  /** The verdict alone, on one line. */
  readonly quiet?: boolean;
  /** The profile of the contents, if it was checked; its findings are among those of the file. */
  readonly profile?: ProfileResult | undefined;
  /** The machine that is to use the file, where it was judged for one. */
  readonly machine?: MachineName | undefined;
  /** A copy beside the file that has more. */
  readonly betterCopy?: BetterCopy | undefined;
}

/** A checked file for a person, the verdict first and what to do last. */
export function checkText(path: string, result: CheckResult, options: TextOptions): string {
  const { profile, betterCopy, machine, width } = options;
  const head = `${escapeText(path)}: ${verdictText(result, options)}`;
  if (options.quiet === true) return textOf([head]);
  const lines: Line[] = [head, ...betterCopyLines(betterCopy, result.other !== undefined)];
  if (result.other !== undefined) {
    const { what, advice } = result.other;
    return wrappedText([...lines, `  This is ${named(what, path)}.`, ...adviceLines(advice, path)], width);
  }
  if (options.findings === true) {
    lines.push(...missingLines(result), ...describe(result, profile), ...findingLines(result, options));
  } else lines.push(...recordLines(result), ...briefLines(path, result, profile));
  if (betterCopy !== undefined) lines.push(`  To do: ${betterCopy.command}`);
  const { kind, command } = nextStep(path, result, profile, machine);
  if (result.unrepairable !== undefined)
    lines.push(field('repair', `refuses: ${named(result.unrepairable, path)}`));
  if (command !== undefined) lines.push(`  ${betterCopy === undefined ? 'To do' : 'Or'}: ${command}`);
  if (kind === 'values' && profile !== undefined && leaveOutRule(profile)) {
    lines.push(
      `  Or: ${repairCommand(path)}`,
      `      sets aside what ${profile.name} cannot load. If it is meant to be so: check --profile none`,
    );
  }
  return wrappedText(lines, width);
}

/** The records of a checked file: how many there are, and how many are missing. */
function recordLines(result: CheckResult): string[] {
  const { verdict, format, records } = result;
  if (format === undefined) return [];
  if (verdict !== 'damaged') return [field('records', number(records.count))];
  return [field('records', `${number(keptOf(result))} that a repair keeps`), ...missingLines(result)];
}

function missingLines(result: CheckResult): string[] {
  if (result.verdict !== 'damaged' || result.format === undefined) return [];
  return [field('missing', lossText(lostRecords(result), keptOf(result)))];
}

/** The facts about a file that need no term of the format. */
function briefLines(path: string, result: CheckResult, profile: ProfileResult | undefined): string[] {
  const { verdict } = result;
  const lines = undoneFields(result);
  if (verdict !== 'healthy') lines.push(['libgdbm', libgdbmText(result)]);
  if (profile !== undefined && profile.name !== 'none') lines.push(['inside', insideText(profile)]);
  const free = result.findings.find(({ code }) => code === 'space-mostly-free');
  if (free !== undefined)
    lines.push(['free', `${free.found}; to give it back: gdbm-doctor compact ${shellPath(path)}`]);
  const codes = codesText(result);
  if (codes !== '') {
    const more = `gdbm-doctor check --findings ${shellPath(path)}`;
    lines.push([verdict === 'damaged' ? 'wrong' : 'noticed', `${codes}; see: ${more}`]);
  }
  return lines.map(([name, value]) => field(name, value));
}

/** Advice: a command with a remark behind it, each on a line of its own, or a sentence. */
function adviceLines(advice: string, path: string): Line[] {
  const [start, ...remark] = safeSentence(named(advice, path)).split('  # ');
  if (remark.length === 0) return [`  ${start}`];
  // A refusal says what the file is before the command.
  const [, what = '', command] = /^(This is .*?\. )?(.*)$/s.exec(start)!;
  return [
    ...(what === '' ? [] : [`  ${what.trimEnd()}`]),
    { whole: `  To do: ${command}` },
    `  # ${remark.join('  # ')}`,
  ];
}

/** The result of a repair, for a person. */
export function repairText(result: RepairResult, options: TextOptions): string {
  const { path, action, before, reason } = result;
  const { width } = options;
  const name = escapeText(path);
  if (action === 'none' && before.verdict === 'foreign') return checkText(path, before, options);
  const head = `${name}: ${repairHead(result, options)}`;
  if (options.quiet === true) return textOf([head]);
  const lines: Line[] = [head];
  if (action === 'refused') {
    lines.push(
      ...betterCopyLines(result.betterCopy),
      ...adviceLines(reason ?? '', path),
      ...setAsideFields(result).map(([label, value]) => field(label, value)),
      ...(result.limited === true ? lostLines(result) : []),
    );
  } else if (action === 'none' && reason === undefined) {
    lines.push(
      ...betterCopyLines(result.betterCopy),
      field('records', number(before.records.count)),
      ...(options.findings === true
        ? describe(before, result.profile)
        : briefLines(path, before, result.profile)),
    );
    return wrappedText(lines, width);
  } else lines.push(...outcomeLines(result, options));
  if (options.findings === true) lines.push(...oldLines(result, options));
  return wrappedText(lines, width);
}

/** The state of the file now, in a few words. */
function repairHead(result: RepairResult, options: TextOptions): string {
  const { action, before, after, reason, betterCopy, lost } = result;
  const { green, red, yellow } = options.style;
  if (action === 'refused') return red('NOT REPAIRED');
  if (action === 'none' && reason !== undefined) return verdictText(before, options);
  if (action === 'none')
    return `${green('healthy')}, ${betterCopy === undefined ? 'nothing to do' : 'but a copy has more'}`;
  if (after?.verdict === 'damaged') return `${green('REPAIRED')}, ${red('but not all is well')}`;
  if (!isLoss(lost)) return green('REPAIRED');
  const what = isOnlySetAside(result) ? 'were set aside' : 'are missing';
  return `${green('REPAIRED')}, ${yellow(`but records ${what}`)}`;
}

/** True if the fresh file lacks only what its program cannot load, which the quarantine has. */
function isOnlySetAside({ lost, setAside }: RepairResult): boolean {
  return lost.records === setAside?.records && lost.estimated === 0 && lost.likelyDamaged === 0;
}

/** A repair that was done, or a dry run: records, losses, contents, places, and the next step. */
function outcomeLines(result: RepairResult, options: TextOptions): string[] {
  const { path, action, before, after, reason, output, notes, kept, profile, betterCopy } = result;
  const isOld = before.findingCounts['buckets-lost'] !== undefined;
  const how = isUndoubted(result.lost, before) ? ', byte for byte' : isOld ? OLD : '';
  const lines = [
    ...(reason === undefined ? [] : [`  ${named(reason, path)}`]),
    ...undoneFields(before).map(([label, value]) => field(label, value)),
    field('kept', `${count(kept, 'record')}${how}${addedText(result)}`),
    ...(result.olderState > 0 ? [field('older', olderStateText(result))] : []),
    ...lostLines(result),
    ...betterCopyLines(betterCopy, action === 'repaired'),
  ];
  if (after?.verdict === 'damaged') {
    lines.push(field('still there', `${codesText(after)}: a check of the result says DAMAGED`));
  }
  lines.push(...setAsideFields(result).map(([label, value]) => field(label, value)));
  if (profile !== undefined && profile.name !== 'none') lines.push(field('inside', insideText(profile)));
  if (result.quarantine !== undefined && result.setAside === undefined)
    lines.push(field('quarantine', escapeText(result.quarantine)));
  lines.push(
    ...(output === undefined || result.isInPlace ? [] : [field('written to', escapeText(output))]),
    ...notes.map((note) => `  Note: ${escapeText(note)}`),
  );
  const next = action === 'repaired' ? nextText(result, options.cwd) : '';
  if (next !== '') lines.push(`  ${options.style.bold(next)}`);
  else if (action === 'none' && before.verdict === 'damaged') {
    lines.push(`  To do: ${betterCopy?.command ?? repairCommand(path)}`);
  }
  return lines;
}

/** The last sentence of a repair: what to do now. */
function nextText({ path, isInPlace, backup, betterCopy, after }: RepairResult, cwd?: string): string {
  if (!isInPlace) return `${escapeText(path)} is as it was.`;
  const old = backup === undefined ? [] : [oldFileText(path, backup, cwd)];
  if (after?.verdict !== 'healthy') return old.join('');
  const start =
    betterCopy === undefined
      ? 'Start your program now.'
      : 'Bring the better copy back with the command above, or start your program now.';
  return [start, ...old].join(' ');
}

/** The sentence on the backup after a file was replaced; a relative path stays one. */
export function oldFileText(path: string, backup: string, cwd: string | undefined): string {
  const isRelative = !path.startsWith('/') && cwd !== undefined && backup.startsWith(`${cwd}/`);
  const old = isRelative ? backup.slice(cwd.length + 1) : backup;
  return `The old file is ${escapeText(old)}; delete it when you are content.`;
}

/** The facts about the file as it was, in the terms of the format. */
function oldLines(result: RepairResult, options: TextOptions): string[] {
  const { before, lost } = result;
  const { libgdbm } = before;
  const isRepaired = result.action === 'repaired';
  const reasons = Object.entries(lost.reasons).map(
    ([reason, n]) => `${number(n)} ${REASON_OF_MANY[reason] ?? reason}`,
  );
  return [
    isRepaired ? '  Found in the old file:' : '  Found in the file:',
    field('libgdbm said', libgdbm === null ? 'nothing: it opens the file' : `"${libgdbm}"`),
    ...foundLines(result),
    ...(reasons.length === 0 ? [] : [field('lost', reasons.join(', '))]),
    ...lostDetailLines(result, options.all),
    ...findingLines(before, options),
  ];
}

/** The codes of the errors that were found, or where there are none of the warnings, each with its number. */
function codesText(result: CheckResult): string {
  const groups = groupFindings(result);
  const errors = groups.filter(({ severity }) => severity === 'error');
  const shown = errors.length > 0 ? errors : groups.filter(({ severity }) => severity === 'warning');
  return shown.map(({ code, count: n }) => (n === 1 ? code : `${code} (${number(n)})`)).join(', ');
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

/** A copy that has more, and the command that brings it back unless that follows as the next step. */
function betterCopyLines(copy: BetterCopy | undefined, withCommand = true): string[] {
  if (copy === undefined) return [];
  const text = field('better copy', betterCopyText(copy));
  return withCommand ? [text, field('', copy.command)] : [text];
}

/** Records of the damaged file that a repair keeps. */
function keptOf({ records, doubtful }: CheckResult): number {
  return records.count - (doubtful?.size ?? 0);
}

/** The command that recovers lost records; undefined if none can be recovered. */
function recoverText(result: RepairResult): string | undefined {
  const { path, action, isInPlace, backup, recoverable } = result;
  const { records, include } = recoverable;
  if (records === 0) return undefined;
  const command = `gdbm-doctor repair --include ${include.join(',')}`;
  const had = `${number(records)} of them can be had: ${command}`;
  if (action !== 'repaired' || !isInPlace) return `${had} ${shellPath(path)}`;
  // The file is the fresh one now, and what else was in it is only in the backup.
  if (backup === undefined) return undefined;
  return `${had} ${shellPath(backup)} -o ${shellPath(`${path}.more`)}`;
}

/** The number of missing records, and the command that brings some of them back. */
function lostLines(result: RepairResult): string[] {
  const { lost, kept, added, olderState } = result;
  const own = kept - (added ? Object.values(added).reduce((sum, n) => sum + n, 0) : olderState);
  const more = recoverText(result);
  const missing = isOnlySetAside(result) ? 'none but what is set aside' : lossText(lost, own);
  return [field('missing', missing), ...(more === undefined ? [] : [field('', more)])];
}

/** Each lost record with what is still known of it, and the hashes of which no bucket is left. */
function lostDetailLines(
  { lost, before, uncoveredRanges, lostDetails }: RepairResult,
  all: boolean,
): string[] {
  const lines: string[] = [];
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
    lines.push(field('uncovered', `${percent(lost.uncovered)} of all hashes had no bucket (${guess})`));
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

/** The result of a compaction, for a person. */
export function compactText(
  result: CompactResult,
  { style, width }: { style: ChalkInstance; width?: number },
): string {
  const { path, action, before, size, kept, output, backup, notes } = result;
  const isSmall = action === 'none';
  const head = isSmall ? 'as small as it can be, nothing was changed' : style.green('COMPACTED');
  const sizes = isSmall ? bytes(before) : `${bytes(before)} before, ${bytes(size)} now`;
  return wrappedText(
    [
      `${escapeText(path)}: ${head}`,
      field('size', sizes),
      field('kept', count(kept, 'record')),
      ...placeLines(output, backup, notes),
    ],
    width,
  );
}

const bytes = (n: number) => count(n, 'byte');

/** The result of the removal of a record, for a person. */
export function deletedText(
  result: DeleteResult,
  key: Uint8Array,
  { style, width }: { style: ChalkInstance; width?: number },
): string {
  const { path, action, valueSize = 0, kept, output, backup, notes } = result;
  const head = action === 'deleted' ? style.green('DELETED') : 'Dry run: nothing was written';
  return wrappedText(
    [
      `${escapeText(path)}: ${head}`,
      field('key', `"${escapeStart(key, SHOWN_KEY)}", with a value of ${number(valueSize)} bytes`),
      field('kept', count(kept, 'record')),
      ...placeLines(output, backup, notes),
    ],
    width,
  );
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
