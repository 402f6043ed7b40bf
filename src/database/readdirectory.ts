import { decodeDirectory } from '../format/directory.js';
import type { Format } from '../format/format.js';
import type { DirectoryPlace } from '../format/header.js';
import { offsetSize } from '../format/format.js';
import { viewOf } from '../format/struct.js';
import type { Source } from '../source/source.js';
import { passChunks } from '../source/source.js';

/**
 * Number of entries that are read without a check: 8 MiB of memory. A database of libgdbm with a larger directory has
 * some 10^8 records, or keys that were chosen to collide.
 */
const SMALL_DIRECTORY = 2 ** 20;

/**
 * Returns true if a directory is really in the file, so that its entries may take memory: it lies inside, and at
 * least half of a large one is not zero. A hole in a sparse file reads as zeros and takes no disk space; a few bytes
 * of a header that claim 2^28 entries there must not take 2 GiB of memory. A non-zero entry takes at least half as
 * much space in the file as in memory, so the contents of the file bound the memory. libgdbm leaves no entry zero.
 */
export async function isHeld(
  source: Source,
  { layout }: Format,
  { offset, bits }: DirectoryPlace,
): Promise<boolean> {
  const entries = 2 ** bits;
  const width = offsetSize(layout);
  if (!(offset > 0 && offset + entries * width <= source.size)) return false;
  if (entries <= SMALL_DIRECTORY) return true;
  let zeros = 0;
  for await (const bytes of passChunks(source, offset, entries * width)) {
    const view = viewOf(bytes);
    for (let at = 0; at < bytes.length; at += width) {
      if (view.getInt32(at) === 0 && (width === 4 || view.getInt32(at + 4) === 0)) zeros++;
    }
    if (zeros > entries / 2) return false;
  }
  return true;
}

/**
 * Reads a directory's entries, the file offsets of buckets, right or wrong. Memory: 8 bytes an entry, and no more.
 */
export async function readDirectory(
  source: Source,
  { layout, byteOrder }: Format,
  { offset, bits }: DirectoryPlace,
): Promise<Float64Array> {
  const entries = new Float64Array(2 ** bits);
  const width = offsetSize(layout);
  let done = 0;
  for await (const bytes of passChunks(source, offset, entries.length * width)) {
    const count = bytes.length / width;
    decodeDirectory(bytes, layout, byteOrder, entries.subarray(done, done + count));
    done += count;
  }
  return entries;
}
