import type { Range } from './gather.js';
import { firstAfter } from './ranges.js';
import type { Source } from './source.js';
import { requireRange } from './source.js';

/** A block that stands at another's place. */
export interface MovedBlock {
  /** File offset at which it belongs. */
  readonly home: number;
  /** File offset at which it is. */
  readonly at: number;
}

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

  /** File offset. */
  startOf(block: number): number {
    return this.first + block * this.size;
  }
}

/** Where bytes are in a file some of whose blocks stand at other places; offsets are those at which they belong. */
export class Rearrangement {
  readonly blocks: BlockGrid;
  readonly moved: readonly MovedBlock[];
  readonly #places: ReadonlyMap<number, number>;
  /** File offsets of the blocks that were moved, in order. */
  readonly #homes: Float64Array;

  constructor(blocks: BlockGrid, moved: readonly MovedBlock[]) {
    this.blocks = blocks;
    this.moved = moved;
    this.#places = new Map(moved.map(({ home, at }) => [home, at]));
    this.#homes = Float64Array.from(moved, ({ home }) => home).sort();
  }

  /** Where the byte that belongs at `offset` is now. */
  whereIs(offset: number): number {
    const home = this.blocks.startOf(this.blocks.blockOf(offset));
    return (this.#places.get(home) ?? home) + (offset - home);
  }

  /** Where a range is now, in order; in pieces, as blocks may be anywhere: what lies beside each other is one. */
  *pieces(offset: number, length: number): Generator<Range> {
    const { size } = this.blocks;
    const end = offset + length;
    let piece: { offset: number; length: number } | undefined;
    for (let n = firstAfter(this.#homes, offset - size), at = offset; at < end;) {
      // A block that was moved, or all up to the next one.
      const isMoved = this.#homes[n] <= at;
      const next = Math.min(end, isMoved ? this.#homes[n] + size : (this.#homes[n] ?? end));
      if (isMoved) n++;
      const now = this.whereIs(at);
      if (piece !== undefined && now === piece.offset + piece.length) piece.length += next - at;
      else {
        if (piece !== undefined) yield piece;
        piece = { offset: now, length: next - at };
      }
      at = next;
    }
    if (piece !== undefined) yield piece;
  }

  /** A source as if each block stood where it belongs. */
  of(source: Source): Source {
    const { size } = this.blocks;
    const sorted = this.moved.map(({ home }) => home).sort((a, b) => a - b);
    const arranged: Source = {
      size: source.size,
      ...(source.unreadable && {
        unreadable: () =>
          source.unreadable!()
            .flatMap(({ offset, length }) => [...this.#back().pieces(offset, length)])
            .sort((a, b) => a.offset - b.offset),
      }),
      read: async (offset, length) => {
        requireRange(arranged, offset, length);
        let bytes = await source.read(offset, length);
        let own = false;
        // Only the blocks that were moved are read again; there are few.
        for (const home of sorted) {
          if (home >= offset + length) break;
          if (home + size <= offset) continue;
          // What a source gives may be its own memory, of which a Buffer's slice is a part.
          if (!own) bytes = Uint8Array.from(bytes);
          own = true;
          const from = Math.max(home, offset);
          const to = Math.min(home + size, offset + length);
          bytes.set(await source.read(this.whereIs(from), to - from), from - offset);
        }
        return bytes;
      },
    };
    return arranged;
  }

  /** The source from which {@link of} made this one. */
  undone(source: Source): Source {
    return this.#back().of(source);
  }

  /** The inverse: the places of bytes by the offsets at which they are now. */
  #back(): Rearrangement {
    const back = this.moved.map(({ home, at }) => ({ home: at, at: home }));
    return new Rearrangement(this.blocks, back);
  }
}
