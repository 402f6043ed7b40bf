import type { Source } from './source.js';

/** A source whose next read fails once `signal` is aborted. */
export function abortable(source: Source, signal: AbortSignal | undefined): Source {
  if (signal === undefined) return source;
  return {
    size: source.size,
    ...(source.unreadable && { unreadable: source.unreadable }),
    read(offset, length) {
      signal.throwIfAborted();
      return source.read(offset, length);
    },
    ...(source.readInto !== undefined && {
      async readInto(offset: number, into: Uint8Array) {
        signal.throwIfAborted();
        await source.readInto!(offset, into);
      },
    }),
  };
}
