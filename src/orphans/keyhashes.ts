import { KeyHasher } from '../format/hash.js';
import type { RangeList } from '../source/ranges.js';
import { firstEndingAfter, RangeReader } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { passChunks } from '../source/source.js';
import { zeroBytes } from './zeros.js';

/** Ranges that may be keys, as parallel lists. */
export interface KeyRanges {
  readonly length: number;
  /** File offsets; each range lies inside the source. */
  readonly offsets: Float64Array;
  /** Bytes. */
  readonly sizes: Int32Array;
  /**
   * Expected first four bytes of longer keys, the first byte in the most significant place. Most places that look
   * like an element are none, and a mismatch saves reading their keys.
   */
  readonly starts?: Uint32Array;
}

/** Hashes of ranges in both flavours; −1 for a range that does not begin as expected, or was too costly to read. */
export interface KeyHashes {
  readonly signed: Int32Array;
  readonly unsigned: Int32Array;
}

/** Remaining budget for keys over 64 KiB, in bytes; each read is deducted. */
export interface LongKeyBudget {
  /** Bytes of all such keys. */
  bytes: number;
  /** Bytes of keys with two or more zeroes in their first four bytes, as pointers into tables have. */
  doubtful: number;
  /** Sorted ranges that contain no byte of a record: a key that overlaps one is not read. */
  readonly taken: RangeList;
}

/** Budget of callers that accept only keys up to 64 KiB. */
export const NO_LONG_KEYS: Readonly<LongKeyBudget> = { bytes: 0, doubtful: 0, taken: [] };

/** Maximum size in bytes of keys that are read whole, whatever their first bytes. */
const SHORT = 64;
/** Maximum size in bytes of keys that are read together with their neighbours. */
const SMALL = 64 * 1024;
/** Bytes of keys over 64 bytes that are read for each byte of the source; keys of an honest file do not overlap. */
const BUDGET = 4;
/** Minimum of that budget in bytes, for small sources. */
const BUDGET_LEAST = 16 << 20;

/**
 * Hashes ranges of a source, in any order, in one pass through the source and another one for long ranges.
 *
 * @param budget remaining budget for ranges over 64 KiB
 */
export async function hashRanges(
  source: Source,
  ranges: KeyRanges,
  budget: LongKeyBudget = { ...NO_LONG_KEYS },
): Promise<KeyHashes> {
  const { offsets, sizes, length, starts } = ranges;
  const signed = new Int32Array(length).fill(-1);
  const unsigned = new Int32Array(length).fill(-1);
  const hasher = new KeyHasher();
  const hash = (n: number, bytes: Uint8Array, at: number) => {
    hasher.takeBytes(bytes, at, at + sizes[n]);
    signed[n] = hasher.signed;
    unsigned[n] = hasher.unsigned;
  };
  const places = offsets.subarray(0, length);
  const reader = new RangeReader(source);
  const long: number[] = [];
  const beginnings = sizes.slice(0, length).map((size) => Math.min(size, SHORT));
  await reader.read(places, beginnings, (n, bytes, at) => {
    if (sizes[n] <= SHORT) hash(n, bytes, at);
    else if (starts === undefined || mayBeKey(bytes, at, starts[n], sizes[n])) long.push(n);
  });
  const most = affordable(
    long.filter((n) => sizes[n] <= SMALL).map((n) => sizes[n]),
    Math.max(BUDGET_LEAST, BUDGET * source.size),
  );
  const small = beginnings.fill(-1);
  for (const n of long) if (sizes[n] <= Math.min(SMALL, most)) small[n] = sizes[n];
  await reader.read(places, small, hash);
  const isDoubtful = (n: number) => starts !== undefined && zeroBytes(starts[n]) >= 2;
  for (const n of long) {
    const size = sizes[n];
    const doubtful = isDoubtful(n);
    if (size <= SMALL || size > (doubtful ? Math.min(budget.bytes, budget.doubtful) : budget.bytes)) continue;
    if (reachesOver(budget.taken, offsets[n], size)) continue;
    budget.bytes -= size;
    if (doubtful) budget.doubtful -= size;
    [signed[n], unsigned[n]] = await hashLarge(source, offsets[n], size);
  }
  return { signed, unsigned };
}

/**
 * Returns true if a long key begins as expected. A very long key must not begin with zero bytes only: all numbers
 * that happen to lead into empty space seem to have such keys, and to read them would take longer than everything
 * else.
 */
function mayBeKey(bytes: Uint8Array, at: number, start: number, size: number): boolean {
  const found = ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
  if (found !== start) return false;
  if (size <= SMALL) return true;
  for (let i = at; i < at + SHORT; i++) if (bytes[i] !== 0) return true;
  return false;
}

/**
 * The largest size for which all keys up to it fit the budget together: many places that share one key must not
 * multiply the work.
 */
function affordable(sizes: readonly number[], budget: number): number {
  let left = budget;
  for (const size of Float64Array.from(sizes).sort()) {
    left -= size;
    if (left < 0) return size - 1;
  }
  return Infinity;
}

function reachesOver(ranges: RangeList, offset: number, size: number): boolean {
  const next = ranges.at(firstEndingAfter(ranges, offset));
  return next !== undefined && next.offset < offset + size;
}

async function hashLarge(source: Source, offset: number, size: number): Promise<[number, number]> {
  const hasher = new KeyHasher(size);
  for await (const bytes of passChunks(source, offset, size)) hasher.update(bytes);
  return [hasher.signed, hasher.unsigned];
}
