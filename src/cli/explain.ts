import { BuildError } from '../write/builder.js';
import { DumpError } from '../exchange/input.js';
import { VerifyError } from '../write/verify.js';
import { RefusedError, refusal } from '../store/errors.js';
import { SourceError } from '../source/source.js';
import { shellPath } from '../report/shellword.js';

/** An error that a person caused or can mend, as opposed to a mistake in the program. */
export interface ExpectedError {
  readonly code: string;
  readonly message: string;
}

/** What to tell a person of an error; a mistake in the program is thrown on. */
export function explain(error: unknown, path: string, doing: string): ExpectedError {
  if (error instanceof RefusedError) return error;
  if (error instanceof SourceError)
    return { code: 'changed', message: `${path}: ${notAtRest(error.message, path)}` };
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

/** Of a file at rest each byte that was there when it was opened can be read. */
function notAtRest(detail: string, path: string): string {
  return (
    'expected a file at rest, found one that a program writes to: what was read first leads to what is not there ' +
    `(${detail}). Run this again when that program has ended or pauses, or on a snapshot: gdbm-doctor snapshots ${shellPath(path)}`
  );
}
