import { equalBytes } from '../format/bytes.js';
import type { Source } from '../source/source.js';
import { readInto } from '../source/source.js';

/**
 * Returns true if a source has exactly these bytes at an offset.
 *
 * @param room memory for the read, used if it is large enough: millions of small allocations take longer than the
 *   reads
 * @throws SourceError if the source cannot be read there
 */
export async function equalAt(
  source: Source,
  offset: number,
  bytes: Uint8Array,
  room: Uint8Array,
): Promise<boolean> {
  if (bytes.length > room.length) return equalBytes(await source.read(offset, bytes.length), bytes);
  const there = room.subarray(0, bytes.length);
  await readInto(source, offset, there);
  return equalBytes(there, bytes);
}
