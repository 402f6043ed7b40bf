import type { Range, RangeList } from './ranges.js';
import { firstEndingAfter, MAX_GAP } from './ranges.js';
import type { Source } from './source.js';
import { fill } from './source.js';

/** Bytes looked at a time, at least; a window must also hold a bucket. */
const CHUNK = 1 << 18;

/** Bytes after which the progress is told again. */
const TELL_EVERY = 1 << 20;

/** A piece of a file to look for structures in. */
export interface Window {
  /**
   * The bytes from each place on, as many as the longest structure needs, and fewer only at the file's end; valid until
   * the next window is asked for.
   */
  readonly view: DataView;
  /** File offset of the view's start. */
  readonly base: number;
  /** Places to look at are from the view's start to before here. */
  readonly places: number;
}

/** Told how far a long work is. */
export type Progress = (doneBytes: number, allBytes: number) => void;

/** Told what long work is being done, and how far it is. */
export type Report = (step: string, doneBytes: number, allBytes: number) => void;

/**
 * A file in windows that overlap so that each structure of up to `longest` bytes lies whole in one. Memory: one window of
 * 256 KiB, or of twice the longest structure if that is more; larger ones are slower, as a processor's cache does not
 * hold them.
 *
 * @param within ranges that hold all places to look at; some windows also have places between them. By default the
 *   whole file
 */
export async function* sweep(
  source: Source,
  longest: number,
  progress: Progress = () => {},
  within: RangeList = [{ offset: 0, length: source.size }],
): AsyncGenerator<Window> {
  const step = Math.max(CHUNK, longest);
  const read = windowReader(source, step, longest);
  let told = -TELL_EVERY;
  for (const { offset, length } of windowsOf(within, step, source.size)) {
    if (offset - told >= TELL_EVERY) {
      progress(offset, source.size);
      told = offset;
    }
    yield await read(offset, length);
  }
  progress(source.size, source.size);
}

/** The places of windows that hold all places of some ranges, each of `step` bytes at most. */
function* windowsOf(ranges: RangeList, step: number, size: number): Generator<Range> {
  let [from, to] = [0, 0];
  for (const { offset, length } of ranges) {
    if (offset > to + MAX_GAP) {
      if (to > from) yield { offset: from, length: to - from };
      from = to = offset;
    }
    if (to === from) from = offset;
    to = Math.min(offset + length, size);
    for (; to - from > step; from += step) yield { offset: from, length: step };
  }
  if (to > from) yield { offset: from, length: to - from };
}

/**
 * All windows of a file as {@link sweep} gives them, but in an order that soon comes to every part of it, for who stops
 * as soon as enough is found: what a file is full of may all be at its end.
 */
export async function* sampleSweep(
  source: Source,
  longest: number,
  progress: Progress = () => {},
): AsyncGenerator<Window> {
  const step = Math.max(CHUNK, longest);
  const read = windowReader(source, step, longest);
  const count = Math.ceil(source.size / step);
  const stride = spreadingStride(count);
  for (let done = 0, index = 0; done < count; done++, index = (index + stride) % count) {
    progress(done * step, source.size);
    yield await read(index * step, Math.min(step, source.size - index * step));
  }
  progress(source.size, source.size);
}

/** A step around a circle of `count` places that comes to each of them once, near ones long after each other. */
function spreadingStride(count: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  let stride = Math.max(1, Math.round(count * 0.618));
  while (divisor(stride, count) !== 1) stride++;
  return stride;
}

function windowReader(
  source: Source,
  step: number,
  longest: number,
): (base: number, places: number) => Promise<Window> {
  const buffer = new Uint8Array(source.readInto === undefined ? 0 : Math.min(step + longest, source.size));
  return async (base, places) => {
    const bytes = await fill(source, base, Math.min(places + longest, source.size - base), buffer);
    return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), base, places };
  };
}

/** Gives the parts of a window's places that no range of a sorted list covers, as `from` and `to` in the window. */
export function* uncoveredPlaces(
  { base, places }: Window,
  covered: RangeList,
): Generator<[from: number, to: number]> {
  let from = base;
  const end = base + places;
  for (let i = firstEndingAfter(covered, base); i < covered.length; i++) {
    const { offset, length } = covered.at(i)!;
    if (offset >= end) break;
    if (offset > from) yield [from - base, offset - base];
    from = Math.max(from, offset + length);
  }
  if (from < end) yield [from - base, end - base];
}

/** Gives the parts of a window's places that a sorted list's ranges cover, each with its range. */
export function* coveredPlaces(
  { base, places }: Pick<Window, 'base' | 'places'>,
  ranges: RangeList,
): Generator<[from: number, to: number, range: Range]> {
  const end = base + places;
  for (let i = firstEndingAfter(ranges, base); i < ranges.length; i++) {
    const range = ranges.at(i)!;
    if (range.offset >= end) break;
    yield [Math.max(base, range.offset) - base, Math.min(end, range.offset + range.length) - base, range];
  }
}

/** Ranges in order, those that touch or overlap joined; the same list where they are so already. */
export function joinRanges(ranges: RangeList): RangeList {
  if (isJoined(ranges)) return ranges;
  const joined: { offset: number; length: number }[] = [];
  for (const { offset, length } of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const last = joined.at(-1);
    if (last !== undefined && offset <= last.offset + last.length) {
      last.length = Math.max(last.length, offset + length - last.offset);
    } else joined.push({ offset, length });
  }
  return joined;
}

function isJoined(ranges: RangeList): boolean {
  let end = -1;
  for (const { offset, length } of ranges) {
    if (offset <= end) return false;
    end = offset + length;
  }
  return true;
}

/** The place after the last at which a structure of `size` bytes is whole inside the window. */
export function lastPlace({ view, places }: Window, size: number): number {
  return Math.min(places, view.byteLength - size + 1);
}
