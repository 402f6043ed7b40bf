import { escapeText, shellWord } from './escape.js';

/** The tool, options and time of a report, so that it can be made again and compared. */
export interface Statement {
  readonly tool: 'gdbm-doctor';
  readonly version: string;
  /** The command line, as it was given. */
  readonly options: readonly string[];
  /** ISO 8601, UTC. */
  readonly time: string;
  /** Only where hashes were asked for. */
  readonly evidence?: readonly Evidence[];
}

/** SHA-256 of a file, in hex, before it was read and after. */
export interface Evidence {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/** The statement as the last lines of a text. */
export function statementText({ tool, version, options, time, evidence }: Statement): string {
  const lines = [`${tool} ${version}, ${time}`, `options: ${options.map(shellWord).join(' ')}`];
  for (const { path, before, after } of evidence ?? []) {
    const same = before === after ? 'the same after' : `AFTER: ${after}: IT CHANGED WHILE IT WAS READ`;
    lines.push(`SHA-256 of ${escapeText(path)}: ${before}, ${same}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}
