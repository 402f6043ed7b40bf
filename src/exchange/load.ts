import type { BuildResult } from '../build/builder.js';
import { DatabaseBuilder } from '../build/builder.js';
import type { Sink } from '../build/sink.js';
import type { Database } from '../database/database.js';
import { check } from '../examine.js';
import { hashKey, KeyHasher } from '../format/hash.js';
import { maxOffset } from '../format/layout.js';
import { readChunks } from '../source/source.js';
import { DumpError } from './input.js';
import type { DumpReader } from './record.js';
import type { Target } from './target.js';
import type { WalkedBatch } from './walk.js';

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
): Promise<BuildResult> {
  const builder = new DatabaseBuilder(sink, spec);
  for await (const batch of batches) {
    for (const { key, dataSize, bytes } of batch) {
      await builder.add({ hash: hashKey(key, hashChar), keySize: key.length, dataSize, bytes });
    }
  }
  const built = await builder.finish();
  if (built.duplicates > 0 && duplicates === 'refuse') {
    throw new DumpError(
      `expected each key once, found ${built.duplicates} that come again. --duplicates first keeps the first of each.`,
    );
  }
  requireAll(built);
  return built;
}

/** Copies what a walk gives into a fresh database of another kind. */
export async function copyInto(
  db: Database,
  batches: AsyncIterable<WalkedBatch>,
  sink: Sink,
  { spec, hashChar }: Target,
): Promise<BuildResult> {
  const builder = new DatabaseBuilder(sink, spec);
  for await (const { count, bytes, starts, offsets, keySizes, dataSizes } of batches) {
    for (let i = 0; i < count; i++) {
      const sizes = { keySize: keySizes[i], dataSize: dataSizes[i] };
      if (starts[i] >= 0) {
        const record = bytes.subarray(starts[i], starts[i] + keySizes[i] + dataSizes[i]);
        await builder.add({
          hash: hashKey(record.subarray(0, keySizes[i]), hashChar),
          ...sizes,
          bytes: record,
        });
        continue;
      }
      const hasher = new KeyHasher(keySizes[i], hashChar);
      for await (const piece of readChunks(db.source, offsets[i], keySizes[i])) hasher.update(piece);
      const whole = readChunks(db.source, offsets[i], keySizes[i] + dataSizes[i]);
      await builder.add({ hash: hasher.digest(), ...sizes, bytes: whole });
    }
  }
  const built = await builder.finish();
  requireAll(built);
  return built;
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
 * Reads a fresh database back: its check finds nothing, and it has as many records as were built.
 *
 * @throws DumpError
 */
export async function requireSound(fresh: Sink, { records }: BuildResult): Promise<void> {
  const checked = await check(fresh);
  const trouble = checked.findings.find(({ severity }) => severity !== 'note');
  if (trouble === undefined && checked.records.count === records) return;
  const found =
    trouble === undefined ? `${checked.records.count} records` : `${trouble.code}: ${trouble.found}`;
  throw new DumpError(
    `expected a sound fresh database of ${records} records, found ${found}. Check the disk.`,
  );
}
