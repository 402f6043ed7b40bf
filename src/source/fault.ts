import type { Differences } from './differences.js';
import type { Range } from './gather.js';
import { shifted } from './shifted.js';
import type { Source } from './source.js';

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

  /** Where a byte is now; negative where it is gone. */
  whereIs(offset: number): number {
    if (offset < this.first) return offset;
    return offset < this.first + this.missing ? -1 : offset - this.missing;
  }

  /** Whether what lies from `offset` to before `end` may have lost a byte, or have others in its middle. */
  mayHit(offset: number, end: number): boolean {
    const { first, last, missing, differences } = this;
    if (offset >= last + Math.max(0, missing) || end <= first) return false;
    if (differences === undefined) return true;
    // What has the one place in its middle may depend on what else was thought to be one.
    const [from, to] = first === last ? [offset, end] : [Math.max(offset, first), Math.min(end, last)];
    return differences.touches(from, to);
  }

  /**
   * Whether bytes of what lies from `offset` to before `end` are gone as the file is read, or that is where this reading, or the
   * one with the last place, goes on elsewhere.
   */
  cuts(offset: number, end: number): boolean {
    const { first, last } = this;
    const gone = Math.max(0, this.missing);
    if (offset < first + gone && end > first) return true;
    return [last, last + gone].some((place) => offset < place && place < end);
  }

  /** Where a range is now, in pieces; what is gone is left out. */
  *pieces(offset: number, length: number): Generator<Range> {
    const end = offset + length;
    const behind = this.first + Math.max(0, this.missing);
    if (offset < this.first) yield { offset, length: Math.min(end, this.first) - offset };
    const from = Math.max(offset, behind);
    if (end > from) yield { offset: from - this.missing, length: end - from };
  }
}
