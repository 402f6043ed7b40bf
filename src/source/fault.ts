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
   */
  constructor(
    readonly original: Source,
    readonly missing: number,
    readonly first: number,
    readonly last = first,
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
    return offset < this.last + Math.max(0, this.missing) && end > this.first;
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
