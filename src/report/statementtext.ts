import { escapeText } from './escape.js';
import type { Statement } from './statement.js';
import { shellWord } from './shellword.js';

/** The statement as the last lines of a text. */
export function statementText({ tool, version, options, time, evidence }: Statement): string {
  const lines = [`${tool} ${version}, ${time}`, `options: ${options.map(shellWord).join(' ')}`];
  for (const { path, before, after } of evidence ?? []) {
    const same = before === after ? 'the same after' : `AFTER: ${after}: IT CHANGED WHILE IT WAS READ`;
    lines.push(`SHA-256 of ${escapeText(path)}: ${before}, ${same}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}
