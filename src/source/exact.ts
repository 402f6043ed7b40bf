import type { Source } from './source.js';
import { requireAnswer, SourceError } from './source.js';

/** What was made of each source, so that none is looked at twice. */
const made = new WeakMap<Source, Source>();

/**
 * A source whose answers are held against what was asked. One that somebody else made may give fewer bytes than it should, as
 * many ways to read do, and what is missing would look like damage, or like a shorter value.
 *
 * @throws SourceError where its size is none; its reads throw one where they are not what was asked for
 */
export function exact(source: Source): Source {
  const { size } = source;
  const before = made.get(source);
  // What is written to grows.
  if (before !== undefined && before.size === size) return before;
  if (!(Number.isSafeInteger(size) && size >= 0)) {
    throw new SourceError(`expected the size of the source as a whole number of bytes, found ${size}`);
  }
  const checked: Source = {
    size,
    async read(offset, length) {
      return requireAnswer(await source.read(offset, length), offset, length);
    },
    ...(source.unreadable && { unreadable: source.unreadable }),
    // `readInto` reports short reads itself.
    ...(source.readInto !== undefined && {
      readInto: (offset: number, into: Uint8Array) => source.readInto!(offset, into),
    }),
  };
  made.set(source, checked).set(checked, checked);
  return checked;
}
