/// <reference lib="esnext.disposable" preserve="true" />
import type { CheckResult } from '../check/check.js';
import { checkDatabase } from '../check/check.js';
import type { DoubtfulRecords } from '../check/doubtful.js';
import { identifySource } from '../database/identify.js';
import { openProved, openSearched } from '../examine.js';
import type { RecordBatch } from '../read/batch.js';
import { PART_BATCH } from '../read/batch.js';
import type { FoundRecord } from '../read/lookup.js';
import { Lookup } from '../read/lookup.js';
import type { Opened } from '../examine.js';
import type { ReadOptions } from '../read/records.js';
import { keptRecords } from '../read/records.js';
import { named } from '../report/advice.js';
import type { RecordPart } from '../salvage/read.js';
import type { Source } from '../source/source.js';
import type { Translate } from './error.js';
import { closed, GdbmError, translate, translated, translatedEach } from './error.js';
import type { Input, WorkOptions } from './input.js';
import { bytesOf, sourceOf } from './input.js';
import type { Format, Report } from './report.js';
import { reportOf } from './report.js';

/** Options of {@link open}. */
export interface OpenOptions extends WorkOptions {
  /**
   * Bytes of a key and its value together that are read into memory; a larger record makes `get` and `entries` throw
   * GdbmError `TOO_LARGE`. 256 MiB by default: a sparse file may have a value of 2 GiB that takes no room on the disk.
   */
  readonly maxRecord?: number | undefined;
}

const MAX_RECORD = 2 ** 28;
const CLOSED = 'the database was closed';

/** Bytes of a key and of its value. */
export type Entry = [key: Uint8Array, value: Uint8Array];

/** The file behind a database, if there is one. */
export interface OpenedFile {
  readonly path: string;
  /** True if another program wrote to the file since it was opened. */
  changed(): Promise<boolean>;
  close(): Promise<void>;
}

/** A database as it was found, before it is handed out. */
interface Found {
  readonly opened: Opened;
  readonly checked: CheckResult;
  /** Number of records. */
  readonly count: number;
}

/** The side of a database that work on all its records needs. */
export interface Inner {
  readonly opened: Opened;
  readonly path: string | undefined;
  /** Passes on what a generator reads from the database, and throws if another program wrote to the file meanwhile. */
  readonly guarded: <T>(items: () => AsyncGenerator<T>) => AsyncGenerator<T, void, undefined>;
}

const inners = new WeakMap<Database, Inner>();

/** The inner side of a database that was handed out. */
export function innerOf(database: Database): Inner {
  const found = inners.get(database);
  if (found === undefined) throw new TypeError('expected a database as open() gives it');
  return found;
}

/**
 * A database that is open for reading. Sound or damaged, it has the records that a repair would keep: `get` finds
 * exactly those that `entries` gives, each key once. What was read is the file at one moment: once another program has
 * written to it, everything throws GdbmError `CHANGED`.
 */
export class Database implements AsyncIterable<Entry> {
  /** Number of records. */
  readonly size: number;
  readonly format: Format;
  /** `damaged`: some records may be missing; `report` has the details. */
  readonly health: 'healthy' | 'damaged';
  /** The result of the check that opening the database includes. */
  readonly report: Report;
  readonly #opened: Opened;
  readonly #doubtful: DoubtfulRecords | undefined;
  readonly #file: OpenedFile | undefined;
  readonly #maxRecord: number;
  readonly #by: Translate;
  #lookup: Lookup | undefined;
  /** Settles when the last lookup has ended: they share memory. */
  #lookedUp: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /** @internal */
  constructor(
    { opened, checked, count }: Found,
    options: OpenOptions,
    file: OpenedFile | undefined,
    by: Translate,
  ) {
    const report = reportOf({ checked, profile: undefined });
    this.size = count;
    this.format = report.format!;
    this.health = checked.verdict === 'healthy' ? 'healthy' : 'damaged';
    this.report = report;
    this.#opened = opened;
    this.#doubtful = checked.doubtful;
    this.#file = file;
    this.#maxRecord = options.maxRecord ?? MAX_RECORD;
    this.#by = (error) =>
      this.#isClosed && !(error instanceof GdbmError) ? closed(CLOSED, error) : by(error);
    inners.set(this, { opened, path: file?.path, guarded: (items) => this.#guarded(items) });
  }

  /**
   * Finds the value of a key.
   *
   * @param key bytes, or text that is encoded as UTF-8
   * @returns the value, a copy; undefined if there is no such key
   * @throws GdbmError `TOO_LARGE`, `CHANGED`, `IO`, `CLOSED`
   */
  async get(key: string | Uint8Array): Promise<Uint8Array | undefined> {
    return this.#work(async () => {
      const found = await this.#find(key);
      if (found === undefined) return undefined;
      const { valueOffset, valueSize } = found;
      this.#requireHeld(valueSize, valueOffset);
      return new Uint8Array(await this.#opened.db.source.read(valueOffset, valueSize));
    });
  }

  /** Returns true if there is a record with this key. Throws as {@link get} does. */
  async has(key: string | Uint8Array): Promise<boolean> {
    return this.#work(async () => (await this.#find(key)) !== undefined);
  }

  /** The keys, in no order that means anything, without reading the values. Throws as {@link get} does. */
  keys(): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#guarded(() => this.#keys());
  }

  /** The records as `[key, value]`, in no order that means anything. Throws as {@link get} does. */
  entries(): AsyncGenerator<Entry, void, undefined> {
    return this.#guarded(() => this.#entries());
  }

  [Symbol.asyncIterator](): AsyncGenerator<Entry, void, undefined> {
    return this.entries();
  }

  /** Closes the file; a second call does nothing. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#file?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #requireOpen(): void {
    if (this.#isClosed) throw closed(CLOSED);
  }

  async #requireUnchanged(): Promise<void> {
    if ((await this.#file?.changed()) !== true) return;
    throw new GdbmError('CHANGED', `${this.#file?.path}: another program wrote to it while it was open`);
  }

  #guarded<T>(items: () => AsyncGenerator<T>): AsyncGenerator<T, void, undefined> {
    return translatedEach(this.#whileOpen(items), this.#by);
  }

  async *#whileOpen<T>(items: () => AsyncGenerator<T>): AsyncGenerator<T> {
    this.#requireOpen();
    for await (const one of items()) {
      yield one;
      this.#requireOpen();
    }
    await this.#requireUnchanged();
  }

  async #work<T>(work: () => Promise<T>): Promise<T> {
    return translated(async () => {
      this.#requireOpen();
      const result = await work();
      await this.#requireUnchanged();
      return result;
    }, this.#by);
  }

  async #find(text: string | Uint8Array): Promise<FoundRecord | undefined> {
    const key = bytesOf(text);
    this.#lookup ??= new Lookup(this.#opened);
    const lookup = this.#lookup;
    const found = this.#lookedUp.then(() => lookup.find(key));
    this.#lookedUp = found.catch(() => {});
    const record = await found;
    if (record === undefined) return undefined;
    const { valueOffset, valueSize } = record;
    const isDoubtful = this.#doubtful?.has(valueOffset - key.length, key.length + valueSize);
    return isDoubtful === true ? undefined : record;
  }

  #batches(part: RecordPart): AsyncGenerator<RecordBatch> {
    return keptRecords(this.#opened, readOptions(part, this.#doubtful));
  }

  async *#keys(): AsyncGenerator<Uint8Array> {
    for await (const batch of this.#batches('key')) {
      const { source, count, bytes, starts, offsets, keySizes } = batch;
      for (let i = 0; i < count; i++) {
        const [start, keySize] = [starts[i], keySizes[i]];
        if (start >= 0) yield bytes.slice(start, start + keySize);
        else {
          this.#requireHeld(keySize, offsets[i]);
          yield new Uint8Array(await source.read(offsets[i], keySize));
        }
      }
    }
  }

  async *#entries(): AsyncGenerator<Entry> {
    for await (const batch of this.#batches('whole')) {
      const { source, count, bytes, starts, offsets, keySizes, dataSizes } = batch;
      for (let i = 0; i < count; i++) {
        const [start, keySize, size] = [starts[i], keySizes[i], keySizes[i] + dataSizes[i]];
        if (start >= 0) {
          yield [bytes.slice(start, start + keySize), bytes.slice(start + keySize, start + size)];
        } else {
          this.#requireHeld(size, offsets[i]);
          const record = new Uint8Array(await source.read(offsets[i], size));
          yield [record.slice(0, keySize), record.slice(keySize)];
        }
      }
    }
  }

  #requireHeld(size: number, offset: number): void {
    if (size <= this.#maxRecord) return;
    throw new GdbmError(
      'TOO_LARGE',
      `the record at offset ${offset} has ${size} bytes, more than the ${this.#maxRecord} that are held of one; ` +
        'see the option maxRecord',
    );
  }
}

function readOptions(part: RecordPart, doubtful: DoubtfulRecords | undefined): ReadOptions {
  return { part, limits: PART_BATCH, doubtful };
}

/**
 * Opens a database for reading, sound or damaged. All of it is examined before the first
 * record is given, as by {@link check}, so that no value is another record's.
 *
 * @param input bytes, a Blob, or a source of your own
 * @throws GdbmError `NOT_GDBM`, also for no bytes; `IO` if the source cannot be read
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises';
 * import { open } from 'gdbm-doctor/core';
 *
 * const db = await open(await readFile('tasks.db'));
 * console.log(db.format.byteOrder, db.format.offsetBits); // little 64
 * for await (const key of db.keys()) console.log(key.length); // 6 6 6
 * ```
 */
export function open(input: Input, options: OpenOptions = {}): Promise<Database> {
  return translated(() => openSource(sourceOf(input, options), options));
}

/** Opens a database from a source, which the database closes if it is a file. */
export async function openSource(
  source: Source,
  options: OpenOptions,
  file?: OpenedFile,
  by = translate,
): Promise<Database> {
  return new Database(await find(source, options, file?.path), options, file, by);
}

async function find(source: Source, { onProgress }: OpenOptions, path: string | undefined): Promise<Found> {
  const proved = source.size === 0 ? undefined : await openProved(source, onProgress);
  if (proved !== undefined) {
    const { checked } = proved;
    return { opened: proved, checked, count: checked.records.count };
  }
  const opened = source.size === 0 ? undefined : await openSearched(source, onProgress);
  if (opened === undefined) throw await notGdbm(source, path);
  const { db, survey } = opened;
  const checked = await checkDatabase(db, survey);
  let count = 0;
  for await (const batch of keptRecords(opened, readOptions('key', checked.doubtful))) count += batch.count;
  return { opened, checked, count };
}

/** The error for an input that is no database. */
export async function notGdbm(source: Source, path: string | undefined): Promise<GdbmError> {
  const name = path === undefined ? '' : `${path}: `;
  if (source.size === 0) return new GdbmError('NOT_GDBM', `${name}expected a GDBM database, found 0 bytes`);
  const { what, advice } = await identifySource(source, path);
  const text = `expected a GDBM database, found ${what}. ${advice}`;
  return new GdbmError('NOT_GDBM', `${name}${path === undefined ? text : named(text, path)}`);
}
