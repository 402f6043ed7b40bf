import type { Source } from './source.js';
import { requireRange } from './source.js';

/** A source over bytes in memory; reads are views, not copies. */
export function memorySource(bytes: Uint8Array): Source {
  const source: Source = {
    size: bytes.length,
    async read(offset, length) {
      requireRange(source, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
  return source;
}
