import { closeSync, fstatSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { isatty } from 'node:tty';
import type { ChalkInstance } from 'chalk';
import { Chalk } from 'chalk';
import { safeSentence } from '../report/escape.js';
import { EXIT } from './exit.js';

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

/**
 * Standard output, the only way to it. Node's own stream of a file takes a short write for a whole one, so that a full volume
 * goes unnoticed; here each write goes on until all is written, and the file is closed with a look at what that says. The
 * first error is remembered, and decides what the process ends with, whatever the command makes of it.
 */
const output = {
  error: undefined as NodeJS.ErrnoException | undefined,
  /** Whether something was to be written that the command is there for, rather than a report of its work. */
  isResult: false,
  isWritten: false,
};

/** The output failed. The command ends, and `endOutput` says why. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
}

/**
 * Writes what the command is there for, and waits until stdout takes more, so that a slow reader does not fill memory.
 *
 * @throws OutputError where not all was written
 */
export async function print(text: string | Uint8Array): Promise<void> {
  output.isResult = true;
  await printReport(text);
  if (output.error !== undefined) throw new OutputError(output.error.message, { cause: output.error });
}

/**
 * Writes a report of work that is done and whose exit code is known. An error does not hinder the rest of the command: it
 * is told at the end.
 */
export async function printReport(text: string | Uint8Array): Promise<void> {
  if (output.error !== undefined) return;
  output.isWritten = true;
  try {
    if (isStream()) await writeToStream(text);
    else writeToFile(text);
  } catch (error) {
    output.error = error as NodeJS.ErrnoException;
  }
}

/** Whether stdout is a pipe, a socket or a terminal: Node waits for room there, and writes all or fails. */
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
 * Closes the output when a command has ended, since a file system may say only then that a write failed.
 *
 * @param exit what the command ended with
 * @returns what the process is to end with: if the output failed, that it did
 */
export function endOutput(exit: number): number {
  if (output.isWritten && output.error === undefined && !isStream()) {
    try {
      closeSync(STDOUT);
    } catch (error) {
      output.error = error as NodeJS.ErrnoException;
    }
  }
  if (output.error === undefined) return exit;
  const { code, message } = output.error;
  // The reader has seen enough, as in `list | head`. Nobody is told, but a result that was cut off is no success.
  if (code === 'EPIPE') return output.isResult ? EXIT.readerGone : exit;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  const why = isFull ? 'no space left to write to it. Free some, or write it elsewhere' : message;
  const what = output.isResult ? 'what was written is not whole' : 'the report is not whole';
  const done = output.isResult || exit === EXIT.failed ? '' : ', but the work that it is about is done';
  tell(`standard output: ${why}; ${what}${done}.`);
  return EXIT.failed;
}

/** Characters gathered before they are written: a write for each of a million lines takes longer than the lines. */
const GATHERED = 1 << 16;

/** Many small pieces of output, written in few large ones. */
export class Output {
  #text = '';

  /** @returns what is to be waited for, where it is: to wait for nothing a million times takes longer than the lines */
  add(text: string): Promise<void> | undefined {
    this.#text += text;
    return this.#text.length >= GATHERED ? this.flush() : undefined;
  }

  async flush(): Promise<void> {
    const text = this.#text;
    this.#text = '';
    if (text !== '') await print(text);
  }
}

/** Says something to the operator beside the result. Paths and arguments in it cannot drive the terminal. */
export function tell(text: string): void {
  process.stderr.write(`gdbm-doctor: ${safeSentence(withoutBreaks(text, process.argv))}\n`);
}

/** Of an argument that has the end of a line in it the rest would look like something that we say. */
function withoutBreaks(text: string, args: readonly string[]): string {
  return args
    .flatMap((arg) => [arg, basename(arg)])
    .filter((name) => name.includes('\n'))
    .reduce((safe, name) => safe.replaceAll(name, name.replaceAll('\n', '\\x0a')), text);
}
