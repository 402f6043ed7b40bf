import { asctime } from '../exchange/ascii.js';
import type { Difference } from '../exchange/diff.js';
import { diff as diffOpened, noCounts } from '../exchange/diff.js';
import type { DumpForm } from '../exchange/dump.js';
import { dumpPieces, writerOf } from '../exchange/dump.js';
import { globOf } from '../exchange/glob.js';
import { DumpError } from '../exchange/input.js';
import type { MachineName } from '../format/machines.js';
import type { Database, Inner } from './database.js';
import { innerOf } from './database.js';
import { GdbmError, translatedEach } from './error.js';
import { judgeOf } from './report.js';

export type { DumpForm };

/** Options of {@link dump}. */
export interface DumpOptions {
  /** Only keys that fit one of these patterns: `*` is any bytes, `?` a character, `\` takes the next as it is. */
  readonly keys?: string | readonly string[] | undefined;
  /** The kind of machine whose gdbm_load is to read a binary dump; amd64 by default. */
  readonly machine?: MachineName | undefined;
}

/**
 * Writes every record of a database as a dump, in pieces of about 1 MiB. No record is held whole, however large it is.
 *
 * @throws GdbmError `CHANGED`, `IO`, `CLOSED`; with `keys` `TOO_LARGE` for a key of more than 4 MiB
 * @throws RangeError if there is no such form
 *
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * import { dump, open } from 'gdbm-doctor';
 *
 * const db = await open('tasks.db');
 * await writeFile('tasks.ndjson', dump(db));
 * await writeFile('for-gdbm_load.dump', dump(db, 'ascii', { keys: 'task-*' }));
 * await db.close();
 * ```
 */
export function dump(
  database: Database,
  form: DumpForm = 'ndjson',
  options: DumpOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { opened, path, guarded } = innerOf(database);
  const { machine = 'amd64' } = options;
  judgeOf(machine);
  const variant = opened.db.format.variant === 'numsync' ? 'numsync' : 'standard';
  const head = { by: 'gdbm-doctor', date: asctime(new Date()), file: path, variant } as const;
  const writer = writerOf(form, head, machine);
  const wanted = options.keys === undefined ? undefined : globOf([options.keys].flat());
  return guarded(async function* () {
    // A copy: the memory of a piece is used again for the next one.
    for await (const piece of translatedEach(dumpPieces(opened, writer, wanted), keyTooLarge)) {
      yield piece.slice();
    }
  });
}

/** A key that is not the same in two databases. */
export interface Change {
  readonly how: Difference['how'];
  readonly key: Uint8Array;
  /** Bytes of the value in the first database; undefined if it lacks the key. */
  readonly before: number | undefined;
  /** Bytes of the value in the second database; undefined if it lacks the key. */
  readonly after: number | undefined;
}

/**
 * Compares two databases of any kind key by key, in memory that does not grow with them. The changes come in no order.
 *
 * @throws GdbmError `CHANGED`, `IO`, `CLOSED`; `TOO_LARGE` for a key of more than 4 MiB
 *
 * @example
 * ```ts
 * import { diff, open } from 'gdbm-doctor';
 *
 * const before = await open('yesterday.db');
 * const after = await open('tasks.db');
 * for await (const { how, key } of diff(before, after)) {
 *   console.log(how, new TextDecoder().decode(key)); // changed task-1
 * }
 * ```
 */
export function diff(before: Database, after: Database): AsyncGenerator<Change, void, undefined> {
  const [a, b] = [innerOf(before), innerOf(after)];
  return a.guarded(() => b.guarded(() => changes(a, b)));
}

async function* changes(a: Inner, b: Inner): AsyncGenerator<Change> {
  const differences = translatedEach(diffOpened(a.opened, b.opened, noCounts()), keyTooLarge);
  for await (const { how, key, before, after } of differences) {
    yield { how, key: key.slice(), before, after };
  }
}

/** The error for a key that must be held and is too large for it. */
function keyTooLarge(error: unknown): unknown {
  return error instanceof DumpError ? new GdbmError('TOO_LARGE', error.message, { cause: error }) : error;
}
