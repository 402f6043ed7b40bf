import { KeyHasher } from '../format/hash.js';
import type { RangeList } from '../source/ranges.js';
import { firstEndingAfter, orderBySteps, readInOrder } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { passChunks } from '../source/source.js';
import { zeroBytes } from './zeros.js';

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

/** Bytes of keys over 64 KiB that may be read; what is read is taken off. */
export interface LongKeyBudget {
  /** For all of them. */
  bytes: number;
  /** Of that for keys whose first four bytes are zero, two of them or more: what leads into tables looks like that. */
  doubtful: number;
  /** Ranges in order that no record has a byte of: a key that reaches over one is none, and not read. */
  readonly taken: RangeList;
}

/** For who takes only keys up to 64 KiB. */
export const NO_LONG_KEYS: Readonly<LongKeyBudget> = { bytes: 0, doubtful: 0, taken: [] };

/** Keys up to so many bytes are read whole, whatever they begin with. */
const SHORT = 64;
/** Keys up to so many bytes are read with their neighbours. */
const SMALL = 64 * 1024;
/** Bytes of keys over 64 bytes that are read for each byte of the source; an honest file's do not overlap. */
const BUDGET = 4;
/** And in any source so many. */
const BUDGET_LEAST = 16 << 20;

/**
 * Hashes ranges of a source, whatever their order, in one pass through the source, and one more for long ranges.
 *
 * @param budget how much of ranges over 64 KiB may be read
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
  const offsetOf = (n: number) => offsets[n];
  const order = orderBySteps(length, offsetOf, source.size);
  const long: number[] = [];
  const sizeOf = (n: number) => Math.min(sizes[n], SHORT);
  await readInOrder(source, { offsetOf, sizeOf, order }, (n, bytes, at) => {
    if (sizes[n] <= SHORT) hash(n, bytes, at);
    else if (starts === undefined || mayBeKey(bytes, at, starts[n], sizes[n])) long.push(n);
  });
  const most = affordable(
    long.filter((n) => sizes[n] <= SMALL).map((n) => sizes[n]),
    Math.max(BUDGET_LEAST, BUDGET * source.size),
  );
  const small = long.filter((n) => sizes[n] <= Math.min(SMALL, most));
  await readInOrder(source, { offsetOf, sizeOf: (n) => sizes[n], order: small }, hash);
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
 * Whether a long key begins as it must. A very long one must not begin with zero bytes only: all numbers that chance to
 * lead into empty space seem to have such keys, and reading them would take longer than everything else.
 */
function mayBeKey(bytes: Uint8Array, at: number, start: number, size: number): boolean {
  const found = ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
  if (found !== start) return false;
  if (size <= SMALL) return true;
  for (let i = at; i < at + SHORT; i++) if (bytes[i] !== 0) return true;
  return false;
}

/** The largest size so that all up to it together are no more than a budget: places made to share a key must not multiply it. */
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
