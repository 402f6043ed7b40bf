import type { Format } from '../format/format.js';
import type { DirectoryPlace, Geometry } from '../format/geometry.js';
import { offsetSize } from '../format/layout.js';
import { readOffset, viewOf } from '../format/struct.js';
import type { Source } from '../source/source.js';

/** Bytes read at a time. */
const CHUNK = 1 << 20;
/** Places reported at most: a file made to look full of directories must not cost more. */
const MAX_PLACES = 16;

/**
 * Looks through the whole file, at every byte offset, for runs of numbers that could all be bucket offsets, as
 * long as a directory of one of the given sizes. For a header whose `dir` is wrong.
 */
export async function findDirectory(
  source: Source,
  format: Format,
  geometry: Geometry,
  bitsToTry: readonly number[],
): Promise<DirectoryPlace[]> {
  const width = offsetSize(format.layout);
  const little = format.byteOrder === 'little';
  const lowest = geometry.blockSize;
  const highest = source.size - geometry.bucketSize;
  const found: DirectoryPlace[] = [];
  // A directory's entries lie `width` bytes apart, so each remainder of the offset is a lane of its own.
  const run = new Float64Array(width);
  for (let base = 0; base + width <= source.size; base += CHUNK) {
    const bytes = await source.read(base, Math.min(CHUNK + width - 1, source.size - base));
    const view = viewOf(bytes);
    const last = Math.min(CHUNK, bytes.length - width + 1);
    for (let i = 0; i < last; i++) {
      const lane = (base + i) % width;
      const value = readOffset(view, i, format.layout, little);
      const possible = value >= lowest && value <= highest;
      if (possible) run[lane]++;
      for (const bits of bitsToTry) {
        const length = 2 ** bits;
        // A run longer than the directory has numbers before it or after it that only look like entries.
        if (possible && run[lane] === length) found.push({ offset: base + i - (length - 1) * width, bits });
        if (!possible && run[lane] > length) found.push({ offset: base + i - length * width, bits });
      }
      if (!possible) run[lane] = 0;
      if (found.length >= MAX_PLACES) return found;
    }
  }
  return found;
}
