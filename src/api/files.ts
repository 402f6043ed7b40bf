import { readDump } from '../exchange/load.js';
import type { MachineName } from '../format/machines.js';
import { thisMachine } from '../service/machine.js';
import { abortable, exact, SourceError } from '../source/source.js';
import { refusal, RefusedError } from '../store/errors.js';
import type { RefusalCode } from '../store/errors.js';
import type { FreshFile } from '../store/fresh.js';
import { putFile, readBack } from '../store/replace.js';
import type { Sink } from '../write/sink.js';
import { checkFile, openRegularFile, untilAtRest } from './checkedfile.js';
import type { Place, Spec, Writer, Written } from './create.js';
import {
  create as createInSink,
  load as loadIntoSink,
  loadInto,
  piecesOf,
  targetOf,
  writerTo,
} from './create.js';
import type { Database, OpenOptions } from './database.js';
import { open as openInput, openSource } from './database.js';
import type { GdbmErrorCode, Translate } from './error.js';
import { closed, GdbmError, translate, translated } from './error.js';
import type { Input } from './input.js';
import type { CheckOptions, Report } from './report.js';
import { check as checkInput, judgeOf, reportOf } from './report.js';
import type { SalvagedRecord, SalvageOptions } from './salvage.js';
import { salvage as salvageInput, salvageSource, translatedRecords } from './salvage.js';

const CODES: Readonly<Record<RefusalCode, GdbmErrorCode>> = {
  'no-such-file': 'NO_SUCH_FILE',
  'is-directory': 'IS_DIRECTORY',
  'not-a-file': 'NOT_A_FILE',
  'no-permission': 'NO_PERMISSION',
  'read-only': 'READ_ONLY',
  'no-space': 'NO_SPACE',
  locked: 'LOCKED',
  'no-lock-program': 'NO_LOCK_PROGRAM',
  exists: 'EXISTS',
  changed: 'CHANGED',
  'no-snapshot': 'NO_SNAPSHOT',
  ambiguous: 'AMBIGUOUS',
  'another-database': 'ANOTHER_DATABASE',
  'not-intact': 'NOT_INTACT',
  'not-trusted': 'NOT_TRUSTED',
  io: 'IO',
};

/**
 * Translates the errors of work on a file.
 *
 * @param doing for the message, such as `read it`
 */
export function translateAt(path: string, doing: string): Translate {
  return (error) => {
    if (error instanceof GdbmError || !(error instanceof Error)) return error;
    if (error instanceof SourceError) {
      // Each byte that was in the file when it was opened can be read, unless somebody changes it.
      const message = `${path}: another program wrote to it while it was read (${error.message})`;
      return new GdbmError('CHANGED', message, { cause: error });
    }
    if (error instanceof RefusedError || 'syscall' in error) {
      const { code, message } = refusal(error, path, doing);
      return new GdbmError(CODES[code], message, { cause: error });
    }
    return translate(error);
  };
}

/**
 * Checks a database: every structure, every element, every key, and what each byte is. Reads only, and takes no lock: a
 * file that a program writes to is checked again, for some seconds. Tells of a file that is not GDBM by its verdict.
 *
 * @param input a path, bytes, a Blob, or a source of your own
 * @throws GdbmError `NO_SUCH_FILE`, `IS_DIRECTORY`, `NOT_A_FILE`, `NO_PERMISSION`, `CHANGED`, `IO`
 *
 * @example
 * ```ts
 * import { check } from 'gdbm-doctor';
 *
 * const report = await check('broken.db');
 * console.log(report.verdict); // damaged
 * console.log(report.libgdbm); // Database needs recovery
 * console.log(report.findings[0].code, report.findings[0].offset); // header-next-block-low 32
 * ```
 */
export function check(input: string | Input, options: CheckOptions = {}): Promise<Report> {
  if (typeof input !== 'string') return checkInput(input, options);
  return translated(
    async () => {
      const { profile = 'none', machine, onProgress: report, signal } = options;
      return reportOf(await checkFile(input, { profile, judge: judgeOf(machine), report, signal }));
    },
    translateAt(input, 'read it'),
  );
}

/**
 * Opens a database for reading, sound or damaged. All of it is examined before the first record is given, as by
 * {@link check}, so that no value is another record's. Takes no lock.
 *
 * @param input a path, bytes, a Blob, or a source of your own
 * @throws GdbmError `NOT_GDBM`, also for a file of no bytes; `NO_SUCH_FILE`, `IS_DIRECTORY`, `NOT_A_FILE`,
 *   `NO_PERMISSION`, `CHANGED`, `IO`
 *
 * @example
 * ```ts
 * import { open } from 'gdbm-doctor';
 *
 * const db = await open('tasks.db');
 * console.log(db.health, db.size); // healthy 3
 * const value = await db.get('task-1');
 * if (value !== undefined) console.log(new TextDecoder().decode(value)); // done
 * for await (const [key, value] of db) console.log(key.length, value.length); // 6 4 6 5 6 7
 * await db.close();
 * ```
 */
export function open(input: string | Input, options: OpenOptions = {}): Promise<Database> {
  if (typeof input !== 'string') return openInput(input, options);
  const by = translateAt(input, 'read it');
  return translated(async () => {
    const { database, isMixed } = await untilAtRest(() => openOnce(input, options, by));
    if (!isMixed) return database;
    await database.close();
    throw new GdbmError('CHANGED', `${input}: another program writes to it; open it when it is at rest`);
  }, by);
}

async function openOnce(
  path: string,
  options: OpenOptions,
  by: Translate,
): Promise<{ database: Database; isMixed: boolean }> {
  // Records are given as they are read, so that a read error cannot start the work again: the file is searched first.
  const file = await openRegularFile(path, true);
  try {
    const source = abortable(exact(file), options.signal);
    const opened = { path, changed: () => file.changed(), close: () => file.close() };
    const database = await openSource(source, options, opened, by);
    const isMixed = database.health === 'damaged' && (await file.changed());
    if (isMixed) await file.close();
    return { database, isMixed };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Finds every record that is still in a file, and tells how it was found and where it is. Records in force come first; a
 * key may come several times. Reads only.
 *
 * @param input a path, bytes, a Blob, or a source of your own
 * @throws GdbmError `NOT_GDBM`, unless `carve` is set and the file is of no other known kind; `NO_SUCH_FILE`,
 *   `IS_DIRECTORY`, `NOT_A_FILE`, `NO_PERMISSION`, `CHANGED`, `IO`
 *
 * @example
 * ```ts
 * import { salvage } from 'gdbm-doctor';
 *
 * for await (const { key, value, provenance, offset } of salvage('broken.db', { deleted: true })) {
 *   if (key?.at(-1) === 0x31) console.log(provenance, (await value()).length, offset); // live 4 4096
 * }
 * ```
 */
export function salvage(
  input: string | Input,
  options: SalvageOptions = {},
): AsyncGenerator<SalvagedRecord, void, undefined> {
  return typeof input === 'string' ? salvageFile(input, options) : salvageInput(input, options);
}

async function* salvageFile(
  path: string,
  options: SalvageOptions,
): AsyncGenerator<SalvagedRecord, void, undefined> {
  let isClosed = false;
  const byPath = translateAt(path, 'read it');
  const by: Translate = (error) =>
    isClosed ? closed('the loop over the records has ended', error) : byPath(error);
  const file = await translated(() => openRegularFile(path, true), by);
  try {
    yield* translatedRecords(salvageSource(abortable(exact(file), options.signal), options, path), by);
    if (await file.changed()) {
      throw new GdbmError('CHANGED', `${path}: another program wrote to it while it was read`);
    }
  } finally {
    isClosed = true;
    await file.close();
  }
}

/** Options of {@link create} and {@link load} for a file. */
export interface FileOptions extends Spec {
  /** Replaces a file that is there, which stays as `NAME.~1~`; by default it is refused with `EXISTS`. */
  readonly replace?: boolean | undefined;
  /** Permission bits of a new file; 0o600 by default. A file that is replaced hands on its own. */
  readonly mode?: number | undefined;
  /** With `replace`: seconds to wait for another process that holds the file; 0 by default. */
  readonly wait?: number | undefined;
  /** With `replace`: locks the file as libgdbm does; the default. */
  readonly lock?: boolean | undefined;
  /** Ends the work: it throws the signal's reason, and nothing was changed. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Begins a new database in a file or a sink. The file is written beside its place and takes its name only at the end of
 * {@link Writer.finish}, when it was read back and compared.
 *
 * @param target a path, or a sink such as {@link memorySink}
 * @throws GdbmError `EXISTS`, `NO_SUCH_FILE` (its folder), `NO_PERMISSION`, `READ_ONLY`, `NO_SPACE`, `IO`; with `replace`
 *   `LOCKED` and `NO_LOCK_PROGRAM`
 * @throws RangeError if an option has no meaning
 *
 * @example
 * ```ts
 * import { create, open } from 'gdbm-doctor';
 *
 * const writer = await create('new.db');
 * await writer.add('colour', 'blue');
 * await writer.add(new Uint8Array([1, 2, 3]), 'a key may be bytes');
 * const { records } = await writer.finish();
 * const db = await open('new.db');
 * console.log(records, await db.has('colour')); // 2 true
 * await db.close();
 * ```
 */
export function create(target: string | Sink, options: FileOptions = {}): Promise<Writer> {
  if (typeof target !== 'string') return createInSink(target, withThisMachine(options));
  const by = translateAt(target, 'make it');
  return translated(async () => {
    const wanted = targetOf(options, machineHere());
    return writerTo(await placeAt(target, options), wanted, options.duplicates, by);
  }, by);
}

/**
 * Reads a dump and makes a new database of it, as safely as {@link create}. The form is told from how the dump begins: that
 * of `gdbm_dump` (ASCII or binary), Berkeley DB's `db_dump`, or lines of JSON as {@link dump} makes them.
 *
 * @param dump bytes, or a stream of them
 * @param target a path, or a sink such as {@link memorySink}
 * @throws GdbmError `MALFORMED` with the line, `DUPLICATE_KEY`, `TOO_LARGE`, `NOT_VERIFIED`, and as {@link create}; no
 *   file was made or replaced
 *
 * @example
 * ```ts
 * import { createReadStream } from 'node:fs';
 * import { load } from 'gdbm-doctor';
 *
 * const { records } = await load(createReadStream('tasks.dump'), 'copy.db', { machine: 'arm64' });
 * console.log(records); // 3
 * ```
 */
export function load(
  dump: Uint8Array | AsyncIterable<Uint8Array>,
  target: string | Sink,
  options: FileOptions = {},
): Promise<Written> {
  if (typeof target !== 'string') return loadIntoSink(dump, target, withThisMachine(options));
  return translated(
    async () => {
      // A dump that is refused at once makes no file.
      const reader = await readDump(piecesOf(dump));
      return loadInto(reader, await placeAt(target, options), options, machineHere());
    },
    translateAt(target, 'make it'),
  );
}

function machineHere(): MachineName {
  return thisMachine() ?? 'amd64';
}

function withThisMachine(spec: Spec): Spec {
  return { ...spec, machine: spec.machine ?? machineHere() };
}

/** Begins a file beside its place; see `putFile`, which waits here for the end of the writer. */
async function placeAt(path: string, options: FileOptions): Promise<Place> {
  const { replace = false, mode, wait = 0, lock = true, signal = new AbortController().signal } = options;
  const begun = deferred<FreshFile>();
  const verified = deferred<void>();
  const put = putFile(path, { replace, wait, lock, signal }, async (fresh) => {
    begun.resolve(fresh);
    await verified.promise;
    return mode === undefined ? {} : { mode };
  });
  // Its errors come to light at the beginning or at the end.
  put.catch(begun.reject);
  verified.promise.catch(() => {});
  const fresh = await begun.promise;
  return {
    sink: fresh,
    async finish(verify) {
      await fresh.whileSyncing(async () => verify(await readBack(fresh, signal)));
      verified.resolve();
      return put;
    },
    async close() {
      verified.reject(new Error('abandoned'));
      await put.catch(() => {});
    },
  };
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

function deferred<T>(): Deferred<T> {
  let settle!: Omit<Deferred<T>, 'promise'>;
  const promise = new Promise<T>((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
}
