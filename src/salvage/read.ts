import type { Source } from '../source/source.js';
import { gather } from '../source/gather.js';
import type { SalvagedBatch, SalvagedRecord } from './salvage.js';

/** A record and its bytes. */
export interface ReadRecord {
  readonly record: SalvagedRecord;
  /** What was asked for; undefined where it is too large to be held, to be read in pieces. */
  readonly bytes: Uint8Array | undefined;
}

/** `key`, or `whole` for the key and the value directly after it. */
export type RecordPart = 'key' | 'whole';

/** Parts up to so many bytes are read together. */
const SMALL = 256 * 1024;
/** Bytes held at a time, and how many records that may be. */
const HELD_BYTES = 8 << 20;
const HELD_RECORDS = 1 << 16;

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
  const parts = new Array<Uint8Array | undefined>(held.length);
  const small = [...held.keys()].filter((n) => partSize(held[n], part) <= SMALL);
  const ranges = small.map((n) => ({ offset: held[n].offset, length: partSize(held[n], part) }));
  await gather(source, ranges, (i, bytes) => {
    parts[small[i]] = bytes.slice();
  });
  for (const [n, record] of held.entries()) yield { record, bytes: parts[n] };
}
