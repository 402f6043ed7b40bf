import type { Source } from './source.js';
import { readInto } from './source.js';

/** Bytes that a source is read with in place of its own. */
export interface Patch {
  /** File offset. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The same source with some bytes replaced. The patches are inside it and do not overlap. */
export function patched(source: Source, patches: readonly Patch[]): Source {
  const sorted = [...patches].sort((a, b) => a.offset - b.offset);
  const longest = Math.max(0, ...sorted.map(({ bytes }) => bytes.length));
  const apply = (offset: number, into: Uint8Array) => {
    const end = offset + into.length;
    for (let n = firstFrom(sorted, offset - longest + 1); n < sorted.length; n++) {
      const { offset: at, bytes } = sorted[n];
      if (at >= end) return;
      const skipped = Math.max(0, offset - at);
      if (skipped < bytes.length) into.set(bytes.subarray(skipped, end - at), at + skipped - offset);
    }
  };
  return {
    size: source.size,
    async read(offset, length) {
      // What a source gives may be its own memory, which nobody may change.
      const bytes = (await source.read(offset, length)).slice();
      apply(offset, bytes);
      return bytes;
    },
    async readInto(offset, into) {
      await readInto(source, offset, into);
      apply(offset, into);
    },
  };
}

/** The index of the first patch at an offset or behind it. */
function firstFrom(sorted: readonly Patch[], offset: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle].offset >= offset) high = middle;
    else low = middle + 1;
  }
  return low;
}
