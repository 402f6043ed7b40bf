import type { Source } from './source.js';
import { requireRange } from './source.js';

/**
 * A source as it was before `missing` bytes were cut out of it: they read as zeroes, and every other byte is at the
 * offset that it had. With a negative number, as it was before so many bytes were put into it.
 *
 * @param missing bytes; more than minus the size of the source behind `at`
 * @param at file offset at which they were, or were put; 0 for the beginning
 */
export function shifted(source: Source, missing: number, at = 0): Source {
  const whole: Source = {
    size: source.size + missing,
    ...(source.unreadable && {
      // A range that the place divides is given as one that reaches over it.
      unreadable: () =>
        source.unreadable!().map(({ offset, length }) => {
          const start = offset < at ? offset : offset + missing;
          const end = offset + length <= at ? offset + length : offset + length + missing;
          return { offset: start, length: Math.max(0, end - start) };
        }),
    }),
    async read(offset, length) {
      requireRange(whole, offset, length);
      if (length === 0) return new Uint8Array(0);
      const before = Math.max(0, Math.min(length, at - offset));
      const behind = Math.max(0, Math.min(length, offset + length - at - Math.max(0, missing)));
      if (before === length) return source.read(offset, length);
      if (behind === length) return source.read(offset - missing, length);
      const bytes = new Uint8Array(length);
      if (before > 0) bytes.set(await source.read(offset, before));
      if (behind > 0) {
        const start = length - behind;
        bytes.set(await source.read(offset + start - missing, behind), start);
      }
      return bytes;
    },
  };
  return whole;
}
