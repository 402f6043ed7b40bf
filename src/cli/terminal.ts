import { basename } from 'node:path';
import type { ChalkInstance } from 'chalk';
import { Chalk } from 'chalk';
import { RefusedError } from '../replace/errors.js';
import { safeSentence } from '../report/escape.js';

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

/**
 * Writes to stdout and waits until it takes more, so that a slow reader does not fill memory.
 *
 * @throws NodeJS.ErrnoException such as EPIPE where the reader went away
 */
export function print(text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(outputError(error)) : resolve()));
  });
}

/** What is wrong with the output says nothing of the file that is read; that a reader went away is for others to judge. */
function outputError(error: NodeJS.ErrnoException): Error {
  if (error.code === 'EPIPE') return error;
  const full = error.code === 'ENOSPC' || error.code === 'EDQUOT';
  const why = full ? 'no space left to write to it. Free some, or write it elsewhere' : error.message;
  return new RefusedError(
    full ? 'no-space' : 'io',
    `standard output: ${why}; what was written is not whole.`,
    {
      cause: error,
    },
  );
}

/**
 * Writes a report of work that is done: that nobody reads it, or that it cannot be written, changes nothing of the
 * work. A reader that went away is no error at all.
 *
 * @returns whether it was written or not wanted
 */
export async function printReport(text: string): Promise<boolean> {
  try {
    await print(text);
    return true;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EPIPE') return true;
    tell(`cannot write the report: ${message}`);
    return false;
  }
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
