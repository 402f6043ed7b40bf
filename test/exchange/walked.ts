import { openForWalk, walkRecords } from '../../src/exchange/walk.js';
import type { Walkable } from '../../src/exchange/walk.js';
import { memorySource } from '../../src/source/memory.js';
import { text } from '../build/build.js';

/** Every record of a file as a walk gives it, in its order, and what it says was lost; undefined where it is no database. */
export async function walkedOf(bytes: Uint8Array) {
  const found: [string, string][] = [];
  const loss = { records: 0, incomplete: false };
  const database = await openForWalk(memorySource(bytes));
  if (database === undefined) return undefined;
  for await (const batch of walkRecords(database, loss)) {
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

/** Opens a file in memory that is a database. */
export async function openedForWalk(bytes: Uint8Array): Promise<Walkable> {
  const database = await openForWalk(memorySource(bytes));
  if (database === undefined) throw new Error('expected a database');
  return database;
}
