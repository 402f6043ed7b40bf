import { Lookup } from '../database/lookup.js';
import type { Searched } from '../examine.js';
import { equalBytes } from '../format/bytes.js';
import { cached } from '../source/cached.js';
import type { Source } from '../source/source.js';
import { readChunks, readInto } from '../source/source.js';
import type { WalkLoss } from './batch.js';
import { walkable, walkRecords } from './walk.js';

/** A key that is not the same in two databases. */
export interface Difference {
  readonly how: 'removed' | 'added' | 'changed';
  readonly key: Uint8Array;
  /** Bytes of the value before; undefined where there is none. */
  readonly before: number | undefined;
  readonly after: number | undefined;
}

export interface DiffCounts {
  same: number;
  removed: number;
  added: number;
  changed: number;
  /** What of either could not be read; then the rest is not all. */
  lossBefore: WalkLoss;
  lossAfter: WalkLoss;
}

/**
 * Compares two databases of any kind key by key: each key of one is looked up in the other. Nothing is held but a
 * batch of records, whatever the size.
 */
export async function* diff(
  before: Searched,
  after: Searched,
  counts: DiffCounts,
): AsyncGenerator<Difference> {
  const near = { ...after, db: { ...after.db, source: cached(after.db.source) } };
  const inAfter = new Lookup(near.db);
  const room = new Uint8Array(4096);
  for await (const { source, key, at, dataSize, value } of entries(before, counts.lossBefore)) {
    const found = await inAfter.find(key);
    if (found === undefined) {
      counts.removed++;
      yield { how: 'removed', key, before: dataSize, after: undefined };
      continue;
    }
    const { valueOffset, valueSize } = found;
    const same =
      valueSize === dataSize &&
      (value === undefined
        ? await sameRange(source, at, after.db.source, valueOffset, dataSize)
        : await isAt(near.db.source, valueOffset, value, room));
    if (same) counts.same++;
    else {
      counts.changed++;
      yield { how: 'changed', key, before: dataSize, after: valueSize };
    }
  }
  const inBefore = new Lookup({ ...before.db, source: cached(before.db.source) });
  for await (const { key, dataSize } of entries(after, counts.lossAfter)) {
    if ((await inBefore.find(key)) !== undefined) continue;
    counts.added++;
    yield { how: 'added', key, before: undefined, after: dataSize };
  }
}

/** Each record; the value's bytes only where they are small, and where it is. */
async function* entries(
  searched: Searched,
  loss: WalkLoss,
): AsyncGenerator<{
  source: Source;
  key: Uint8Array;
  at: number;
  dataSize: number;
  value: Uint8Array | undefined;
}> {
  for await (const batch of walkRecords(walkable(searched), loss)) {
    const { source, count, bytes, starts, offsets, keySizes, dataSizes } = batch;
    for (let i = 0; i < count; i++) {
      const [from, keySize, dataSize] = [starts[i], keySizes[i], dataSizes[i]];
      const at = offsets[i] + keySize;
      if (from < 0)
        yield { source, key: await source.read(offsets[i], keySize), at, dataSize, value: undefined };
      else {
        const key = bytes.subarray(from, from + keySize);
        yield { source, key, at, dataSize, value: bytes.subarray(from + keySize, from + keySize + dataSize) };
      }
    }
  }
}

async function isAt(source: Source, at: number, value: Uint8Array, room: Uint8Array): Promise<boolean> {
  if (value.length > room.length) return equalBytes(value, await source.read(at, value.length));
  const there = room.subarray(0, value.length);
  await readInto(source, at, there);
  return equalBytes(value, there);
}

async function sameRange(a: Source, atA: number, b: Source, atB: number, size: number): Promise<boolean> {
  const others = readChunks(b, atB, size);
  for await (const piece of readChunks(a, atA, size)) {
    const other = await others.next();
    if (other.done || !equalBytes(piece, other.value)) return false;
  }
  return true;
}
