import type { Source } from '../source/source.js';

/** Tells which of the keys that are known from elsewhere is directly before a value. */
export interface KeysBefore {
  /** Different keys that are known. */
  readonly count: number;
  /**
   * Bytes of the longest known key that ends directly before a file offset and does not begin before `least`; undefined
   * if none does. Asked in order of the offsets.
   *
   * @throws SourceError if the source cannot be read
   */
  longestBefore(source: Source, offset: number, least: number): Promise<number | undefined>;
}
