import type { Format } from '../format/format.js';
import type { DirectoryPlace, Geometry } from '../format/header.js';
import { offsetSize } from '../format/format.js';
import { readOffset, viewOf } from '../format/struct.js';
import type { Source } from '../source/source.js';
import { fill } from '../source/source.js';

/** Bytes read at a time. */
const CHUNK = 1 << 18;
/** Bytes first looked at on either side of an entry. */
const FIRST = 256;
/** Distance from which places are read separately. */
const FAR = 1 << 16;
/** Places reported at most: a file made to look full of directories must not cost more. */
const MAX_PLACES = 16;

/**
 * Searches the whole file, at every byte offset, for runs of numbers that could all be bucket offsets, as long as a
 * directory of one of the given sizes. This is for a header whose `dir` is wrong.
 *
 * Entries lie one entry width apart, so each remainder of the offset is a separate lane. A run of n entries has an
 * entry at a multiple of n entries from the start of its lane, so only these places are looked at.
 */
export async function findDirectory(
  source: Source,
  format: Format,
  geometry: Geometry,
  bitsToTry: readonly number[],
): Promise<DirectoryPlace[]> {
  if (bitsToTry.length === 0) return [];
  const width = offsetSize(format.layout);
  const step = width * 2 ** Math.min(...bitsToTry);
  const runs = new RunFinder(source, format, geometry);
  const found: DirectoryPlace[] = [];
  /** End of the last run in each lane. */
  const ends = new Float64Array(width);
  const chunk = step >= FAR ? step : Math.ceil(CHUNK / step) * step;
  const wanted = step >= FAR ? 2 * width - 1 : chunk + width - 1;
  const buffer = new Uint8Array(Math.min(wanted, source.size));
  for (let base = 0; base + width <= source.size; base += chunk) {
    const bytes = await fill(source, base, Math.min(wanted, source.size - base), buffer);
    const view = viewOf(bytes);
    for (let first = 0; first < chunk; first += step) {
      for (let lane = 0; lane < width && first + lane + width <= bytes.length; lane++) {
        const at = base + first + lane;
        if (at < ends[lane] || !runs.isEntry(view, first + lane)) continue;
        const { start, end } = await runs.around(at);
        ends[lane] = end;
        for (const bits of bitsToTry) {
          const length = width * 2 ** bits;
          // A run longer than the directory has numbers before it or after it that only look like entries.
          if (end - start >= length) found.push({ offset: start, bits });
          if (end - start > length) found.push({ offset: end - length, bits });
        }
        if (found.length >= MAX_PLACES) return found;
      }
    }
  }
  return found;
}

/** Finds runs of adjacent numbers that could be bucket offsets. */
class RunFinder {
  readonly #source: Source;
  readonly #format: Format;
  readonly #lowest: number;
  readonly #highest: number;

  constructor(source: Source, format: Format, { blockSize, bucketSize }: Geometry) {
    this.#source = source;
    this.#format = format;
    this.#lowest = blockSize;
    this.#highest = source.size - bucketSize;
  }

  isEntry(view: DataView, at: number): boolean {
    const { layout, byteOrder } = this.#format;
    const value = readOffset(view, at, layout, byteOrder === 'little');
    return value >= this.#lowest && value <= this.#highest;
  }

  /** The run that an entry belongs to, as file offsets. */
  async around(at: number): Promise<{ start: number; end: number }> {
    const width = offsetSize(this.#format.layout);
    const source = this.#source;
    let start = at;
    // Most runs are of an entry or two.
    let piece = FIRST;
    for (let more = true; more && start >= width; piece = Math.min(2 * piece, CHUNK)) {
      const from = Math.max(start % width, start - piece);
      const view = viewOf(await source.read(from, start - from));
      let i = start - from;
      while (i >= width && this.isEntry(view, i - width)) i -= width;
      more = i < width;
      start = from + i;
    }
    let end = at;
    piece = FIRST;
    for (let more = true; more && end + width <= source.size; piece = Math.min(2 * piece, CHUNK)) {
      const length = Math.min(piece, source.size - end);
      const view = viewOf(await source.read(end, length));
      let i = 0;
      while (i + width <= length && this.isEntry(view, i)) i += width;
      more = i + width > length;
      end += i;
    }
    return { start, end };
  }
}
