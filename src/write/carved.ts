import type { BuildResult, BuildSpec } from './builder.js';
import { DatabaseBuilder } from './builder.js';
import type { Sink } from './sink.js';
import type { CheckResult } from '../check/check.js';
import { check } from '../examine.js';
import type { SalvagedBatch } from '../salvage/salvage.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import { heldIn, VerifyError } from './verify.js';

/**
 * Writes a database of values that only their shape tells, of a file of which nothing else is known: of two with one key the
 * first.
 *
 * @param records with the provenance `carved`, the most likely one of a key first
 */
export async function buildCarved(
  source: Source,
  records: SalvagedBatch,
  sink: Sink,
  spec: BuildSpec,
): Promise<BuildResult> {
  const builder = new DatabaseBuilder(sink, spec);
  for (const { hash, offset, keySize, dataSize } of records) {
    await builder.add({ hash, keySize, dataSize, bytes: readChunks(source, offset, keySize + dataSize) });
  }
  return builder.finish();
}

/** @throws VerifyError if the fresh database is not sound, or of a key does not hold the first value */
export async function verifyCarved(
  source: Source,
  records: SalvagedBatch,
  fresh: Source,
): Promise<CheckResult> {
  const checked = await check(fresh);
  const holds = await heldIn(source, fresh);
  const seen = new Set<string>();
  for (const record of records) {
    const key = String(await source.read(record.offset, record.keySize));
    if (seen.has(key)) continue;
    seen.add(key);
    if (!(await holds(record))) {
      throw new VerifyError(
        `expected the value at ${record.offset} in the fresh database, found another one`,
      );
    }
  }
  if (checked.verdict !== 'healthy' || checked.records.count !== seen.size) {
    throw new VerifyError(
      `expected ${seen.size} records in a sound fresh database, found ${checked.records.count}`,
    );
  }
  return checked;
}
