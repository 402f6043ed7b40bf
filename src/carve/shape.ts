import type { Source } from '../source/source.js';

/** Bytes from a place on that a shape may look at to tell whether a value may start there. */
export const GLANCE = 64;

/** A kind of value whose own bytes tell where it begins and ends, so that it is found where no element leads to it. */
export interface Shape {
  readonly name: string;
  /**
   * Whether a value may start at an index of a window. Asked at every byte, so it must be cheap; it sees the window
   * as far as it goes, and nothing past `GLANCE` bytes may matter.
   */
  mayStart(bytes: Uint8Array, at: number): boolean;
  /**
   * Measures the value at a file offset; undefined if none is whole there before `end`. It may read as much as it
   * wants in pieces: who calls bounds how much is read in all.
   *
   * @throws SourceError if the source cannot be read
   */
  measure(source: Source, offset: number, end: number): Promise<Measured | undefined>;
}

/** A whole value. */
export interface Measured {
  /** Bytes of the value, 1 or more. */
  readonly size: number;
  /** Whether so much of it is fixed that random bytes do not give it, even where no known key is before it. */
  readonly sure: boolean;
}
