import type { DeleteResult } from '../repair/delete.js';
import type { ChalkInstance } from 'chalk';
import { escapeStart, escapeText } from './escape.js';
import { number } from './number.js';

/** Bytes of a key that a person is shown. */
const SHOWN_KEY = 200;

/** What removing a record did, for a person. */
export function deletedText(result: DeleteResult, key: Uint8Array, style: ChalkInstance): string {
  const { path, action, valueSize = 0, kept, output, backup, notes } = result;
  const head = action === 'deleted' ? style.green('DELETED') : 'Dry run: nothing was written';
  const lines: [string, string][] = [
    ['key', `"${escapeStart(key, SHOWN_KEY)}", with a value of ${number(valueSize)} bytes`],
    ['kept', `${number(kept)} record${kept === 1 ? '' : 's'}`],
    ...(output === undefined ? [] : [['written to', escapeText(output)] as [string, string]]),
    ...(backup === undefined ? [] : [['as it was', escapeText(backup)] as [string, string]]),
  ];
  return [
    `${escapeText(path)}: ${head}`,
    ...lines.map(([name, value]) => `  ${name.padEnd(12)} ${value}`),
    ...notes.map((note) => `  Note: ${escapeText(note)}`),
    '',
  ].join('\n');
}

/** The same as programs read it; the key as base64. */
export function deletedReport(result: DeleteResult, key: Uint8Array): object {
  const { path, action, valueSize, kept, output, backup, notes } = result;
  return {
    path,
    action,
    key: btoa(String.fromCharCode(...key)),
    found: valueSize !== undefined,
    valueSize: valueSize ?? null,
    kept,
    output: output ?? null,
    backup: backup ?? null,
    notes,
  };
}

/** A record that could not be removed; the file is as it was. */
export function failedDeleteReport(path: string, code: string, message: string): object {
  return { path, action: 'refused', error: { code, message } };
}
