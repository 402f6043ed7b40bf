import type { DumpBatch } from './record.js';
import { Arena } from './record.js';

/** A record of a line. */
export interface LineRecord {
  readonly keySize: number;
  /** The key and the value directly after it. */
  readonly bytes: Uint8Array;
}

/** Records of lines, many in one piece of memory. */
export async function* inBatches(records: AsyncIterable<LineRecord>): AsyncGenerator<DumpBatch> {
  const arena = new Arena();
  for await (const { keySize, bytes } of records) {
    arena.reserve(bytes.length);
    arena.bytes.set(bytes, arena.used);
    arena.used += bytes.length;
    arena.add(keySize, bytes.length - keySize);
    if (!arena.isFull) continue;
    yield arena;
    arena.clear();
  }
  if (arena.count > 0) yield arena;
}
