import type { BuildBatch, BuildResult } from '../write/builder.js';
import { DatabaseBuilder } from '../write/builder.js';
import type { BuildSpec } from '../write/frame.js';
import { BuildError } from '../write/frame.js';
import type { Sink } from '../write/sink.js';
import { VerifyError } from '../write/write.js';
import { check } from '../examine.js';
import type { HashChar } from '../format/hash.js';
import { hashKey, KeyHasher } from '../format/hash.js';
import type { Variant, ByteOrder } from '../format/format.js';
import { layoutOf, maxOffset } from '../format/format.js';
import { MACHINES } from '../format/machines.js';
import type { MachineName } from '../format/machines.js';
import type { RecordBatch } from '../read/batch.js';
import type { Source } from '../source/source.js';
import { passChunks } from '../source/source.js';
import { readAsciiDump } from './ascii.js';
import { readBerkeleyDump } from './berkeley.js';
import { readBinaryDump } from './binary.js';
import type { Contents } from './fingerprint.js';
import { ContentsDigest, contentsOf } from './fingerprint.js';
import type { DumpReader } from './input.js';
import { DumpError, Input } from './input.js';
import { readNdjson } from './ndjson.js';

/** A built database, with the fingerprint of its records. */
export interface Loaded extends BuildResult {
  /** The fingerprint of all that was stored; undefined where some of it was left out. */
  readonly contents: Contents | undefined;
}

/**
 * Builds a database of what a dump holds, in one pass.
 *
 * @param duplicates what is done with a key that comes again: refused, as gdbm_load does, or the first one kept
 * @throws DumpError where the dump is not what it should be; what was written so far is no database
 */
export async function load(
  { batches }: DumpReader,
  sink: Sink,
  { spec, hashChar }: Target,
  duplicates: 'refuse' | 'first' = 'refuse',
): Promise<Loaded> {
  const building = new DigestedBuild(sink, spec, hashChar);
  await building.read(batches);
  return building.finish(duplicates);
}

/** Copies the records of a database into a fresh one of another kind. */
export async function copyInto(
  batches: AsyncIterable<RecordBatch>,
  sink: Sink,
  { spec, hashChar }: Target,
): Promise<Loaded> {
  const building = new DigestedBuild(sink, spec, hashChar);
  await building.copy(batches);
  return building.finish('refuse');
}

/**
 * Builds a database of the records of another one and those of a dump.
 *
 * @param has finds out if the other database has a key
 * @param duplicates what is done with a key of the dump that it has, or that comes again: as of `load`
 * @returns `existing` of the dump's keys were in the other database, whose records stay
 * @throws DumpError where the dump is not what it should be; what was written so far is no database
 */
export async function copyAndLoad(
  records: AsyncIterable<RecordBatch>,
  has: (key: Uint8Array) => Promise<boolean>,
  { batches }: DumpReader,
  sink: Sink,
  { spec, hashChar }: Target,
  duplicates: 'refuse' | 'first',
): Promise<Loaded & { existing: number }> {
  const building = new DigestedBuild(sink, spec, hashChar);
  await building.copy(records);
  const existing = await building.read(batches, has);
  if (existing > 0 && duplicates === 'refuse') {
    throw new DumpError(
      `expected only keys that the database does not have, found ${existing} that it has. ` +
        '--duplicates first keeps its records.',
    );
  }
  return { ...(await building.finish(duplicates)), existing };
}

/** A build with a digest of all its records. */
export class DigestedBuild {
  readonly builder: DatabaseBuilder;
  readonly digest = new ContentsDigest();

  constructor(
    sink: Sink,
    spec: BuildSpec,
    readonly hashChar: HashChar,
  ) {
    this.builder = new DatabaseBuilder(sink, spec);
  }

  /** Adds the records of a database. */
  async copy(batches: AsyncIterable<RecordBatch>): Promise<void> {
    for await (const batch of batches) {
      const { source, count, starts, offsets, keySizes, dataSizes } = batch;
      let start = 0;
      for (let i = 0, end: number; i < count; i = end) {
        for (end = i; end < count && starts[end] >= 0; end++);
        if (end > i) start = await this.addRun(batch, i, end, start);
        if (end === count) break;
        const [offset, keySize, dataSize] = [offsets[end], keySizes[end], dataSizes[end]];
        const hasher = new KeyHasher(keySize);
        for await (const piece of passChunks(source, offset, keySize)) hasher.update(piece);
        const whole = passChunks(source, offset, keySize + dataSize);
        await this.addLarge(hasher.hash(this.hashChar), keySize, dataSize, whole);
        end++;
      }
    }
  }

  /**
   * Adds what a dump gives, but for the keys that `skips` says yes to.
   *
   * @returns how many were skipped
   */
  async read(batches: DumpReader['batches'], skips?: (key: Uint8Array) => Promise<boolean>): Promise<number> {
    let skipped = 0;
    for await (const batch of batches) {
      if (!('count' in batch)) {
        const { key, dataSize, pieces } = batch;
        if (await skips?.(key)) {
          skipped++;
          for await (const piece of pieces) void piece;
        } else await this.addLarge(hashKey(key, this.hashChar), key.length, dataSize, pieces);
        continue;
      }
      const { count, bytes, keySizes, dataSizes } = batch;
      if (skips === undefined) {
        await this.addRun(batch, 0, count, 0);
        continue;
      }
      for (let i = 0, start = 0; i < count; i++) {
        if (await skips(bytes.subarray(start, start + keySizes[i]))) skipped++;
        else await this.addRun(batch, i, i + 1, start);
        start += keySizes[i] + dataSizes[i];
      }
    }
    return skipped;
  }

  async finish(duplicates: 'refuse' | 'first'): Promise<Loaded> {
    const built = await this.builder.finish();
    if (built.duplicates > 0 && duplicates === 'refuse') {
      throw new DumpError(
        `expected each key once, found ${built.duplicates} that come again. --duplicates first keeps the first of each.`,
      );
    }
    requireAll(built);
    return { ...built, contents: built.duplicates > 0 ? undefined : this.digest.value };
  }

  /** Adds records as the builder does. */
  async addRun(batch: BuildBatch, from: number, to: number, start: number): Promise<number> {
    const { bytes, keySizes, dataSizes } = batch;
    let end = start;
    for (let i = from; i < to; i++) {
      this.digest.takeSizes(keySizes[i], dataSizes[i]);
      end += keySizes[i] + dataSizes[i];
    }
    this.digest.takeBytes(bytes.subarray(start, end));
    return this.builder.addRun(batch, from, to, start, this.hashChar);
  }

  async addLarge(
    hash: number,
    keySize: number,
    dataSize: number | undefined,
    pieces: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const size = await this.builder.add({ hash, keySize, dataSize, bytes: this.#passing(pieces) });
    this.digest.takeSizes(keySize, size);
  }

  /** Passes the pieces on, and adds each to the digest. */
  async *#passing(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      this.digest.takeBytes(piece);
      yield piece;
    }
  }
}

/** More keys of one hash than a bucket holds cannot be stored by libgdbm either. */
function requireAll({ crowded }: BuildResult): void {
  if (crowded === 0) return;
  throw new BuildError(
    `expected room for every record, found ${crowded} keys too many with one hash. Try a larger --block-size.`,
  );
}

/**
 * Reason against storing records of so many bytes in the target's format; undefined if they may fit, which the
 * builder then decides.
 */
export function whyTooLarge({ spec }: Target, bytes: number): string | undefined {
  const { layout } = spec.format;
  const room = maxOffset(layout);
  return bytes + spec.blockSize <= room
    ? undefined
    : `expected at most ${room} bytes for ${layout.offsetBits}-bit offsets, found ${bytes} bytes of records. Use --offset 64`;
}

/**
 * Reads a fresh database back: its check finds nothing, and it has the very records that were stored.
 *
 * @throws VerifyError
 */
export async function requireSound(fresh: Source, { records, contents }: Loaded): Promise<void> {
  const checked = await check(fresh);
  const trouble = checked.findings.find(({ severity }) => severity !== 'note');
  const same =
    contents === undefined ||
    (trouble === undefined &&
      (await contentsOf(fresh, contents.bytes))?.fingerprint === contents.fingerprint);
  if (trouble === undefined && checked.records.count === records && same) return;
  const found =
    trouble === undefined
      ? `${checked.records.count} records${same ? '' : ', other ones'}`
      : `${trouble.code}: ${trouble.found}`;
  throw new VerifyError(`expected a sound fresh database of ${records} records, found ${found}`);
}

/**
 * Reads a dump of whichever kind it is, told from how it begins.
 *
 * @param pieces the dump's bytes, in order; each piece is left alone until two more were given
 * @throws DumpError from here or from the batches, where it is not what it should be
 */
export async function readDump(pieces: AsyncIterable<Uint8Array>): Promise<DumpReader> {
  const input = new Input(pieces);
  await input.need(8);
  const start = new TextDecoder('latin1').decode(input.bytes.subarray(0, Math.min(8, input.end)));
  if (start.startsWith('#')) return readAsciiDump(input);
  if (start.startsWith('!')) return readBinaryDump(input);
  if (start.startsWith('VERSION=')) return readBerkeleyDump(input);
  if (start.trimStart().startsWith('{')) return readNdjson(input);
  return input.fail(
    'a dump: "#" or "!" as gdbm_dump begins, "VERSION=3" as db_dump does, or "{" of a line of JSON',
    input.describeNext(),
  );
}

/** A database to be made. */
export interface Target {
  readonly spec: BuildSpec;
  readonly hashChar: HashChar;
}

const DEFAULT_BLOCK = 4096;
/** The database to be made: as wished, else as the machine has it, else as it was. */
export function targetFor(
  wanted: WantedFormat,
  was: {
    format: { byteOrder: ByteOrder; layout: { offsetBits: number; alignment: number }; variant: Variant };
  } & {
    hashChar: HashChar;
    blockSize: number;
    numsync?: number | undefined;
  },
): Target {
  const machine = wanted.machine === undefined ? undefined : MACHINES[wanted.machine];
  const base = machine?.layout ?? was.format.layout;
  const offset = wanted.offset ?? base.offsetBits;
  const wide = wanted.alignment ?? (base.offsetBits === 64 ? base.alignment : 8);
  const layout = layoutOf(offset, offset === 32 ? 4 : wide);
  const variant = wanted.variant ?? (was.format.variant === 'numsync' ? 'numsync' : 'standard');
  const blockSize = wanted.blockSize || was.blockSize || DEFAULT_BLOCK;
  return {
    hashChar: wanted.hashChar ?? machine?.hashChar ?? was.hashChar,
    spec: {
      format: { byteOrder: wanted.byteOrder ?? machine?.byteOrder ?? was.format.byteOrder, layout, variant },
      blockSize,
      bucketSize: blockSize,
      ...(variant === 'numsync' && { numsync: was.numsync ?? 0 }),
    },
  };
}

/** The wishes for a database to be made; anything left out stays as it is. */
export interface WantedFormat {
  readonly machine?: MachineName | undefined;
  readonly byteOrder?: ByteOrder | undefined;
  readonly offset?: number | undefined;
  readonly alignment?: number | undefined;
  readonly hashChar?: HashChar | undefined;
  readonly variant?: 'standard' | 'numsync' | undefined;
  /** Bytes; 0 chooses 4096, as gdbm_load chooses the file system's. */
  readonly blockSize?: number | undefined;
}

/** Bytes of a block at most. */
const MAX_BLOCK = 1 << 20;

/** The reason why no database can be as wished; undefined if one can. */
export function whyImpossible({ blockSize, offset, alignment }: WantedFormat): string | undefined {
  if (blockSize !== undefined && blockSize !== 0) {
    const possible = Number.isInteger(Math.log2(blockSize)) && blockSize >= 512 && blockSize <= MAX_BLOCK;
    if (!possible)
      return `expected --block-size as a power of two from 512 to ${MAX_BLOCK}, found ${blockSize}`;
  }
  if (offset === 32 && alignment === 8) return 'expected --alignment 4 with --offset 32, found 8';
  return undefined;
}
