import { BucketPass, bySlots } from '../check/bucketreader.js';
import type { Proof } from '../check/check.js';
import type { Database } from '../database/database.js';
import type { SalvagedBatch, SalvagedRecord } from './salvage.js';

/** Buckets read for one batch of records. */
const BUCKETS = 64;

/** The records of a database that was proved to be in order, as {@link salvage} gives them. */
export async function* salvageProved(
  db: Database,
  { buckets, flavours }: Proof,
): AsyncGenerator<SalvagedBatch> {
  const told = flavours.signed > 0 ? 'signed' : 'unsigned';
  // The proof does not record which keys have a flavour; if none has, both flavours hash every key alike.
  const hashChar = flavours.signed + flavours.unsigned === 0 ? 'either' : told;
  const { length, offsets, firstSlots, bits } = bySlots(buckets);
  for (let from = 0; from < length; from += BUCKETS) {
    const part = {
      length: Math.min(BUCKETS, length - from),
      offsets: offsets.subarray(from),
      firstSlots: firstSlots.subarray(from),
      bits: bits.subarray(from),
    };
    const batch: SalvagedRecord[] = [];
    await new BucketPass(db, part).each((words, _, run) => {
      for (let i = 0; i < words.elements; i++) {
        if (words.isFree(i)) continue;
        batch.push({
          hash: words.hash(i),
          hashChar,
          offset: words.pointer(i),
          keySize: words.keySize(i),
          dataSize: words.dataSize(i),
          bucket: part.offsets[run],
          element: i,
          provenance: 'live',
        });
      }
      return true;
    });
    yield batch;
  }
}
