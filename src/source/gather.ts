import type { Source } from './source.js';

/** A run of bytes somebody wants. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** Neighbours closer than this are read together: a seek costs more than the bytes between. */
const MAX_GAP = 16 * 1024;
/** A joint read is at most so large, unless a single range is larger. */
const MAX_READ = 1 << 20;

/**
 * Reads many small ranges with few reads: sorted by offset, neighbours joined. `visit` gets each range's index
 * and bytes, in order of offset; the bytes are only valid during the call.
 */
export async function gather(
  source: Source,
  ranges: readonly Range[],
  visit: (index: number, bytes: Uint8Array) => void,
): Promise<void> {
  const order = orderOf(ranges);
  for (let i = 0; i < order.length;) {
    const start = ranges[order[i]].offset;
    let end = start + ranges[order[i]].length;
    let j = i + 1;
    for (; j < order.length; j++) {
      const next = ranges[order[j]];
      const joint = Math.max(end, next.offset + next.length);
      if (next.offset > end + MAX_GAP || joint - start > MAX_READ) break;
      end = joint;
    }
    const bytes = await source.read(start, end - start);
    for (; i < j; i++) {
      const range = ranges[order[i]];
      visit(order[i], bytes.subarray(range.offset - start, range.offset - start + range.length));
    }
  }
}

/** Ranges' indexes in order of their offsets. */
function orderOf(ranges: readonly Range[]): ArrayLike<number> {
  const { length } = ranges;
  const last = ranges.reduce((most, { offset }) => Math.max(most, offset), 0);
  if (length * (last + 1) > Number.MAX_SAFE_INTEGER) {
    return ranges.map((_, i) => i).sort((a, b) => ranges[a].offset - ranges[b].offset);
  }
  // Offset and index in one number: numbers are sorted many times faster than by a comparison of objects.
  const packed = new Float64Array(length);
  for (let i = 0; i < length; i++) packed[i] = ranges[i].offset * length + i;
  packed.sort();
  return Uint32Array.from(packed, (number) => number % length);
}
