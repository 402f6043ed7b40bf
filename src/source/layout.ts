import { firstIndex } from '../numbers.js';
import type { Range, RangeList } from './ranges.js';
import { firstEndingAfter } from './ranges.js';
import type { Source } from './source.js';
import { requireRange } from './source.js';

/** A run of bytes that are all displaced by the same distance. */
export interface Piece {
  /** File offset at which its first byte belongs. */
  readonly start: number;
  /** File offset at which it is. */
  readonly at: number;
  /** Bytes. */
  readonly length: number;
}

/** The place between two pieces that belong one behind the other. */
export interface Seam {
  /** First and last offset at which the former piece may end, as offsets where bytes belong. */
  readonly first: number;
  readonly last: number;
  /** Bytes that are missing between the pieces; negative for bytes that were put in there, 0 if a piece moved. */
  readonly missing: number;
}

/**
 * The places of a file's bytes after some were lost, put in or moved: a list of pieces, each with the offset at which it
 * belongs. Offsets are those at which bytes belong, unless they are called present.
 */
export class Layout {
  readonly #doubts: RangeList;
  /** Bytes of the file as it was. */
  readonly size: number;

  /**
   * @param original the file as it is
   * @param pieces in order of their start, without overlap
   * @param seams one for each piece but the first
   * @param doubts in order and apart: bytes that may be missing, or that may be others. An empty range is a place at which
   *   others may have been put in.
   */
  constructor(
    readonly original: Source,
    readonly pieces: readonly Piece[],
    readonly seams: readonly Seam[],
    doubts: RangeList,
  ) {
    this.#doubts = doubts;
    const { start, length } = pieces[pieces.length - 1];
    this.size = start + length;
  }

  /**
   * The layout of a file that lost its beginning, or before which bytes were put.
   *
   * @param missing bytes; negative for bytes that were put before it
   */
  static shifted(original: Source, missing: number): Layout {
    const [start, at] = [Math.max(0, missing), Math.max(0, -missing)];
    const doubts = missing > 0 ? [{ offset: 0, length: missing }] : [];
    return new Layout(original, [{ start, at, length: original.size - at }], [], doubts);
  }

  /** Bytes that are missing at the beginning; negative for bytes before the first one of the file as it was. */
  get missingAtStart(): number {
    const [{ start, at }] = this.pieces;
    // If pieces changed their order, others stand before the first one.
    const isFirst = this.pieces.every((piece) => piece.at >= at);
    return start > 0 ? start : isFirst ? -at : 0;
  }

  /** The present offset of a byte; −1 if it is missing. */
  whereIs(offset: number): number {
    const piece = this.pieces[this.#firstEndingAfter(offset)];
    return piece === undefined || piece.start > offset ? -1 : piece.at + (offset - piece.start);
  }

  /** The present places of a range, in order; missing bytes are left out. */
  *places(offset: number, length: number): Generator<Range> {
    const end = offset + length;
    for (let n = this.#firstEndingAfter(offset); n < this.pieces.length; n++) {
      const { start, at, length } = this.pieces[n];
      if (start >= end) return;
      const from = Math.max(start, offset);
      yield { offset: at + (from - start), length: Math.min(end, start + length) - from };
    }
  }

  /** Returns true if bytes from `offset` to before `end` may be missing, or others may be among them. */
  mayHit(offset: number, end: number): boolean {
    // An empty doubt at `offset` ends there, so the search begins one byte before.
    for (let n = firstEndingAfter(this.#doubts, offset - 1); n < this.#doubts.length; n++) {
      const { offset: start, length } = this.#doubts.at(n)!;
      if (start >= end) return false;
      if (start + length > offset) return true;
    }
    return false;
  }

  /** The file as it was, with zeroes for what is missing. */
  get source(): Source {
    const { original, size } = this;
    const whole: Source = {
      size,
      ...(original.unreadable && { unreadable: () => this.#belonging(original.unreadable!()) }),
      read: async (offset, length) => {
        requireRange(whole, offset, length);
        const first = this.pieces[this.#firstEndingAfter(offset)];
        if (first !== undefined && first.start <= offset && offset + length <= first.start + first.length) {
          return original.read(first.at + (offset - first.start), length);
        }
        const bytes = new Uint8Array(length);
        for (let n = this.#firstEndingAfter(offset); n < this.pieces.length; n++) {
          const { start, at, length: held } = this.pieces[n];
          if (start >= offset + length) break;
          const from = Math.max(start, offset);
          const to = Math.min(offset + length, start + held);
          bytes.set(await original.read(at + (from - start), to - from), from - offset);
        }
        return bytes;
      },
    };
    return whole;
  }

  /** Ranges of the file as it is, as those at which their bytes belong, in order. */
  #belonging(ranges: readonly Range[]): Range[] {
    return this.pieces.flatMap(({ start, at, length }) =>
      ranges
        .map(({ offset, length: size }) => [Math.max(at, offset), Math.min(at + length, offset + size)])
        .filter(([from, to]) => from < to)
        .map(([from, to]) => ({ offset: start + (from - at), length: to - from })),
    );
  }

  #firstEndingAfter(offset: number): number {
    return firstIndex(0, this.pieces.length, (n) => {
      const { start, length } = this.pieces[n];
      return start + length > offset;
    });
  }
}
