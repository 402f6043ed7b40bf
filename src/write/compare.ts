import type { CopiedFrom, Proof } from '../check/prove.js';
import { BucketPass } from '../check/bucketreader.js';
import type { BucketWords } from '../format/bucketwords.js';
import type { DirectoryRuns } from '../check/bucketreader.js';
import type { Database } from '../database/database.js';
import { equalBytes } from '../format/bytes.js';
import type { RecordRuns } from '../check/space.js';
import type { Source } from '../source/source.js';
import { readInto } from '../source/source.js';
import { Places } from './places.js';
import { stretches } from './stretches.js';

/**
 * What a fresh copy must be of a database that was proved: its records directly behind the header block, and in each
 * bucket the elements of the same one of the database but for their pointers, which must lead to the same records.
 *
 * @param differ is told where a bucket is another one
 */
export function copiedFrom(db: Database, proof: Proof, differ: (what: string) => void): CopiedFrom {
  const { records, bytes, flavours, runs, buckets } = proof;
  const places = new Places(runs, db.geometry.blockSize);
  const pass = new BucketPass(db, buckets);
  return {
    records,
    bytes,
    flavours,
    base: db.geometry.blockSize,
    async isBucket(copied: BucketWords, run: number, copies: DirectoryRuns) {
      const isPlace =
        copies.length === buckets.length &&
        copies.firstSlots[run] === buckets.firstSlots[run] &&
        copies.bits[run] === buckets.bits[run];
      const same = isPlace && isMoved(await pass.at(run), copied, places);
      if (!same) differ(`another bucket than that at offset ${buckets.offsets[run]}`);
      return same;
    },
  };
}

/** Compares the bytes of all runs of records with those of the copy; says where they differ. */
export async function firstOtherBytes(
  source: Source,
  runs: RecordRuns,
  fresh: Database,
): Promise<string | undefined> {
  let at = fresh.geometry.blockSize;
  const target = new Uint8Array(1 << 20);
  for await (const bytes of stretches(source, runs)) {
    const stored = target.subarray(0, bytes.length);
    await readInto(fresh.source, at, stored);
    if (!equalBytes(bytes, stored))
      return `other bytes at offset ${at + bytes.findIndex((byte, i) => byte !== stored[i])}`;
    at += bytes.length;
  }
  return undefined;
}

function isMoved(words: BucketWords, copy: BucketWords, places: Places): boolean {
  const { used, usedCount, hashes, keySizes, dataSizes, starts, pointers } = words;
  if (copy.usedCount !== usedCount || copy.availCount !== 0) return false;
  for (let n = 0; n < usedCount; n++) {
    const i = used[n];
    const same =
      copy.used[n] === i &&
      copy.hashes[i] === hashes[i] &&
      copy.keySizes[i] === keySizes[i] &&
      copy.dataSizes[i] === dataSizes[i] &&
      copy.starts[i] === starts[i] &&
      copy.pointers[i] === places.of(pointers[i], keySizes[i] + dataSizes[i]);
    if (!same) return false;
  }
  return true;
}
