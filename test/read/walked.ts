import assert from 'node:assert/strict';
import fc from 'fast-check';
import { open } from '../../src/examine.js';
import type { Opened } from '../../src/examine.js';
import { allRecords } from '../../src/read/records.js';
import { openSearched } from '../../src/examine.js';
import type { BatchLimits } from '../../src/read/batch.js';
import { readSalvaged } from '../../src/salvage/read.js';
import { salvage } from '../../src/salvage/salvage.js';
import { memorySource } from '../../src/source/source.js';
import { SWEEP } from '../tools/effort.js';
import { text } from '../build/build.js';
import type { Intact } from '../torture/intact.js';
import { formats, miniDatabase } from '../torture/databases.js';
import { anyModelNames, modelsNamed } from '../torture/combine.js';
import { damagedCopy } from '../torture/judge.js';
import { RUNS, SEED, seedFor } from '../torture/settings.js';

/** Limits that divide a small database into many batches. */
export const LITTLE: BatchLimits = { bytes: 3000, records: 40 };

/** Parameters of small databases with several buckets; each purpose has databases of its own. */
export const smallSpec = (purpose: string) => ({
  blockSize: 512,
  seed: seedFor(purpose),
  records: 250,
  maxValue: 300,
});

/** One in each standard format, by their names, which is what a failure shows. */
export function smallDatabases(purpose: string): Map<string, Intact> {
  const made = formats('standard').map((format) => miniDatabase(format, smallSpec(purpose)));
  return new Map(made.map((intact) => [intact.name, intact]));
}

/**
 * Holds something of a database against a copy of it that is damaged in several ways, again and again.
 *
 * @param numRuns copies in a sweep
 */
export async function whateverTheDamage(
  databases: ReadonlyMap<string, Intact>,
  numRuns: number,
  hold: (bytes: Uint8Array, intact: Intact) => Promise<void>,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      anyModelNames,
      fc.constantFrom(...databases.keys()),
      fc.noShrink(fc.nat()),
      async (names, database, seed) => {
        const intact = databases.get(database)!;
        await hold(damagedCopy(intact, modelsNamed(names), seed).bytes, intact);
      },
    ),
    { seed: SEED, numRuns: RUNS * (SWEEP ? numRuns : Math.max(8, Math.ceil(numRuns / 5))) },
  );
}

/** Every record of a file as a walk gives it, in its order, and what it says was lost; undefined where it is no database. */
export async function walkedOf(bytes: Uint8Array, limits?: BatchLimits) {
  const found: [string, string][] = [];
  const loss = { records: 0, incomplete: false };
  const database = await open(memorySource(bytes));
  if (database === undefined) return undefined;
  for await (const batch of allRecords(database, { loss, limits })) {
    for (let i = 0; i < batch.count; i++) {
      const size = batch.keySizes[i] + batch.dataSizes[i];
      const record =
        batch.starts[i] < 0
          ? await batch.source.read(batch.offsets[i], size)
          : batch.bytes.subarray(batch.starts[i], batch.starts[i] + size);
      found.push([text(record.subarray(0, batch.keySizes[i])), text(record.subarray(batch.keySizes[i]))]);
    }
  }
  return { found, loss };
}

/** Every record of a file as a salvage gives it; undefined where it is no database. */
export async function salvagedOf(bytes: Uint8Array): Promise<[string, string][] | undefined> {
  const searched = await openSearched(memorySource(bytes));
  if (searched === undefined) return undefined;
  const { db, survey } = searched;
  const found: [string, string][] = [];
  for await (const { record, bytes: whole } of readSalvaged(db.source, salvage(db, survey), 'whole')) {
    assert.ok(whole !== undefined);
    found.push([text(whole.subarray(0, record.keySize)), text(whole.subarray(record.keySize))]);
  }
  return found;
}

/** Opens a file in memory that is a database. */
export async function openedForWalk(bytes: Uint8Array): Promise<Opened> {
  const database = await open(memorySource(bytes));
  if (database === undefined) throw new Error('expected a database');
  return database;
}
