/// <reference lib="esnext.disposable" preserve="true" />
import type { DumpReader } from '../exchange/input.js';
import type { Loaded, Target, WantedFormat } from '../exchange/load.js';
import {
  DigestedBuild,
  load as loadDump,
  readDump,
  requireSound,
  targetFor,
  whyImpossible,
} from '../exchange/load.js';
import { MAX_SIZE } from '../format/bucket.js';
import type { MachineName } from '../format/machines.js';
import { MACHINES } from '../format/machines.js';
import type { Source } from '../source/source.js';
import type { Sink } from '../write/sink.js';
import type { Translate } from './error.js';
import { GdbmError, translate, translated } from './error.js';
import { bytesOf } from './input.js';
import { judgeOf } from './report.js';

/** The kind of a database that is made. */
export interface Spec {
  /** The kind of machine whose libgdbm is to read it; by default this machine, in a browser amd64. */
  readonly machine?: MachineName | undefined;
  /** `standard` by default, or as a dump says; Python cannot open the other one as a shelve. */
  readonly variant?: 'standard' | 'numsync' | undefined;
  /** Bytes: a power of two from 512 to 1 MiB; 4096 by default. */
  readonly blockSize?: number | undefined;
  /** A key that comes again makes `finish` or `load` throw `DUPLICATE_KEY`; with `first` the first record is kept. */
  readonly duplicates?: 'refuse' | 'first' | undefined;
}

/** The result of {@link Writer.finish}. */
export interface Written {
  /** Number of records in the database. */
  readonly records: number;
  /** Number of records that are not, because their key came again. */
  readonly duplicates: number;
  /** Bytes of the file. */
  readonly size: number;
  /** The path of the file that was replaced, as it was; undefined if none was. */
  readonly backup: string | undefined;
  /** Other facts that the operator should know. */
  readonly notes: readonly string[];
}

/** Writes a new database. Until `finish` has ended there is none: nothing half-done can be taken for one. */
export interface Writer {
  /**
   * Stores a record. Keys and values may be text, which is encoded as UTF-8.
   *
   * @throws GdbmError `TOO_LARGE`, `NO_SPACE`, `IO`
   */
  add(key: string | Uint8Array, value: string | Uint8Array): Promise<void>;
  /**
   * Writes the rest, reads all of it back and compares it; a file takes its name only then.
   *
   * @throws GdbmError `DUPLICATE_KEY`, `TOO_LARGE`, `NOT_VERIFIED`, `EXISTS`, `NO_SPACE`, `IO`; no file was made
   */
  finish(): Promise<Written>;
  /** Throws away what was written, unless `finish` has ended. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A place that a database is written to, and its end. */
export interface Place {
  readonly sink: Sink;
  /** Reads the file back by `verify`, then gives it its name. */
  finish(verify: (fresh: Source) => Promise<void>): Promise<Pick<Written, 'backup' | 'notes'>>;
  close(): Promise<void>;
}

/**
 * Begins a new database in a sink, such as {@link memorySink}.
 *
 * @throws RangeError if no database can be as the spec says
 *
 * @example
 * ```ts
 * import { create, memorySink, open } from 'gdbm-doctor/core';
 *
 * const sink = memorySink();
 * const writer = await create(sink, { machine: 's390x' });
 * await writer.add('colour', 'blue');
 * await writer.finish();
 * const db = await open(sink.bytes());
 * console.log(db.size, db.format.byteOrder); // 1 big
 * ```
 */
export async function create(sink: Sink, spec: Spec = {}): Promise<Writer> {
  return writerTo(inSink(sink), targetOf(spec, 'amd64'), spec.duplicates);
}

/**
 * Reads a dump and writes its records into a new database in a sink. The form is told from how the dump begins.
 *
 * @param dump bytes of `gdbm_dump` (ASCII or binary), Berkeley DB's `db_dump`, or lines of JSON as {@link dump} makes them
 * @throws GdbmError `MALFORMED` with the line, `DUPLICATE_KEY`, `TOO_LARGE`, `NOT_VERIFIED`, `IO`
 *
 * @example
 * ```ts
 * import { load, memorySink } from 'gdbm-doctor/core';
 *
 * const sink = memorySink();
 * const { records } = await load(new TextEncoder().encode('{"key":"Y29sb3Vy","value":"Ymx1ZQ=="}\n'), sink);
 * console.log(records, sink.bytes().length > 0); // 1 true
 * ```
 */
export function load(
  dump: Uint8Array | AsyncIterable<Uint8Array>,
  sink: Sink,
  spec: Spec = {},
): Promise<Written> {
  return translated(async () => loadInto(await readDump(piecesOf(dump)), inSink(sink), spec, 'amd64'));
}

/** The bytes of a dump. */
export async function* piecesOf(dump: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (dump instanceof Uint8Array) {
    yield dump;
    return;
  }
  for await (const piece of dump) {
    if (!(piece instanceof Uint8Array))
      throw new TypeError('expected a dump in bytes; set no encoding on a stream');
    yield piece;
  }
}

/** Writes the records of a dump into a place. */
export async function loadInto(
  reader: DumpReader,
  place: Place,
  spec: Spec,
  thisMachine: MachineName,
): Promise<Written> {
  try {
    const { variant } = reader.header;
    const target = targetOf({ ...spec, variant: spec.variant ?? variant }, thisMachine);
    const loaded = await loadDump(reader, place.sink, target, 'first');
    return await finished(loaded, place, spec.duplicates);
  } finally {
    await place.close();
  }
}

/** A writer to a place. */
export function writerTo(
  place: Place,
  { spec, hashChar }: Target,
  duplicates: Spec['duplicates'],
  by: Translate = translate,
): Writer {
  const building = new DigestedBuild(place.sink, spec, hashChar);
  /** Settles when all records so far are stored: they follow each other in the file. */
  let stored: Promise<unknown> = Promise.resolve();
  let isEnded = false;
  const requireOpen = () => {
    if (isEnded) throw new GdbmError('CLOSED', 'the writer has ended');
  };
  const close = async () => {
    isEnded = true;
    await place.close();
  };
  return {
    add: (key, value) =>
      translated(async () => {
        requireOpen();
        const record = batchOf(bytesOf(key), bytesOf(value));
        const adding = stored.then(() => building.addRun(record, 0, 1, 0));
        stored = adding;
        // The next call throws it, too.
        stored.catch(() => {});
        await adding;
      }, by),
    finish: () =>
      translated(async () => {
        requireOpen();
        isEnded = true;
        try {
          await stored;
          return await finished(await building.finish('first'), place, duplicates);
        } finally {
          await place.close();
        }
      }, by),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function finished(
  loaded: Loaded,
  place: Place,
  duplicates: Spec['duplicates'] = 'refuse',
): Promise<Written> {
  const { records, size } = loaded;
  if (loaded.duplicates > 0 && duplicates === 'refuse') {
    throw new GdbmError(
      'DUPLICATE_KEY',
      `expected each key once, found ${loaded.duplicates} that come again`,
    );
  }
  const placed = await place.finish((fresh) => requireSound(fresh, loaded));
  return { records, duplicates: loaded.duplicates, size, ...placed };
}

function batchOf(key: Uint8Array, value: Uint8Array) {
  for (const { length } of [key, value]) {
    if (length > MAX_SIZE)
      throw new GdbmError('TOO_LARGE', `expected at most ${MAX_SIZE} bytes, found ${length}`);
  }
  const bytes = new Uint8Array(key.length + value.length);
  bytes.set(key);
  bytes.set(value, key.length);
  return { bytes, keySizes: Int32Array.of(key.length), dataSizes: Int32Array.of(value.length) };
}

function inSink(sink: Sink): Place {
  return {
    sink,
    async finish(verify) {
      await verify(sink);
      return { backup: undefined, notes: [] };
    },
    async close() {},
  };
}

/**
 * The database that a spec asks for.
 *
 * @param thisMachine the kind of machine that it is for by default
 * @throws RangeError if there is none
 */
export function targetOf(spec: Spec, thisMachine: MachineName): Target {
  const { machine = thisMachine, variant, blockSize, duplicates = 'refuse' } = spec;
  if (duplicates !== 'refuse' && duplicates !== 'first') {
    throw new RangeError(`expected as duplicates "refuse" or "first", found ${String(duplicates)}`);
  }
  judgeOf(machine);
  const wanted: WantedFormat = { machine, variant, blockSize };
  const why = whyImpossible(wanted);
  if (why !== undefined) throw new RangeError(why.replace('--block-size', 'blockSize'));
  const { byteOrder, layout, hashChar } = MACHINES[machine];
  return targetFor(wanted, { format: { byteOrder, layout, variant: 'standard' }, hashChar, blockSize: 0 });
}
