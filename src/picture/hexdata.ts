import type { Range } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { joinRanges } from '../source/sweep.js';
import { base64 } from './base64.js';

/** Bytes of the file that a page has at most. */
export const HEX_BUDGET = 768 * 1024;

/**
 * The file's bytes that a page has: all of a small file, of a large one the wanted ranges in their order of importance,
 * as far as the budget goes.
 */
export async function hexData(
  source: Source,
  wanted: Iterable<Range>,
  budget = HEX_BUDGET,
): Promise<[offset: number, base64: string][]> {
  const ranges: Range[] = [];
  let left = budget;
  if (source.size <= budget) ranges.push({ offset: 0, length: source.size });
  else {
    for (const { offset, length } of wanted) {
      const from = Math.max(0, offset);
      const size = Math.min(length + Math.min(0, offset), source.size - from, left);
      if (size <= 0) continue;
      ranges.push({ offset: from, length: size });
      left -= size;
      if (left === 0) break;
    }
  }
  const data: [number, string][] = [];
  for (const { offset, length } of joinRanges(ranges))
    data.push([offset, base64(await source.read(offset, length))]);
  return data;
}
