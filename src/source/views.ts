import type { Source } from './source.js';
import { readInto } from './source.js';
import { firstIndex } from '../numbers.js';

/** Blocks of one size that lie beside each other. Where the beginning of a file is gone, block 0 may begin before it. */
export class BlockGrid {
  /**
   * @param size bytes of a block
   * @param first file offset of block 0, from `1 - size` to 0
   */
  constructor(
    readonly size: number,
    readonly first = 0,
  ) {}

  /** The number of the block that a byte is in, from 0. */
  blockOf(offset: number): number {
    return Math.floor((offset - this.first) / this.size);
  }
}

/** Bytes that a source is read with in place of its own. */
interface Patch {
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
    for (
      let n = firstIndex(0, sorted.length, (i) => sorted[i].offset > offset - longest);
      n < sorted.length;
      n++
    ) {
      const { offset: at, bytes } = sorted[n];
      if (at >= end) return;
      const skipped = Math.max(0, offset - at);
      if (skipped < bytes.length) into.set(bytes.subarray(skipped, end - at), at + skipped - offset);
    }
  };
  return {
    size: source.size,
    async read(offset, length) {
      // A source may give its own memory, which nobody may change.
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
