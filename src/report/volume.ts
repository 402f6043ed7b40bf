import type { ChalkInstance } from 'chalk';
import type { VolumeDiagnosis } from '../service/diagnose.js';
import type { ProblemSeverity, VolumeProblem, PlaceFacts, VolumeFacts } from '../service/facts.js';
import { escapeText, number, safeSentence } from './escape.js';
import { count, fieldOnOneLine } from './sentences.js';
import { textOf, wrap } from './wrap.js';

/** The place of a database for a person: each problem with the one line to do about it, then what was seen. */
export function volumeReport({ path, problems, facts }: VolumeDiagnosis, style: ChalkInstance): string {
  const lines = [`${escapeText(path)}: ${headline(problems, style)}`];
  for (const one of problems) lines.push(...problemLines(one, style));
  lines.push(...factLines(facts).flatMap(([name, value]) => wrap(fieldOnOneLine(name, value))));
  for (const sentence of facts.unseen) lines.push(...wrap(fieldOnOneLine('not seen', sentence)));
  return textOf(lines);
}

function headline(problems: readonly VolumeProblem[], style: ChalkInstance): string {
  if (problems.length === 0) return style.green('nothing is wrong with its place');
  const counts = (['error', 'warning', 'notice'] as const)
    .map((severity) => ({ severity, n: problems.filter((one) => one.severity === severity).length }))
    .filter(({ n }) => n > 0)
    .map(({ severity, n }) => count(n, severity));
  return `${colourOf(problems[0].severity, style)(counts.join(', '))} about its place`;
}

function problemLines({ code, severity, found, advice }: VolumeProblem, style: ChalkInstance): string[] {
  return [
    `  ${colourOf(severity, style)(severity)} ${code}`,
    ...wrap(`    ${oneLine(found)}`),
    `    ${style.bold('To do:')} ${oneLine(advice)}`,
  ];
}

function colourOf(severity: ProblemSeverity, style: ChalkInstance): (text: string) => string {
  return { error: style.red, warning: style.yellow, notice: style.dim }[severity];
}

function factLines(facts: VolumeFacts): [string, string][] {
  const { realPath, path, file, folder, folderPath, user, mount, space, holders } = facts;
  const lines: [string, string][] = [];
  if (realPath !== path) lines.push(['leads to', realPath]);
  if (user !== undefined) lines.push(['run as', `uid ${user.uid}, gid ${user.gid}`]);
  if (file !== undefined) lines.push(['file', `${placeText(file)}, ${number(file.size)} bytes`]);
  if (folder !== undefined) lines.push(['folder', `${folderPath}, ${placeText(folder)}`]);
  if (mount?.line !== undefined) {
    const { mountPoint, fsType, source, options } = mount.line;
    const writable = options.includes('ro') ? 'read-only' : 'read-write';
    lines.push(['mount', `${mountPoint}, ${fsType} of ${source}, ${writable}`]);
  } else if (mount?.fsType !== undefined) lines.push(['mount', mount.fsType]);
  if (space !== undefined) {
    const inodes = space.totalInodes === 0 ? '' : `, ${number(space.freeInodes)} inodes`;
    lines.push(['free', `${number(space.freeBytes)} of ${number(space.totalBytes)} bytes${inodes}`]);
  }
  if (holders?.length === 0) lines.push(['held by', 'no other process that can be seen here']);
  return lines;
}

function placeText({ uid, gid, mode }: PlaceFacts): string {
  return `owner ${uid}:${gid}, mode ${mode.toString(8).padStart(4, '0')}`;
}

/** A sentence with paths in it, which may have line ends of their own. */
function oneLine(text: string): string {
  return safeSentence(text).replaceAll('\n', '\\x0a');
}
