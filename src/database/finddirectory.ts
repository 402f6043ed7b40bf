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
  // The two highest bytes of an offset of 64 bits are zero, as no file has 2^48 bytes: most places are none by them.
  const [top, second] = width < 8 ? [-1, -1] : little ? [7, 6] : [0, 1];
  for (let base = 0; base + width <= source.size; base += CHUNK) {
    const bytes = await source.read(base, Math.min(CHUNK + width - 1, source.size - base));
    const view = viewOf(bytes);
    const last = Math.min(CHUNK, bytes.length - width + 1);
    for (let i = 0; i < last; i++) {
      // A chunk begins at a multiple of the width.
      const lane = i % width;
      const may = top < 0 || (bytes[i + top] === 0 && bytes[i + second] === 0);
      if (!may && run[lane] === 0) continue;
      const value = may ? readOffset(view, i, format.layout, little) : -1;
      const possible = value >= lowest && value <= highest;
      if (possible) run[lane]++;
      else if (run[lane] === 0) continue;
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
