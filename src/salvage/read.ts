import type { Source } from '../source/source.js';
import { RangeReader } from '../source/ranges.js';
import type { SalvagedBatch, SalvagedRecord } from './salvage.js';

/** A record and its bytes. */
export interface ReadRecord {
  readonly record: SalvagedRecord;
  /**
   * The part that was asked for, in memory that is used again: copy it to keep it. Undefined if it is too large to be
   * held and must be read in pieces.
   */
  readonly bytes: Uint8Array | undefined;
}

/** Place of a record: the key at a file offset, the value directly behind it. */
export interface RecordPlace {
  readonly offset: number;
  readonly keySize: number;
  readonly dataSize: number;
}

/** Records that were read together. */
export interface ReadTogether<R extends RecordPlace> {
  readonly records: readonly R[];
  /** Parts that were asked for, one behind the other. */
  readonly bytes: Uint8Array;
  /** Index in `bytes` at which each part begins; −1 for one that is too large to be held. */
  readonly starts: Int32Array;
}

/** `key`, or `whole` for the key and the value directly after it. */
export type RecordPart = 'key' | 'whole';

/** Parts up to so many bytes are read together. */
const SMALL = 256 * 1024;
/** Bytes held at a time, and how many records that may be. */
const HELD_BYTES = 4 << 20;
const HELD_RECORDS = 1 << 15;

/** Bytes of the part that is wanted of a record. */
export function partSize({ keySize, dataSize }: RecordPlace, part: RecordPart): number {
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
  for await (const { records, bytes, starts } of readTogether(source, batches, part)) {
    for (const [n, record] of records.entries()) {
      const start = starts[n];
      yield {
        record,
        bytes: start < 0 ? undefined : bytes.subarray(start, start + partSize(record, part)),
      };
    }
  }
}

/** Longest key that is given whole; in a sparse file a key of 2 GiB takes no disk space, but would take memory. */
export const WHOLE_KEY = 4 << 20;
/** Bytes given of a longer key. */
const KEY_BEGINNING = 4096;

/**
 * Reads the keys of a stream's records, in its order; of keys longer than {@link WHOLE_KEY} only the beginning. A
 * result of `visit` is awaited only if it is a promise: a million needless awaits take longer than the reading.
 *
 * @param visit gets the key, which is only valid until it ends
 */
export async function visitKeys(
  source: Source,
  batches: AsyncIterable<SalvagedBatch>,
  visit: (record: SalvagedRecord, key: Uint8Array) => Promise<void> | undefined,
): Promise<void> {
  for await (const { records, bytes, starts } of readTogether(source, batches, 'key')) {
    for (const [n, record] of records.entries()) {
      const { offset, keySize } = record;
      const start = starts[n];
      const length = keySize > WHOLE_KEY ? KEY_BEGINNING : keySize;
      const key = start < 0 ? await source.read(offset, length) : bytes.subarray(start, start + keySize);
      const done = visit(record, key);
      if (done !== undefined) await done;
    }
  }
}

/**
 * Reads the records of a stream as {@link readSalvaged} does, and yields the records of one read together. Their
 * bytes are in the same memory each time, so they are valid only until the next ones are asked for.
 */
export async function* readTogether<R extends RecordPlace>(
  source: Source,
  batches: AsyncIterable<readonly R[]>,
  part: RecordPart,
): AsyncGenerator<ReadTogether<R>> {
  let held: R[] = [];
  let bytes = 0;
  const room = { bytes: new Uint8Array(0) };
  for await (const batch of batches) {
    for (const record of batch) {
      held.push(record);
      bytes += Math.min(partSize(record, part), SMALL);
      // A bucket may have thousands of elements, each with a key of that size.
      if (bytes < HELD_BYTES && held.length < HELD_RECORDS) continue;
      yield await readHeld(source, held, part, room);
      held = [];
      bytes = 0;
    }
  }
  if (held.length > 0) yield await readHeld(source, held, part, room);
}

async function readHeld<R extends RecordPlace>(
  source: Source,
  records: readonly R[],
  part: RecordPart,
  memory: { bytes: Uint8Array },
): Promise<ReadTogether<R>> {
  const starts = new Int32Array(records.length).fill(-1);
  const offsets = Float64Array.from(records, ({ offset }) => offset);
  const sizes = Float64Array.from(records, (record) => partSize(record, part));
  let room = 0;
  for (let n = 0; n < sizes.length; n++) {
    if (sizes[n] > SMALL) sizes[n] = -1;
    else {
      starts[n] = room;
      room += sizes[n];
    }
  }
  // One piece of memory for all of them: a small one for each would take several times as much.
  if (memory.bytes.length < room) memory.bytes = new Uint8Array(room);
  const { bytes } = memory;
  await new RangeReader(source).read(offsets, sizes, (n, window, at) => {
    bytes.set(window.subarray(at, at + sizes[n]), starts[n]);
  });
  return { records, bytes, starts };
}
