import type { Source } from './source.js';
import { readInto } from './source.js';

/** A source whose next read fails once `signal` is aborted. */
export function abortable(source: Source, signal: AbortSignal | undefined): Source {
  if (signal === undefined) return source;
  return {
    size: source.size,
    read(offset, length) {
      signal.throwIfAborted();
      return source.read(offset, length);
    },
    readInto(offset, target) {
      signal.throwIfAborted();
      return readInto(source, offset, target);
    },
  };
}
