import type { Range } from './gather.js';
import { firstEndingAfter } from './ranges.js';
import type { Source } from './source.js';

/** Bytes looked at a time, at least; a window must also hold a bucket. */
const CHUNK = 1 << 18;

/** Bytes after which the progress is told again. */
const TELL_EVERY = 1 << 20;

/** A piece of a file to look for structures in. */
export interface Window {
  /** The bytes from each place on, as many as the longest structure needs, and fewer only at the file's end. */
  readonly view: DataView;
  /** File offset of the view's start. */
  readonly base: number;
  /** Places to look at are from the view's start to before here. */
  readonly places: number;
}

/** Told how far a long work is. */
export type Progress = (doneBytes: number, allBytes: number) => void;

/**
 * A file in windows that overlap so that each structure of up to `longest` bytes lies whole in one. Where only some
 * places are looked at, `within` has them, sorted, and windows without any are not read. Memory: two windows of 256 KiB,
 * or of twice the longest structure if that is more; larger ones are slower, as a processor's cache does not hold them.
 */
export async function* sweep(
  source: Source,
  longest: number,
  progress: Progress = () => {},
  within?: readonly Range[],
): AsyncGenerator<Window> {
  const step = Math.max(CHUNK, longest);
  let told = -TELL_EVERY;
  for (let base = 0; base < source.size; base += step) {
    if (base - told >= TELL_EVERY) {
      progress(base, source.size);
      told = base;
    }
    if (within !== undefined && coveredPlaces({ base, places: step }, within).next().done) continue;
    const bytes = await source.read(base, Math.min(step + longest, source.size - base));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    yield { view, base, places: Math.min(step, bytes.length) };
  }
  progress(source.size, source.size);
}

/** Gives the parts of a window's places that no range of a sorted list covers, as `from` and `to` in the window. */
export function* uncoveredPlaces(
  { base, places }: Window,
  covered: readonly Range[],
): Generator<[from: number, to: number]> {
  let from = base;
  const end = base + places;
  for (let i = firstEndingAfter(covered, base); i < covered.length && covered[i].offset < end; i++) {
    if (covered[i].offset > from) yield [from - base, covered[i].offset - base];
    from = Math.max(from, covered[i].offset + covered[i].length);
  }
  if (from < end) yield [from - base, end - base];
}

/** Gives the parts of a window's places that a sorted list's ranges cover, each with its range. */
export function* coveredPlaces(
  { base, places }: Pick<Window, 'base' | 'places'>,
  ranges: readonly Range[],
): Generator<[from: number, to: number, range: Range]> {
  const end = base + places;
  for (let i = firstEndingAfter(ranges, base); i < ranges.length && ranges[i].offset < end; i++) {
    const { offset, length } = ranges[i];
    yield [Math.max(base, offset) - base, Math.min(end, offset + length) - base, ranges[i]];
  }
}

/** Ranges in order, those that touch or overlap joined. */
export function joinRanges(ranges: readonly Range[]): Range[] {
  const joined: { offset: number; length: number }[] = [];
  for (const { offset, length } of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const last = joined.at(-1);
    if (last !== undefined && offset <= last.offset + last.length) {
      last.length = Math.max(last.length, offset + length - last.offset);
    } else joined.push({ offset, length });
  }
  return joined;
}

/** The place after the last at which a structure of `size` bytes is whole inside the window. */
export function lastPlace({ view, places }: Window, size: number): number {
  return Math.min(places, view.byteLength - size + 1);
}
