import { contentsText } from '../store/snapshot.js';
import type { ChalkInstance } from 'chalk';
import type { Listed, ListedSnapshot } from '../store/folder.js';
import { nameOf } from '../store/folder.js';
import type { Restored } from '../store/restore.js';
import { escapeText, number, safeSentence } from './escape.js';
import { ageInWords, count, fieldOnOneLine } from './sentences.js';
import { wrappedText } from './wrap.js';
import { oldFileText, placeLines } from './text.js';

/** A folder of snapshots for a person: a line each, the newest first. */
export function snapshotsText(
  path: string,
  { folder, other, snapshots, untrusted }: Listed,
  now: Date,
  style: ChalkInstance,
): string {
  const whose = other === undefined ? '' : `  ANOTHER DATABASE'S: ${escapeText(nameOf(other))}\n`;
  const many = count(snapshots.length, 'snapshot');
  const notUsed = untrusted.map((one) => `  NOT USED: ${escapeText(one.path)}: ${one.why}\n`).join('');
  const title = `${escapeText(path)}: ${many} in ${escapeText(folder)}\n${whose}${notUsed}`;
  if (snapshots.length === 0) return title;
  const rows = snapshots.map((one) => [
    one.id,
    one.time.toISOString().replace('T', ' ').slice(0, 19),
    ageInWords(now.getTime() - one.time.getTime()),
    number(one.records),
    number(one.bytes),
  ]);
  const head = ['id', 'time (UTC)', 'age', 'records', 'bytes'];
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i].length)));
  const line = (cells: readonly string[]) =>
    // Numbers stand under each other by their last digits.
    cells.map((cell, i) => (i < 3 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  const lines = rows.map((row, i) => `  ${line(row)}  ${noteOf(snapshots[i], style)}`.trimEnd());
  return [`${title}  ${line(head)}  note`, ...lines].join('\n') + '\n';
}

/** The same as programs read it. */
export function snapshotsJson(
  path: string,
  { folder, other, snapshots, untrusted }: Listed,
  now: Date,
): object {
  return {
    path,
    folder,
    otherDatabase: other === undefined ? null : nameOf(other),
    snapshots: snapshots.map((one) => snapshotJson(one, now)),
    notUsed: untrusted,
  };
}

/** The result of a restore, for a person. */
export function restoreText(
  restored: Restored,
  { style, width, cwd }: { style: ChalkInstance; width?: number; cwd?: string },
): string {
  const { path, action, reason, snapshot, backup, notes } = restored;
  const done = action === 'restored' ? style.green('RESTORED') : 'nothing written';
  const lines = [`${escapeText(path)}: ${done}`];
  if (reason !== undefined) lines.push(`  ${safeSentence(reason)}`);
  lines.push(
    fieldOnOneLine('snapshot', snapshot.id),
    fieldOnOneLine('records', number(snapshot.records)),
    fieldOnOneLine('from', snapshot.path),
  );
  if (snapshot.poor)
    lines.push(fieldOnOneLine('', 'kept apart when it was taken: worse than the one before it'));
  lines.push(...placeLines(undefined, undefined, notes));
  if (action === 'restored') {
    const old = backup === undefined ? '' : ` ${oldFileText(path, backup, cwd)}`;
    lines.push(`  ${style.bold(`Start your program now.${old}`)}`);
  }
  return wrappedText(lines, width);
}

/** The same as programs read it. */
export function restoreJson({ snapshot, ...restored }: Restored, now: Date): object {
  const { path, action, reason, output, backup, notes } = restored;
  return {
    path,
    action,
    reason: reason ?? null,
    snapshot: snapshotJson(snapshot, now),
    output: output ?? null,
    backup: backup ?? null,
    notes,
  };
}

/** A restore that could not be done; the database is as it was. */
export function failedRestoreJson(path: string, code: string, message: string): object {
  const nothing = { reason: message, snapshot: null, output: null, backup: null, notes: [] };
  return { path, action: 'refused', error: { code, message }, ...nothing };
}

/** Snapshots that could not be listed. */
export function failedSnapshotsJson(path: string, code: string, message: string): object {
  return { path, folder: null, snapshots: [], error: { code, message } };
}

function snapshotJson(one: ListedSnapshot, now: Date): object {
  const { id, time, hash, records, tasks, bytes, poor, path, intact } = one;
  return {
    id,
    time: time.toISOString(),
    ageSeconds: Math.floor((now.getTime() - time.getTime()) / 1000),
    hash,
    records,
    ...(tasks !== undefined && { tasks }),
    bytes,
    poor,
    path,
    ...(intact !== undefined && { intact }),
  };
}

function noteOf(one: ListedSnapshot, style: ChalkInstance): string {
  const { poor, intact, tasks } = one;
  const notes: string[] = [];
  if (tasks !== undefined) notes.push(contentsText(one));
  if (intact === false) notes.push(style.red('DAMAGED'));
  if (intact === true) notes.push('intact');
  if (poor) notes.push(style.yellow('kept apart: worse than the one before'));
  return notes.join(', ');
}
