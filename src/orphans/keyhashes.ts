import { hashKey, isPortableKey, KeyHasher } from '../format/hash.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import { readInOrder } from './readinorder.js';

/** Ranges that may be keys, as lists that go together. */
export interface KeyRanges {
  readonly length: number;
  /** File offsets; each range lies inside the source. */
  readonly offsets: Float64Array;
  /** Bytes. */
  readonly sizes: Int32Array;
  /**
   * What the first four bytes of longer keys must be, the first byte in the highest place: most places that look like an
   * element are none, and their keys need not be read then.
   */
  readonly starts?: Uint32Array;
}

/** The hashes of ranges, by both flavours; −1 where a range does not begin as it must, or was too costly to read. */
export interface KeyHashes {
  readonly signed: Int32Array;
  readonly unsigned: Int32Array;
}

/** Keys up to so many bytes are read whole, whatever they begin with. */
const SHORT = 64;
/** Keys up to so many bytes are read with their neighbours. */
const SMALL = 64 * 1024;
/** Offsets and indexes share a number while they are sorted: 2^31 steps of offset, 2^22 indexes. */
const INDEX_LIMIT = 2 ** 22;
const OFFSET_STEPS = 2 ** 31;

/**
 * Hashes ranges of a source, whatever their order, in one pass through the source, and one more for long ranges.
 *
 * @param budget bytes of ranges over 64 KiB that may be read
 */
export async function hashRanges(source: Source, ranges: KeyRanges, budget: number): Promise<KeyHashes> {
  const { offsets, sizes, length, starts } = ranges;
  const signed = new Int32Array(length).fill(-1);
  const unsigned = new Int32Array(length).fill(-1);
  const hash = (n: number, key: Uint8Array) => {
    signed[n] = hashKey(key, 'signed');
    unsigned[n] = isPortableKey(key) ? signed[n] : hashKey(key, 'unsigned');
  };
  const order = orderOf(offsets.subarray(0, length), source.size);
  const long: number[] = [];
  const sizeOf = (n: number) => Math.min(sizes[n], SHORT);
  await readInOrder(source, { offsets, sizeOf, order }, (n, bytes) => {
    if (sizes[n] <= SHORT) hash(n, bytes);
    else if (starts === undefined || mayBeKey(bytes, starts[n], sizes[n])) long.push(n);
  });
  const small = long.filter((n) => sizes[n] <= SMALL);
  await readInOrder(source, { offsets, sizeOf: (n) => sizes[n], order: small }, hash);
  for (const n of long) {
    if (sizes[n] <= SMALL || sizes[n] > budget) continue;
    budget -= sizes[n];
    [signed[n], unsigned[n]] = await hashLarge(source, offsets[n], sizes[n]);
  }
  return { signed, unsigned };
}

/**
 * Whether a long key begins as it must. A very long one must not begin with zero bytes only: all numbers that chance to
 * lead into empty space seem to have such keys, and reading them would take longer than everything else.
 */
function mayBeKey(bytes: Uint8Array, start: number, size: number): boolean {
  const found = ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
  return found === start && (size <= SMALL || bytes.some((byte) => byte !== 0));
}

/** Indexes in order of their offsets, which need not be exact: near ones may change places. */
function orderOf(offsets: Float64Array, size: number): Uint32Array {
  if (offsets.length > INDEX_LIMIT) throw new RangeError(`expected at most ${INDEX_LIMIT} ranges`);
  const step = Math.max(1, Math.ceil(size / OFFSET_STEPS));
  const packed = Float64Array.from(offsets, (offset, i) => Math.floor(offset / step) * INDEX_LIMIT + i);
  packed.sort();
  return Uint32Array.from(packed, (value) => value % INDEX_LIMIT);
}

async function hashLarge(source: Source, offset: number, size: number): Promise<[number, number]> {
  const signed = new KeyHasher(size, 'signed');
  const unsigned = new KeyHasher(size, 'unsigned');
  for await (const bytes of readChunks(source, offset, size)) {
    signed.update(bytes);
    unsigned.update(bytes);
  }
  return [signed.digest(), unsigned.digest()];
}
