import type { Source } from './source.js';
import { SourceError } from './source.js';

/** What was made of each source, so that none is looked at twice. */
const made = new WeakMap<Source, Source>();

/**
 * A source whose answers are held against what was asked. One that somebody else made may give fewer bytes than it should, as
 * many ways to read do, and what is missing would look like damage, or like a shorter value.
 *
 * @throws SourceError where its size is none; its reads throw one where they are not what was asked for
 */
export function exact(source: Source): Source {
  const before = made.get(source);
  if (before !== undefined) return before;
  const { size } = source;
  if (!(Number.isSafeInteger(size) && size >= 0)) {
    throw new SourceError(`expected the size of the source as a whole number of bytes, found ${size}`);
  }
  // Who fills what was given to it says itself where it cannot.
  const checked = source.readInto === undefined ? checkedReads(source) : source;
  made.set(source, checked).set(checked, checked);
  return checked;
}

function checkedReads(source: Source): Source {
  return {
    size: source.size,
    async read(offset, length) {
      const bytes: unknown = await source.read(offset, length);
      if (bytes instanceof Uint8Array && bytes.length === length) return bytes;
      const found = bytes instanceof Uint8Array ? `${bytes.length}` : 'something that is no Uint8Array';
      throw new SourceError(
        `expected ${length} bytes at offset ${offset}, found ${found}: a source's read gives all that it is asked for`,
      );
    },
  };
}
