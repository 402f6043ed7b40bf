import type { Proof } from '../check/sound/prove.js';
import { BucketPass } from '../check/sound/bucketpass.js';
import type { Database } from '../database/database.js';
import { BucketWords } from '../check/sound/bucketwords.js';
import { equalBytes } from '../format/bytes.js';
import type { RecordRuns } from '../check/sound/recordruns.js';
import type { Source } from '../source/source.js';
import { readInto } from '../source/source.js';
import { Places } from './places.js';
import { stretches } from './stretches.js';

/**
 * Compares a fresh copy with the database that it was made of: every byte of every record, and every element of every
 * bucket but for its pointer, which must lead to the same record. Reads both.
 *
 * @returns what differs; undefined where nothing does
 */
export async function firstDifference(
  db: Database,
  { runs, buckets }: Proof,
  fresh: Database,
): Promise<string | undefined> {
  const bytesDiffer = await firstOtherBytes(db.source, runs, fresh);
  if (bytesDiffer !== undefined) return bytesDiffer;
  const places = new Places(runs, fresh.geometry.blockSize);
  const { bucketSize, bucketElements } = fresh.geometry;
  const bytes = new Uint8Array(bucketSize);
  const copy = new BucketWords(fresh.format, bucketSize, bucketElements);
  let wrong: number | undefined;
  await new BucketPass(db, buckets).each(async (words, _, run) => {
    await readInto(fresh.source, fresh.directory[buckets.firstSlots[run]], bytes);
    copy.load(bytes);
    for (let i = 0; i < words.elements; i++) if (!isMoved(words, copy, i, places)) wrong ??= run;
    return wrong === undefined;
  });
  return wrong === undefined ? undefined : `another bucket than that at offset ${buckets.offsets[wrong]}`;
}

/** Compares the bytes of all runs of records with those of the copy; says where they differ. */
export async function firstOtherBytes(
  source: Source,
  runs: RecordRuns,
  fresh: Database,
): Promise<string | undefined> {
  let at = fresh.geometry.blockSize;
  const target = new Uint8Array(1 << 20);
  for await (const pieces of stretches(source, runs)) {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const stored = target.subarray(0, length);
    await readInto(fresh.source, at, stored);
    let done = 0;
    for (const piece of pieces) {
      if (!equalBytes(piece, stored.subarray(done, done + piece.length)))
        return `other bytes at offset ${at + done} to ${at + done + piece.length}`;
      done += piece.length;
    }
    at += length;
  }
  return undefined;
}

function isMoved(words: BucketWords, copy: BucketWords, i: number, places: Places): boolean {
  if (words.isFree(i)) return copy.isFree(i);
  const keySize = words.keySize(i);
  const dataSize = words.dataSize(i);
  return (
    copy.hash(i) === words.hash(i) &&
    copy.keySize(i) === keySize &&
    copy.dataSize(i) === dataSize &&
    copy.pointer(i) === places.of(words.pointer(i), keySize + dataSize)
  );
}
