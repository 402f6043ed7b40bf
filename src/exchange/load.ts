import type { BuildResult } from '../build/builder.js';
import { DatabaseBuilder } from '../build/builder.js';
import type { Sink } from '../build/sink.js';
import type { Database } from '../database/database.js';
import { check } from '../examine.js';
import { hashKey, KeyHasher } from '../format/hash.js';
import { maxOffset } from '../format/layout.js';
import { readChunks } from '../source/source.js';
import { ContentsDigest, digestOf } from './contents.js';
import { DumpError } from './input.js';
import type { DumpReader } from './record.js';
import type { Target } from './target.js';
import type { WalkedBatch } from './batch.js';

/** What was built, and of what. */
export interface Loaded extends BuildResult {
  /** The fingerprint of all that was stored; undefined where some of it was left out. */
  readonly contents: string | undefined;
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
  const builder = new DatabaseBuilder(sink, spec);
  const digest = new ContentsDigest();
  for await (const batch of batches) {
    for (const { key, dataSize, bytes } of batch) {
      const record = digest.start(key.length, dataSize);
      const seen = bytes instanceof Uint8Array ? (record.update(bytes), bytes) : passing(bytes, record);
      await builder.add({ hash: hashKey(key, hashChar), keySize: key.length, dataSize, bytes: seen });
      digest.add(record);
    }
  }
  const built = await builder.finish();
  if (built.duplicates > 0 && duplicates === 'refuse') {
    throw new DumpError(
      `expected each key once, found ${built.duplicates} that come again. --duplicates first keeps the first of each.`,
    );
  }
  requireAll(built);
  return { ...built, contents: built.duplicates > 0 ? undefined : digest.value };
}

/** Copies what a walk gives into a fresh database of another kind. */
export async function copyInto(
  db: Database,
  batches: AsyncIterable<WalkedBatch>,
  sink: Sink,
  { spec, hashChar }: Target,
): Promise<Loaded> {
  const builder = new DatabaseBuilder(sink, spec);
  const digest = new ContentsDigest();
  for await (const { count, bytes, starts, offsets, keySizes, dataSizes } of batches) {
    for (let i = 0; i < count; i++) {
      const sizes = { keySize: keySizes[i], dataSize: dataSizes[i] };
      const seen = digest.start(keySizes[i], dataSizes[i]);
      if (starts[i] >= 0) {
        const record = bytes.subarray(starts[i], starts[i] + keySizes[i] + dataSizes[i]);
        await builder.add({
          hash: hashKey(record.subarray(0, keySizes[i]), hashChar),
          ...sizes,
          bytes: record,
        });
        digest.add(seen.update(record));
        continue;
      }
      const hasher = new KeyHasher(keySizes[i], hashChar);
      for await (const piece of readChunks(db.source, offsets[i], keySizes[i])) hasher.update(piece);
      const whole = readChunks(db.source, offsets[i], keySizes[i] + dataSizes[i]);
      await builder.add({ hash: hasher.digest(), ...sizes, bytes: passing(whole, seen) });
      digest.add(seen);
    }
  }
  const built = await builder.finish();
  requireAll(built);
  return { ...built, contents: digest.value };
}

/** The same pieces, each seen by a digest on its way. */
async function* passing(
  pieces: AsyncIterable<Uint8Array>,
  record: { update(bytes: Uint8Array): unknown },
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    record.update(piece);
    yield piece;
  }
}

/** More keys of one hash than a bucket holds cannot be stored by libgdbm either. */
function requireAll({ crowded }: BuildResult): void {
  if (crowded === 0) return;
  throw new DumpError(
    `expected room for every record, found ${crowded} keys too many with one hash. Try a larger --block-size.`,
  );
}

/**
 * Why records of so many bytes cannot be stored as the target is; undefined where they may fit, which the builder
 * then knows.
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
 * @throws DumpError
 */
export async function requireSound(fresh: Sink, { records, contents }: Loaded): Promise<void> {
  const checked = await check(fresh);
  const trouble = checked.findings.find(({ severity }) => severity !== 'note');
  const same = contents === undefined || (trouble === undefined && (await digestOf(fresh)) === contents);
  if (trouble === undefined && checked.records.count === records && same) return;
  const found =
    trouble === undefined
      ? `${checked.records.count} records${same ? '' : ', other ones'}`
      : `${trouble.code}: ${trouble.found}`;
  throw new DumpError(
    `expected a sound fresh database of ${records} records, found ${found}. Check the disk.`,
  );
}
