import { OffsetSorter } from '../../columns/offsetsorter.js';
import type { Database } from '../../database/database.js';
import { endOfRun, MAX_DIRECTORY_BITS } from '../../format/directory.js';

/** The buckets that a directory leads to, in order of their file offsets if nothing else is said. */
export interface DirectoryRuns {
  readonly length: number;
  /** File offsets of the buckets. */
  readonly offsets: Float64Array;
  /** The first slot of each. */
  readonly firstSlots: Uint32Array;
  /** `bucket_bits` as the number of its slots says. */
  readonly bits: Uint8Array;
}

/**
 * The runs of equal entries of a directory, if each can be a bucket's: inside the file, as many slots as a power of two,
 * aligned to it, and no bucket in two runs or on another one.
 *
 * @returns undefined where any run is not so
 */
export function directoryRuns({ directory, geometry, source }: Database): DirectoryRuns | undefined {
  const { blockSize, bucketSize } = geometry;
  const slots = directory.length;
  const directoryBits = Math.log2(slots);
  // Buckets do not overlap, so there are no more of them than the file has room for.
  const most = Math.floor(source.size / bucketSize);
  const runs = countRuns(directory);
  if (runs > most) return undefined;
  const offsets = new Float64Array(runs);
  const firsts = new Uint32Array(runs);
  const bits = new Uint8Array(runs);
  let length = 0;
  for (let slot = 0, end: number; slot < slots; slot = end) {
    const offset = directory[slot];
    end = endOfRun(directory, slot);
    const own = end - slot;
    const isRun = (own & (own - 1)) === 0 && slot % own === 0;
    const isInside = offset >= blockSize && offset + bucketSize <= source.size;
    if (!isRun || !isInside) return undefined;
    offsets[length] = offset;
    firsts[length] = slot;
    bits[length] = directoryBits - Math.log2(own);
    length++;
  }
  if (length === 0) return undefined;
  const order = new OffsetSorter().orderOf(offsets, length, 0, source.size);
  for (let n = 1; n < length; n++) {
    if (offsets[order[n]] < offsets[order[n - 1]] + bucketSize) return undefined;
  }
  return inOrder({ offsets, firstSlots: firsts, bits }, order);
}

function countRuns(directory: Float64Array): number {
  let runs = 0;
  for (let slot = 0; slot < directory.length; slot = endOfRun(directory, slot)) runs++;
  return runs;
}

/** The same buckets in order of their slots, which is that of their hashes. */
export function bySlots(runs: DirectoryRuns): DirectoryRuns {
  const { length, firstSlots } = runs;
  const slots = Float64Array.from(firstSlots);
  const order = new OffsetSorter().orderOf(slots, length, 0, 2 ** MAX_DIRECTORY_BITS);
  return inOrder(runs, order);
}

function inOrder(
  { offsets, firstSlots, bits }: Omit<DirectoryRuns, 'length'>,
  order: Uint32Array,
): DirectoryRuns {
  const { length } = order;
  const sorted = {
    length,
    offsets: new Float64Array(length),
    firstSlots: new Uint32Array(length),
    bits: new Uint8Array(length),
  };
  for (let n = 0; n < length; n++) {
    sorted.offsets[n] = offsets[order[n]];
    sorted.firstSlots[n] = firstSlots[order[n]];
    sorted.bits[n] = bits[order[n]];
  }
  return sorted;
}
