import type { Source } from '../source/source.js';
import { orderBySteps, readInOrder } from '../source/readinorder.js';
import type { SalvagedBatch, SalvagedRecord } from './salvage.js';

/** A record and its bytes. */
export interface ReadRecord {
  readonly record: SalvagedRecord;
  /**
   * What was asked for, in one piece of memory with others: who keeps it makes a copy. Undefined where it is too large to
   * be held, to be read in pieces.
   */
  readonly bytes: Uint8Array | undefined;
}

/** `key`, or `whole` for the key and the value directly after it. */
export type RecordPart = 'key' | 'whole';

/** Parts up to so many bytes are read together. */
const SMALL = 256 * 1024;
/** Bytes held at a time, and how many records that may be. */
const HELD_BYTES = 4 << 20;
const HELD_RECORDS = 1 << 15;

/** Bytes of the part that is wanted of a record. */
export function partSize({ keySize, dataSize }: SalvagedRecord, part: RecordPart): number {
  return part === 'key' ? keySize : keySize + dataSize;
}

/**
 * Reads the records of a stream, in its order. Records of one bucket lie anywhere in a file, so many buckets'
 * records are read together, in order of their offsets.
 */
export async function* readSalvaged(
  source: Source,
  batches: AsyncIterable<SalvagedBatch>,
  part: RecordPart,
): AsyncGenerator<ReadRecord> {
  let held: SalvagedRecord[] = [];
  let bytes = 0;
  for await (const batch of batches) {
    for (const record of batch) {
      held.push(record);
      bytes += Math.min(partSize(record, part), SMALL);
    }
    if (bytes < HELD_BYTES && held.length < HELD_RECORDS) continue;
    yield* readHeld(source, held, part);
    held = [];
    bytes = 0;
  }
  yield* readHeld(source, held, part);
}

async function* readHeld(
  source: Source,
  held: readonly SalvagedRecord[],
  part: RecordPart,
): AsyncGenerator<ReadRecord> {
  const small = Uint32Array.from(held.keys()).filter((n) => partSize(held[n], part) <= SMALL);
  const offsets = Float64Array.from(small, (n) => held[n].offset);
  const ends = new Uint32Array(small.length);
  let room = 0;
  for (const [i, n] of small.entries()) ends[i] = room += partSize(held[n], part);
  // One piece of memory for all of them: a small one for each would take several times as much.
  const all = new Uint8Array(room);
  const sizeOf = (i: number) => ends[i] - (i === 0 ? 0 : ends[i - 1]);
  const order = orderBySteps(offsets, source.size);
  await readInOrder(source, { offsets, sizeOf, order }, (i, bytes, at) => {
    const size = sizeOf(i);
    all.set(bytes.subarray(at, at + size), ends[i] - size);
  });
  let next = 0;
  for (const [n, record] of held.entries()) {
    if (small[next] !== n) yield { record, bytes: undefined };
    else {
      const end = ends[next];
      yield { record, bytes: all.subarray(end - sizeOf(next), end) };
      next++;
    }
  }
}
