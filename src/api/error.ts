import { DumpError } from '../exchange/input.js';
import { SourceError } from '../source/source.js';
import { BuildError } from '../write/frame.js';
import { VerifyError } from '../write/write.js';

/**
 * Reason of a {@link GdbmError}.
 *
 * | code | meaning |
 * | --- | --- |
 * | `NOT_GDBM` | nothing in the input speaks for a GDBM database |
 * | `DAMAGED` | the work needs a sound database, and this one is damaged |
 * | `CHANGED` | another program wrote to the file, or replaced it, meanwhile |
 * | `LOCKED` | another process holds the file |
 * | `NO_LOCK_PROGRAM` | there is no program `flock` to lock the file with |
 * | `NO_SUCH_FILE`, `IS_DIRECTORY`, `NOT_A_FILE` | the path leads to no regular file |
 * | `NO_PERMISSION`, `READ_ONLY`, `NO_SPACE` | the file system refuses |
 * | `EXISTS` | the output is there already |
 * | `IO` | any other error of reading or writing |
 * | `TOO_LARGE` | a record is too large to be held or stored, or the records do not fit the format |
 * | `DUPLICATE_KEY` | a key was stored twice |
 * | `MALFORMED` | a dump is not what it should be; the message has the line |
 * | `NOT_VERIFIED` | the fresh file does not hold what was written; it was thrown away |
 * | `NO_SNAPSHOT`, `AMBIGUOUS`, `NOT_INTACT` | no snapshot, or several, or only a damaged one, is meant |
 * | `ANOTHER_DATABASE` | the snapshots are those of another database |
 * | `NOT_TRUSTED` | others than the database's writers can have written the snapshots |
 * | `CLOSED` | the database was closed |
 */
export type GdbmErrorCode =
  | 'NOT_GDBM'
  | 'DAMAGED'
  | 'CHANGED'
  | 'LOCKED'
  | 'NO_LOCK_PROGRAM'
  | 'NO_SUCH_FILE'
  | 'IS_DIRECTORY'
  | 'NOT_A_FILE'
  | 'NO_PERMISSION'
  | 'READ_ONLY'
  | 'NO_SPACE'
  | 'EXISTS'
  | 'IO'
  | 'TOO_LARGE'
  | 'DUPLICATE_KEY'
  | 'MALFORMED'
  | 'NOT_VERIFIED'
  | 'NO_SNAPSHOT'
  | 'AMBIGUOUS'
  | 'NOT_INTACT'
  | 'ANOTHER_DATABASE'
  | 'NOT_TRUSTED'
  | 'CLOSED';

/**
 * The one error of this library: the input, the file system or another program stands in the way. The message is a
 * sentence for people; `code` is stable. Wherever it is thrown, the database at the path is as it was.
 *
 * Options without a meaning throw a RangeError or TypeError, and an aborted `signal` throws its reason.
 *
 * @example
 * ```ts
 * import { GdbmError, open } from 'gdbm-doctor';
 *
 * try {
 *   await open('missing.db');
 * } catch (error) {
 *   if (!(error instanceof GdbmError)) throw error;
 *   console.log(error.code); // NO_SUCH_FILE
 * }
 * ```
 */
export class GdbmError extends Error {
  override readonly name = 'GdbmError';

  constructor(
    readonly code: GdbmErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The error for a use of something that was closed. */
export function closed(message: string, cause?: unknown): GdbmError {
  return new GdbmError('CLOSED', message, { cause });
}

/** Makes the error that a user of the library gets of one that a room threw. */
export type Translate = (error: unknown) => unknown;

/** Translates the errors of the rooms that know no file system; others stay as they are. */
export function translate(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = codeOf(error);
  return code === undefined ? error : new GdbmError(code, error.message, { cause: error });
}

function codeOf(error: Error): GdbmErrorCode | undefined {
  if (error instanceof SourceError) return 'IO';
  if (error instanceof BuildError) return 'TOO_LARGE';
  if (error instanceof DumpError) return 'MALFORMED';
  if (error instanceof VerifyError) return 'NOT_VERIFIED';
  return undefined;
}

/** Runs work of the rooms. */
export async function translated<T>(work: () => Promise<T>, by: Translate = translate): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw by(error);
  }
}

/** Passes on the items of a generator of the rooms. */
export async function* translatedEach<T>(
  items: AsyncIterable<T>,
  by: Translate = translate,
): AsyncGenerator<T, void, undefined> {
  try {
    yield* items;
  } catch (error) {
    throw by(error);
  }
}
