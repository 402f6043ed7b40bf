import type { Range } from '../source/gather.js';
import type { RangeList } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import type { Progress } from '../source/sweep.js';
import { coveredPlaces, sweep } from '../source/sweep.js';
import type { Budget } from './budget.js';
import type { Shape } from './shape.js';
import { GLANCE } from './shape.js';

/** What is at a place where a value may start. */
export interface Found<T> {
  readonly value: T;
  /** File offset, behind the place, from which on the search goes on. */
  readonly next: number;
  /** Bytes that count as read in vain; those of the reads where nothing is found. */
  readonly cost: number;
}

export interface SearchOptions<T> {
  /** Where places are looked for: in order, and none touches the next. */
  readonly within: RangeList;
  /** No place before this file offset is looked at. */
  readonly from?: number;
  readonly shapes: readonly Shape[];
  readonly budget: Budget;
  readonly progress?: Progress | undefined;
  /**
   * Measures what one of the shapes may have at a file offset, by a source whose reads are counted.
   *
   * @param range the one that the place is in
   * @param free what is before this file offset is in what was found before
   */
  readonly measure: (
    source: Source,
    place: { shape: Shape; offset: number; range: Range; free: number },
  ) => Promise<Found<T> | undefined>;
}

/** Asks at every place of the ranges at which a value may start what is there, as far as the budget goes. */
export async function* search<T>(
  source: Source,
  { within, from: start = 0, shapes, budget, progress, measure }: SearchOptions<T>,
): AsyncGenerator<T> {
  let searched = bytesBefore(within, start);
  let free = start;
  for await (const window of sweep(source, GLANCE, progress, within, start)) {
    const { view, base } = window;
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    for (const [from, to, range] of coveredPlaces(window, within)) {
      let at = firstStart(shapes, bytes, Math.max(from, free - base), to);
      for (; at < to; at = firstStart(shapes, bytes, Math.max(at + 1, free - base), to)) {
        for (const shape of shapes) {
          if (!shape.mayStart(bytes, at)) continue;
          const offset = base + at;
          budget.searched(searched + at - from);
          const found = await budget.spend(source, (metered) =>
            measure(metered, { shape, offset, range, free }),
          );
          if (found === undefined) continue;
          yield found.value;
          free = found.next;
          break;
        }
      }
      searched += to - from;
    }
  }
}

/** Bytes of the ranges before a file offset. */
export function bytesBefore(ranges: RangeList, to: number): number {
  let bytes = 0;
  for (const { offset, length } of ranges) {
    if (offset >= to) break;
    bytes += Math.min(length, to - offset);
  }
  return bytes;
}

/** The first index from `from` on at which a value may start; `to` if there is none before it. */
function firstStart(shapes: readonly Shape[], bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    for (let n = 0; n < shapes.length; n++) if (shapes[n].mayStart(bytes, at)) return at;
  }
  return to;
}
