import { large } from '../columns/large.js';
import { decodeDirectory } from '../format/directory.js';
import type { Format } from '../format/format.js';
import type { DirectoryPlace } from '../format/geometry.js';
import { offsetSize } from '../format/layout.js';
import type { Source } from '../source/source.js';
import { passChunks } from '../source/source.js';

/** Reads a directory's entries, file offsets of buckets, right or wrong: 8 bytes for each, and no more at a time. */
export async function readDirectory(
  source: Source,
  { layout, byteOrder }: Format,
  { offset, bits }: DirectoryPlace,
): Promise<Float64Array> {
  const entries = large(Float64Array, 2 ** bits);
  const width = offsetSize(layout);
  let done = 0;
  for await (const bytes of passChunks(source, offset, entries.length * width)) {
    const count = bytes.length / width;
    decodeDirectory(bytes, layout, byteOrder, entries.subarray(done, done + count));
    done += count;
  }
  return entries;
}
