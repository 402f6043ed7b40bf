import { Frame } from '../build/frame.js';
import type { BuildResult } from '../build/builder.js';
import type { Sink } from '../build/sink.js';
import type { BuildSpec } from '../build/spec.js';
import { BucketPass } from '../check/sound/bucketpass.js';
import type { Proof } from '../check/sound/prove.js';
import type { Database } from '../database/database.js';
import { BucketView } from '../format/bucket.js';
import { FREE_HASH } from '../format/hash.js';
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
  const { bucketSize, blockSize, format } = spec;
  const frame = new Frame(sink, spec);
  const places = new Places(runs, blockSize);
  frame.requireOffset(blockSize + places.bytes + buckets.length * bucketSize);

  // 1. The records.
  await copyRuns(db.source, runs, frame);

  // 2. The buckets, many at a time.
  const directory = new Float64Array(db.directory.length);
  const directoryBits = Math.log2(directory.length);
  const batch = new Uint8Array(Math.max(1, Math.floor((1 << 20) / bucketSize)) * bucketSize);
  const first = frame.out.position;
  let filled = 0;
  await new BucketPass(db, buckets).each(async (words, bytes, run) => {
    const place = first + run * bucketSize;
    const slot = buckets.firstSlots[run];
    directory.fill(place, slot, slot + 2 ** (directoryBits - buckets.bits[run]));
    const fresh = batch.subarray(filled, filled + bucketSize);
    fresh.fill(0);
    const old = new BucketView(bytes, format, words.elements);
    const moved = new BucketView(fresh, format, words.elements);
    moved.setHead(words.bits, words.count);
    for (let i = 0; i < words.elements; i++) {
      if (words.isFree(i)) moved.setHash(i, FREE_HASH);
      else moved.moveElement(i, old, places.of(words.pointer(i), words.keySize(i) + words.dataSize(i)));
    }
    filled += bucketSize;
    if (filled === batch.length || run + 1 === buckets.length) {
      await frame.out.append(batch.subarray(0, filled));
      filled = 0;
    }
    return true;
  });

  // 3. The directory and, last, the header.
  const size = await frame.close(directory);
  return { records, duplicates: 0, crowded: 0, size };
}
