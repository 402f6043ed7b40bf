import type { Source } from './source.js';

/** Bytes of a window: what is read at once around a small read. */
const WINDOW = 64 * 1024;
/** Windows kept, 4 MiB together. */
const WINDOWS = 64;

/**
 * A source that reads in windows and keeps the last few, for many small reads that lie near each other. Reads of
 * more than a window go to the source itself.
 */
export function cached(source: Source): Source {
  const windows = new Map<number, Uint8Array>();
  const windowAt = async (index: number): Promise<Uint8Array> => {
    const known = windows.get(index);
    if (known !== undefined) return known;
    const offset = index * WINDOW;
    const window = await source.read(offset, Math.min(WINDOW, source.size - offset));
    const oldest = windows.keys().next();
    if (windows.size >= WINDOWS && !oldest.done) windows.delete(oldest.value);
    windows.set(index, window);
    return window;
  };
  return {
    size: source.size,
    async read(offset, length) {
      const first = Math.floor(offset / WINDOW);
      const last = Math.floor((offset + length - 1) / WINDOW);
      const inside = offset >= 0 && length > 0 && offset + length <= source.size;
      // Out of range, or too large: the source knows what to say, or to do.
      if (!inside || last > first + 1) return source.read(offset, length);
      const start = offset - first * WINDOW;
      const head = await windowAt(first);
      if (last === first) return head.subarray(start, start + length);
      const bytes = new Uint8Array(length);
      bytes.set(head.subarray(start));
      bytes.set((await windowAt(last)).subarray(0, length - (WINDOW - start)), WINDOW - start);
      return bytes;
    },
  };
}
