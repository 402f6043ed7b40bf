import type { ByteOrder, Layout } from './format.js';
import { offsetSize } from './format.js';
import { readOffset, viewOf, writeOffset } from './struct.js';
import { HASH_BITS, HASH_RANGE } from './hash.js';

/** A directory has at least 2^3 entries. */
export const MIN_DIRECTORY_BITS = 3;
/** libgdbm stops doubling a directory at 2^28 entries; its size in bytes is a signed 32-bit number. */
export const MAX_DIRECTORY_BITS = HASH_BITS - 3;

/**
 * The directory that libgdbm makes for `bytes` of room, which is also how it computes `dir_bits` from
 * `dir_size` (measured: it refuses a file where they disagree).
 *
 * @param bytes the block size for a new file, or a directory's size
 */
export function directorySizeFor(layout: Layout, bytes: number): { size: number; bits: number } {
  let size = 8 * offsetSize(layout);
  let bits = MIN_DIRECTORY_BITS;
  const wanted = Math.min(bytes, 0x3fffffff);
  while (size < wanted && bits < MAX_DIRECTORY_BITS) {
    size *= 2;
    bits++;
  }
  return { size, bits };
}

/** The directory slot that a hash belongs to. */
export function slotOf(hash: number, directoryBits: number): number {
  return hash >>> (HASH_BITS - directoryBits);
}

/** The first hash that belongs to a slot of a directory with so many slots, a power of two. */
export function hashOfSlot(slot: number, slots: number): number {
  return slot * (HASH_RANGE / slots);
}

/** The slot behind a run of equal entries that begins at `slot`; likewise of what else is told for each slot. */
export function endOfRun(entries: Float64Array | Int32Array, slot: number): number {
  let end = slot + 1;
  while (end < entries.length && entries[end] === entries[slot]) end++;
  return end;
}

/**
 * Decodes directory entries: file offsets of buckets. Beyond 2^53 they are rounded, never wrapped.
 *
 * @param entries where they go, as many as it has
 */
export function decodeDirectory(
  bytes: Uint8Array,
  layout: Layout,
  byteOrder: ByteOrder,
  entries = new Float64Array(Math.floor(bytes.length / offsetSize(layout))),
): Float64Array {
  const width = offsetSize(layout);
  const view = viewOf(bytes);
  const little = byteOrder === 'little';
  for (let i = 0; i < entries.length; i++) entries[i] = readOffset(view, i * width, layout, little);
  return entries;
}

/** The bytes of directory entries. */
export function encodeDirectory(
  entries: ArrayLike<number>,
  layout: Layout,
  byteOrder: ByteOrder,
): Uint8Array {
  const width = offsetSize(layout);
  const bytes = new Uint8Array(entries.length * width);
  const view = viewOf(bytes);
  for (let i = 0; i < entries.length; i++) {
    writeOffset(view, i * width, entries[i], layout, byteOrder === 'little');
  }
  return bytes;
}
