/**
 * What each byte of a file is, for a map of it. `record`: in force. `deleted`: the bytes of a record that was deleted or
 * replaced, in space that nothing in force has. `damaged`: what should be a structure or a record and is none.
 * `overlapping`: claimed more than once.
 */
export const AREA_KINDS = [
  'header',
  'directory',
  'bucket',
  'avail',
  'record',
  'deleted',
  'free',
  'unaccounted',
  'damaged',
  'overlapping',
] as const;
export type AreaKind = (typeof AREA_KINDS)[number];

/**
 * Sees the whole of a file in ranges of one kind each, in order and without a gap.
 *
 * @param kind an index of {@link AREA_KINDS}
 * @param from file offset
 * @param to file offset of its end
 */
export type AreaVisitor = (kind: number, from: number, to: number) => void;

/** Counts the ranges of a file, and the bytes of each kind. */
export class AreaTotals {
  /** Ranges. */
  count = 0;
  /** Bytes of each kind, in the order of {@link AREA_KINDS}; together they are the file. */
  readonly bytes: number[] = AREA_KINDS.map(() => 0);

  readonly visit: AreaVisitor = (kind, from, to) => {
    this.count++;
    this.bytes[kind] += to - from;
  };
}
