import type { Source } from './source.js';
import { requireRange } from './source.js';

/** A block that stands at another's place. */
export interface MovedBlock {
  /** File offset at which it belongs. */
  readonly home: number;
  /** File offset at which it is. */
  readonly at: number;
}

/** Where bytes are in a file some of whose blocks stand at other places; offsets are those at which they belong. */
export class Rearrangement {
  readonly blockSize: number;
  readonly moved: readonly MovedBlock[];
  readonly #places: ReadonlyMap<number, number>;

  /** @param blockSize bytes; all blocks' offsets are multiples of it */
  constructor(blockSize: number, moved: readonly MovedBlock[]) {
    this.blockSize = blockSize;
    this.moved = moved;
    this.#places = new Map(moved.map(({ home, at }) => [home, at]));
  }

  /** Where the byte that belongs at `offset` is now. */
  whereIs(offset: number): number {
    const home = offset - (offset % this.blockSize);
    return (this.#places.get(home) ?? home) + (offset - home);
  }

  /** A source as if each block stood where it belongs. */
  of(source: Source): Source {
    const sorted = this.moved.map(({ home }) => home).sort((a, b) => a - b);
    const arranged: Source = {
      size: source.size,
      read: async (offset, length) => {
        requireRange(arranged, offset, length);
        let bytes = await source.read(offset, length);
        let own = false;
        // Only the blocks that were moved are read again; there are few.
        for (const home of sorted) {
          if (home >= offset + length) break;
          if (home + this.blockSize <= offset) continue;
          // What a source gives may be its own memory.
          if (!own) bytes = bytes.slice();
          own = true;
          const from = Math.max(home, offset);
          const to = Math.min(home + this.blockSize, offset + length);
          bytes.set(await source.read(this.whereIs(from), to - from), from - offset);
        }
        return bytes;
      },
    };
    return arranged;
  }

  /** The source from which {@link of} made this one. */
  undone(source: Source): Source {
    const back = this.moved.map(({ home, at }) => ({ home: at, at: home }));
    return new Rearrangement(this.blockSize, back).of(source);
  }
}
