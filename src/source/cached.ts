import type { Source } from './source.js';
import { readInto } from './source.js';

/** Bytes of a window: what is read at once around a small read. Of places far from each other larger ones cost more. */
const WINDOW = 8 * 1024;
/** Windows kept, 4 MiB together. */
const WINDOWS = 512;
/** A larger read goes to the source itself. */
const MOST = 64 * 1024;

/**
 * A source that reads in windows and keeps the last few, for many small reads that lie near each other. What is read is
 * copied, and the memory of a window is used again for another one.
 */
export function cached(source: Source): Source {
  const windows = new Map<number, Uint8Array>();
  /** Reads a window and copies a part of it, both before anybody else may need its memory. */
  const load = async (index: number, from: number, part: Uint8Array): Promise<void> => {
    let window: Uint8Array | undefined;
    const oldest = windows.entries().next();
    if (windows.size >= WINDOWS && !oldest.done) {
      window = oldest.value[1];
      windows.delete(oldest.value[0]);
    }
    window ??= new Uint8Array(WINDOW);
    const offset = index * WINDOW;
    await readInto(source, offset, window.subarray(0, Math.min(WINDOW, source.size - offset)));
    windows.set(index, window);
    part.set(window.subarray(from, from + part.length));
  };
  const copy = async (offset: number, into: Uint8Array): Promise<void> => {
    // Out of range, or too large: the source knows what to say, or to do.
    if (into.length > MOST || !(offset >= 0 && offset + into.length <= source.size)) {
      return readInto(source, offset, into);
    }
    for (let at = 0; at < into.length;) {
      const index = Math.floor((offset + at) / WINDOW);
      const from = offset + at - index * WINDOW;
      const part = into.subarray(at, at + Math.min(into.length - at, WINDOW - from));
      const window = windows.get(index);
      if (window === undefined) await load(index, from, part);
      else part.set(window.subarray(from, from + part.length));
      at += part.length;
    }
  };
  return {
    size: source.size,
    ...(source.unreadable && { unreadable: source.unreadable }),
    async read(offset, length) {
      if (!(length >= 0 && length <= MOST)) return source.read(offset, length);
      const bytes = new Uint8Array(length);
      await copy(offset, bytes);
      return bytes;
    },
    readInto: copy,
  };
}
