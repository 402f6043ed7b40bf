import { Frame } from './frame.js';
import type { BuildResult } from './builder.js';
import type { Sink } from './sink.js';
import type { BuildSpec } from './spec.js';
import { BucketPass } from '../check/bucketreader.js';
import type { Proof } from '../check/prove.js';
import type { Database } from '../database/database.js';
import { Places } from './places.js';
import { copyRuns } from './stretches.js';

/**
 * Writes a fresh copy of a database whose buckets and records were proved to be in order: the records in order of their
 * places, without what was between them, then each bucket with its elements where they were and their pointers moved,
 * the directory and the header. Everything is read and written nearly in order, and nothing is kept for a record; memory
 * is 8 bytes for each run of records and each directory entry.
 *
 * @throws BuildError if offsets of the format do not reach so far
 */
export async function relocate(
  db: Database,
  { records, runs, buckets }: Proof,
  spec: BuildSpec,
  sink: Sink,
): Promise<BuildResult> {
  const { bucketSize, blockSize } = spec;
  const frame = new Frame(sink, spec);
  const places = new Places(runs, blockSize);
  frame.requireOffset(blockSize + places.bytes + buckets.length * bucketSize);

  // 1. The records.
  await copyRuns(db.source, runs, frame);

  // 2. The buckets.
  const directory = new Float64Array(db.directory.length);
  const directoryBits = Math.log2(directory.length);
  const moved = new Uint8Array(bucketSize);
  const pointers = new Float64Array(db.geometry.bucketElements);
  await new BucketPass(db, buckets).each(async (words, _, run) => {
    const slot = buckets.firstSlots[run];
    directory.fill(frame.out.position, slot, slot + 2 ** (directoryBits - buckets.bits[run]));
    const { used, usedCount, keySizes, dataSizes } = words;
    for (let n = 0; n < usedCount; n++) {
      const i = used[n];
      pointers[i] = places.of(words.pointers[i], keySizes[i] + dataSizes[i]);
    }
    words.writeMoved(moved, pointers);
    await frame.out.append(moved);
    return true;
  });

  // 3. The directory and, last, the header.
  const size = await frame.close(directory);
  return { records, duplicates: 0, crowded: 0, size };
}
