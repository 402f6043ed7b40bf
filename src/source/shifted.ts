import type { Source } from './source.js';
import { requireRange } from './source.js';

/**
 * A source as it was before its first `missing` bytes were cut off: they read as zeroes, and every other byte is at
 * the offset that it had. With a negative number, as it was before so many bytes were put before it.
 *
 * @param missing bytes; more than minus the size of the source
 */
export function shifted(source: Source, missing: number): Source {
  const whole: Source = {
    size: source.size + missing,
    async read(offset, length) {
      requireRange(whole, offset, length);
      const lost = Math.max(0, Math.min(length, missing - offset));
      if (lost === 0 && length > 0) return source.read(offset - missing, length);
      const bytes = new Uint8Array(length);
      if (lost < length) bytes.set(await source.read(0, length - lost), lost);
      return bytes;
    },
  };
  return whole;
}
