import { DumpError } from '../exchange/input.js';
import { shellPath } from '../report/escape.js';
import { SourceError } from '../source/source.js';
import { refusal, RefusedError } from '../store/errors.js';
import { BuildError } from '../write/frame.js';
import { VerifyError } from '../write/write.js';
import { EXIT, printReport, tell } from './terminal.js';
import type { ProgressLine } from './progress.js';
import { progressLine } from './progress.js';

/** Signals that end work that writes, with the exit code that a shell expects. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Work that writes, as {@link runWork} runs it. */
interface Work {
  readonly path: string;
  /** For a message: "cannot ... : no permission". */
  readonly doing: string;
  /** Gets a failure; returns the JSON document of it, where one is to be printed. */
  readonly failed?: ((code: string, message: string) => string | void) | undefined;
}

/**
 * Runs work that writes. A signal aborts it, so that it leaves nothing half-done; its errors are told.
 *
 * @returns the exit code of the process
 */
export async function runWork(
  { path, doing, failed }: Work,
  work: (signal: AbortSignal, progress: ProgressLine) => Promise<number>,
): Promise<number> {
  const stop = new AbortController();
  const { signal } = stop;
  let stoppedBy: keyof typeof SIGNALS | undefined;
  const listener = (name: NodeJS.Signals) => {
    stoppedBy ??= name as keyof typeof SIGNALS;
    stop.abort();
  };
  const names = Object.keys(SIGNALS) as (keyof typeof SIGNALS)[];
  for (const name of names) process.on(name, listener);
  const progress = progressLine('repairing');
  try {
    return await work(signal, progress);
  } catch (error) {
    progress.end();
    const isAbort = error === signal.reason || (error as Error).name === 'AbortError';
    if (stoppedBy !== undefined && isAbort) {
      tell(`${path}: stopped by ${stoppedBy}. Nothing was changed.`);
      return SIGNALS[stoppedBy];
    }
    const { code, message } = explain(error, path, doing);
    const document = failed?.(code, message);
    if (typeof document === 'string') await printReport(document);
    tell(message);
    return EXIT.failed;
  } finally {
    progress.end();
    for (const name of names) process.off(name, listener);
  }
}

/** An error that a person caused or can mend, as opposed to a mistake in the program. */
export interface ExpectedError {
  readonly code: string;
  readonly message: string;
}

/** Returns the message for a person; throws a mistake in the program again. */
export function explain(error: unknown, path: string, doing: string): ExpectedError {
  if (error instanceof RefusedError) return error;
  if (error instanceof SourceError) {
    // Each byte that was in the file when it was opened can be read, unless somebody changes it.
    const message =
      `${path}: expected a file at rest, found one that a program writes to: what was read first leads to what is not there ` +
      `(${error.message}). Run this again when that program has ended or pauses, or on a snapshot: gdbm-doctor snapshots ${shellPath(path)}`;
    return { code: 'changed', message };
  }
  if (error instanceof BuildError) return { code: 'does-not-fit', message: `${path}: ${error.message}` };
  if (error instanceof DumpError) return { code: 'malformed', message: `${path}: ${error.message}` };
  if (error instanceof VerifyError) {
    return {
      code: 'not-verified',
      message: `${path}: ${error.message}. Nothing was replaced; check the disk and try again.`,
    };
  }
  if (error instanceof Error && 'syscall' in error) return refusal(error, path, doing);
  throw error;
}
