import type { Source } from './source.js';
import { requireRange, readInto } from './source.js';
import type { Range } from './ranges.js';
import { firstAfter, firstIndex } from '../numbers.js';

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

/** In which bytes of a range of a file what is there differs from what is as many bytes behind it. */
export class Differences {
  readonly #from: number;
  readonly #length: number;
  /** For each byte the first one that differs, from it on; the length where none does. Four bytes for each. */
  readonly #next: Uint32Array;

  /**
   * @param from file offset of the range
   * @param one the bytes of the range
   * @param other as many, with which they are compared
   */
  constructor(from: number, one: Uint8Array, other: Uint8Array) {
    this.#from = from;
    this.#length = one.length;
    this.#next = new Uint32Array(one.length + 1);
    let next = one.length;
    for (let i = one.length; i >= 0; i--) {
      if (one[i] !== other[i]) next = i;
      this.#next[i] = next;
    }
  }

  /** True if a byte from `offset` to before `end` differs; outside of the range none does. */
  touches(offset: number, end: number): boolean {
    const [first, last] = [this.#within(offset), this.#within(end)];
    return first < last && this.#next[first] < last;
  }

  /** The part of a range, inside this one, that begins and ends with bytes that differ; empty where none does. */
  within({ first, last }: { readonly first: number; readonly last: number }): {
    first: number;
    last: number;
  } {
    const [from, to] = [this.#next[this.#within(first)], this.#within(last)];
    if (from >= to) return { first, last: first };
    let end = from;
    for (let at = from; at < to; at = this.#next[end]) end = at + 1;
    return { first: this.#from + from, last: this.#from + end };
  }

  #within(offset: number): number {
    return Math.max(0, Math.min(this.#length, offset - this.#from));
  }
}

/**
 * A place in a file at which bytes are gone, or were put in, so that all behind it stand at other offsets than their own.
 * Offsets are those that the bytes had before.
 */
export class Fault {
  /**
   * @param original the file as it lies there
   * @param missing bytes that are gone; negative where so many were put in
   * @param first the first offset at which that can be, which is taken for it
   * @param last the last one
   * @param differences where bytes were put in: those that are not the same whichever place it is; all that it may hit
   *   where this is left out
   */
  constructor(
    readonly original: Source,
    readonly missing: number,
    readonly first: number,
    readonly last = first,
    readonly differences?: Differences,
  ) {}

  /** The file as it was, with zeroes for what is gone. */
  get source(): Source {
    return shifted(this.original, this.missing, this.first);
  }

  /** The present offset of a byte; negative if it is gone. */
  whereIs(offset: number): number {
    if (offset < this.first) return offset;
    return offset < this.first + this.missing ? -1 : offset - this.missing;
  }

  /** True if the range from `offset` to before `end` may have lost a byte, or have others in its middle. */
  mayHit(offset: number, end: number): boolean {
    const { first, last, missing, differences } = this;
    if (offset >= last + Math.max(0, missing) || end <= first) return false;
    if (differences === undefined) return true;
    // A range around the only place may depend on the places that were also thought possible.
    const [from, to] = first === last ? [offset, end] : [Math.max(offset, first), Math.min(end, last)];
    return differences.touches(from, to);
  }

  /**
   * True if bytes of the range from `offset` to before `end` are gone as the file is read, or that is where this reading, or the
   * one with the last place, goes on elsewhere.
   */
  cuts(offset: number, end: number): boolean {
    const { first, last } = this;
    const gone = Math.max(0, this.missing);
    if (offset < first + gone && end > first) return true;
    return [last, last + gone].some((place) => offset < place && place < end);
  }

  /** The present places of a range, in pieces; missing bytes are left out. */
  *pieces(offset: number, length: number): Generator<Range> {
    const end = offset + length;
    const behind = this.first + Math.max(0, this.missing);
    if (offset < this.first) yield { offset, length: Math.min(end, this.first) - offset };
    const from = Math.max(offset, behind);
    if (end > from) yield { offset: from - this.missing, length: end - from };
  }
}

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

/** The mapping of a file whose blocks were moved: from offsets where bytes belong to where they are. */
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

  /** The present offset of the byte that belongs at `offset`. */
  whereIs(offset: number): number {
    const home = this.blocks.startOf(this.blocks.blockOf(offset));
    return (this.#places.get(home) ?? home) + (offset - home);
  }

  /** The present places of a range, in order; pieces that lie beside each other are joined. */
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
          // A source may give its own memory, of which a Buffer's slice is a part.
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
