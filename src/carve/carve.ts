import type { RangeList } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import type { Progress } from '../source/sweep.js';
import { joinRanges } from '../source/sweep.js';
import { Budget } from './budget.js';
import type { KeysBefore } from './keysbefore.js';
import { bytesBefore, search } from './search.js';
import type { Shape } from './shape.js';
import { SHAPES } from './shapes.js';

/** A value that was found by its own bytes. */
export interface CarvedValue {
  /** The name of its shape. */
  readonly shape: string;
  /** File offset of the value. */
  readonly offset: number;
  /** Bytes of the value. */
  readonly size: number;
  /** The longest known key that is directly before it: file offset and bytes. */
  readonly key?: { readonly offset: number; readonly size: number };
}

export interface CarveOptions {
  /** Where values and their keys are looked for: what nothing else accounts for. */
  readonly ranges: RangeList;
  /** Gives the keys that may be before a value; asked only once a value is found, as gathering them takes long. */
  readonly keys: () => Promise<KeysBefore>;
  readonly progress?: Progress;
  readonly shapes?: readonly Shape[];
}

/** Bits that a key before a value must tell, beyond what one of so many keys tells by chance, to prove a small one. */
const TELLING_BITS = 16;

/**
 * Looks at every byte of the ranges for values that have a shape of their own, in order of their offsets; each lies
 * in one range (those that touch are one), and what is inside of a value is not looked at. GDBM writes a record's key
 * and directly behind it the value, so that a known key there tells whose it is; but the key may be a longer one that
 * is not known and only ends so. A value that is small enough to be chance is given only with a key that is not.
 * Nothing is proved of a value's age: it may be a deleted or a superseded one.
 *
 * Time: linear in the bytes, see `Budget`. Memory: that of `sweep` and of the shapes, and the known keys.
 *
 * @throws SourceError if the source cannot be read
 */
export function carve(
  source: Source,
  { ranges, keys, progress, shapes = SHAPES }: CarveOptions,
): AsyncGenerator<CarvedValue> {
  const within = joinRanges(ranges);
  const budget = new Budget(bytesBefore(within, Infinity));
  return search(source, {
    within,
    shapes,
    budget,
    progress,
    // Neither a value nor its key begins in the value before.
    measure: async (metered, { shape, offset, range, free }) => {
      const end = range.offset + range.length;
      const measured = await shape.measure(metered, offset, end);
      if (measured === undefined) return undefined;
      const { size, sure } = measured;
      const known = await keys();
      const found = await known.longestBefore(metered, offset, Math.max(range.offset, free));
      if (!sure && !(found !== undefined && tells(found, known))) return undefined;
      const value = { shape: shape.name, offset, size };
      return {
        value: found === undefined ? value : { ...value, key: { offset: offset - found, size: found } },
        next: offset + size,
        cost: 0,
      };
    },
  });
}

/** Whether it is more than chance that one of the known keys, of so many bytes, is before a place. */
function tells(size: number, keys: KeysBefore): boolean {
  return 8 * size - Math.log2(keys.count) >= TELLING_BITS;
}
