import { BucketPass } from '../check/sound/bucketpass.js';
import type { Proof } from '../check/sound/prove.js';
import type { Database } from '../database/database.js';
import type { SalvagedBatch, SalvagedRecord } from './salvage.js';

/** Buckets that are read before their records are given. */
const BUCKETS = 64;

/** The records of a database that was proved to be in order, as {@link salvage} gives them. */
export async function* salvageProved(
  db: Database,
  { buckets, flavours }: Proof,
): AsyncGenerator<SalvagedBatch> {
  const told = flavours.signed > 0 ? 'signed' : 'unsigned';
  // Which keys tell the flavour is not remembered; where none does, all are the same.
  const hashChar = flavours.signed + flavours.unsigned === 0 ? 'either' : told;
  const { firstSlots } = buckets;
  const order = Uint32Array.from({ length: buckets.length }, (_, i) => i);
  order.sort((a, b) => firstSlots[a] - firstSlots[b]);
  for (let from = 0; from < buckets.length; from += BUCKETS) {
    const some = order.subarray(from, from + BUCKETS);
    const part = {
      length: some.length,
      offsets: Float64Array.from(some, (i) => buckets.offsets[i]),
      firstSlots: Uint32Array.from(some, (i) => firstSlots[i]),
      bits: Uint8Array.from(some, (i) => buckets.bits[i]),
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
