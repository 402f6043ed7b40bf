import type { ChalkInstance } from 'chalk';
import { Chalk } from 'chalk';
import { closeSync, fstatSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { isatty } from 'node:tty';
import { safeSentence } from '../report/escape.js';
import { COLUMNS } from '../report/wrap.js';
import { wipeProgress } from './progress.js';

/** Exit codes of the process. */
export const EXIT = {
  /** Healthy, or now usable. */
  ok: 0,
  /** Damaged, or not repaired because a limit that the user set forbade it; a key that is not there. */
  damaged: 1,
  /** Could not do its job: usage, I/O, locked, not GDBM. */
  failed: 2,
  /** The reader of a pipe left before it had the whole result: 128 and the number of SIGPIPE, as a shell has it. */
  readerGone: 141,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/**
 * Colours for a stream: none where NO_COLOR is set, some where FORCE_COLOR is, and otherwise as the stream is a
 * terminal or not. FORCE_COLOR wins, as the more deliberate of the two.
 */
export function styleFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): ChalkInstance {
  const force = env['FORCE_COLOR'];
  if (force !== undefined) return new Chalk({ level: force === '0' || force === 'false' ? 0 : 1 });
  const wanted = !env['NO_COLOR'] && stream.isTTY === true && env['TERM'] !== 'dumb';
  return new Chalk({ level: wanted ? 1 : 0 });
}

const STDOUT = 1;

/** Longer lines are hard to read, however wide the terminal is. */
const MOST_COLUMNS = 100;

/** Settings of a report for a person: colours, the characters of a line, and the folder that relative paths begin at. */
export function reportStyle() {
  const width = Math.min(process.stdout.columns || COLUMNS, MOST_COLUMNS);
  return { style: styleFor(process.stdout), width, cwd: process.cwd() };
}

/**
 * State of standard output, which only this file writes to. Node's own stream takes a short write to a file for a whole
 * one, so that a full volume goes unnoticed; here each write is repeated until all is written, and closing the file is
 * checked. The first error is remembered and decides the exit code, whatever the command returns.
 */
const output = {
  error: undefined as NodeJS.ErrnoException | undefined,
  /** True if a result was to be written, rather than a report of work that is done. */
  isResult: false,
  isWritten: false,
};

/** The output failed. It ends the command; `endOutput` reports the reason. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
}

/**
 * Writes the command's result, and waits until stdout takes more, so that a slow reader does not fill memory.
 *
 * @throws OutputError if not all was written
 */
export async function print(text: string | Uint8Array): Promise<void> {
  output.isResult = true;
  await printReport(text);
  if (output.error !== undefined) throw new OutputError(output.error.message, { cause: output.error });
}

/** Writes a report of work that is done. An error does not stop the rest of the command: `endOutput` reports it. */
export async function printReport(text: string | Uint8Array): Promise<void> {
  if (output.error !== undefined) return;
  if (process.stdout.isTTY) wipeProgress();
  output.isWritten = true;
  try {
    if (isStream()) await writeToStream(text);
    else writeToFile(text);
  } catch (error) {
    output.error = error as NodeJS.ErrnoException;
  }
}

/** Settings of a report for a person, of the options of that name. */
export function detailOf({ findings, all, quiet }: { findings: boolean; all: boolean; quiet: boolean }) {
  return { ...reportStyle(), findings: findings || all, all, quiet };
}

/** Writes how many of several files ended in which way, on one line. */
export async function printSummary(outcomes: readonly string[]): Promise<void> {
  if (outcomes.length < 2) return;
  const kinds = [...new Set(outcomes)].map(
    (kind) => `${outcomes.filter((one) => one === kind).length} ${kind}`,
  );
  await printReport(`${outcomes.length} files: ${kinds.join(', ')}\n`);
}

/** Returns true if anything was written. */
export function hasOutput(): boolean {
  return output.isWritten;
}

/** Returns true for a pipe, a socket or a terminal: there Node waits for room, and writes all or fails. */
function isStream(): boolean {
  const stats = fstatSync(STDOUT);
  return stats.isFIFO() || stats.isSocket() || isatty(STDOUT);
}

function writeToStream(text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

function writeToFile(text: string | Uint8Array): void {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  for (let done = 0; done < bytes.length;) done += writeSync(STDOUT, bytes, done);
}

/**
 * Closes the output after a command, because a file system may report a failed write only then.
 *
 * @param exit the command's exit code
 * @returns the exit code of the process: that of a failure if the output failed
 */
export function endOutput(exit: number): number {
  if (output.isWritten && output.error === undefined && !isStream()) {
    try {
      closeSync(STDOUT);
    } catch (error) {
      output.error = error as NodeJS.ErrnoException;
    }
  }
  const { error, isResult } = output;
  // A process may run several commands, one after the other.
  Object.assign(output, { error: undefined, isResult: false, isWritten: false });
  if (error === undefined) return exit;
  const { code, message } = error;
  // The reader has seen enough, as in `list | head`: no message, but a result that was cut off is no success.
  if (code === 'EPIPE') return isResult ? EXIT.readerGone : exit;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  const why = isFull ? 'no space left to write to it. Free some, or write it elsewhere' : message;
  const what = isResult ? 'what was written is not whole' : 'the report is not whole';
  const done = isResult || exit === EXIT.failed ? '' : ', but the work that it is about is done';
  tell(`standard output: ${why}; ${what}${done}.`);
  return EXIT.failed;
}

/** Characters that are collected before a write: one write for each of a million lines would take longer than the lines. */
const BUFFERED = 1 << 16;

/** Collects many small pieces of output into few large writes. */
export class Output {
  #text = '';

  /** @returns a promise only where it writes: to await a million times takes longer than the lines */
  add(text: string): Promise<void> | undefined {
    this.#text += text;
    return this.#text.length >= BUFFERED ? this.flush() : undefined;
  }

  async flush(): Promise<void> {
    const text = this.#text;
    this.#text = '';
    if (text !== '') await print(text);
  }
}

/** Writes a message to stderr. Paths and arguments in it cannot drive the terminal. */
export function tell(text: string): void {
  wipeProgress();
  process.stderr.write(`gdbm-doctor: ${safeSentence(withoutBreaks(text, process.argv))}\n`);
}

/** Escapes line breaks of arguments: the rest of such an argument would look like a message of ours. */
function withoutBreaks(text: string, args: readonly string[]): string {
  return args
    .flatMap((arg) => [arg, basename(arg)])
    .filter((name) => name.includes('\n'))
    .reduce((safe, name) => safe.replaceAll(name, name.replaceAll('\n', '\\x0a')), text);
}

/** The version as the build of the one-file program puts it in; that program has no package.json beside it. */
declare const BUNDLED_VERSION: string | undefined;

/** The version of this package. */
export async function packageVersion(): Promise<string> {
  if (typeof BUNDLED_VERSION === 'string') return BUNDLED_VERSION;
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
