import type { Source } from '../source/source.js';
import { readInto } from '../source/source.js';
import type { ElementColumns } from './columns.js';

/** Maximum gap in bytes between keys that are read together. */
const MAX_GAP = 16 * 1024;
/** Bytes of one read of keys. */
const WINDOW = 1 << 20;

interface Window {
  readonly base: number;
  readonly length: number;
  /** Position of the first element in the order. */
  readonly from: number;
  /** Position behind the last element in the order. */
  readonly to: number;
}

/**
 * Reads keys in order of their offsets; the next window is read while one is visited. Memory: two windows of a MiB.
 *
 * @param order the elements' numbers in order of their offsets
 * @param visit gets each element, and bytes with the index of its key in them; returns false to stop
 * @param visitLarge gets each element whose key is too large to be held; returns false to stop
 * @returns true if no visit stopped it
 */
export async function eachKey(
  source: Source,
  columns: ElementColumns,
  order: Uint32Array,
  visit: (n: number, bytes: Uint8Array, at: number) => boolean,
  visitLarge: (n: number) => Promise<boolean>,
): Promise<boolean> {
  const buffers = [new Uint8Array(WINDOW), new Uint8Array(WINDOW)];
  const read = (window: Window, turn: number) => {
    const target = buffers[turn & 1].subarray(0, window.length);
    const done = readInto(source, window.base, target);
    // If the loop ends early, nothing awaits this read.
    done.catch(() => {});
    return { window, target, done };
  };
  const windows = planWindows(columns, order);
  let turn = 0;
  let first = windows.next();
  let ahead = first.done ? undefined : read(first.value, turn++);
  while (ahead !== undefined) {
    const { window, target, done } = ahead;
    await done;
    first = windows.next();
    ahead = first.done ? undefined : read(first.value, turn++);
    for (let k = window.from; k < window.to; k++) {
      const n = order[k];
      const goesOn =
        columns.keySizes[n] > WINDOW
          ? await visitLarge(n)
          : visit(n, target, columns.offsets[n] - window.base);
      if (!goesOn) return false;
    }
  }
  return true;
}

function* planWindows({ offsets, keySizes }: ElementColumns, order: Uint32Array): Generator<Window> {
  for (let from = 0, to: number; from < order.length; from = to) {
    const base = offsets[order[from]];
    let end = base;
    // A key too long for a window is one by itself, and read in pieces.
    for (to = from; to < order.length; to++) {
      const offset = offsets[order[to]];
      const size = keySizes[order[to]];
      const large = size > WINDOW;
      if (to > from && (large || offset > end + MAX_GAP || offset + size > base + WINDOW)) break;
      if (large) {
        to++;
        break;
      }
      end = Math.max(end, offset + size);
    }
    yield { base, length: end - base, from, to };
  }
}
