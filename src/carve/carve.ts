import { exact } from '../source/source.js';
import type { RangeList } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import type { Progress } from '../source/sweep.js';
import { coveredPlaces, joinRanges, sweep } from '../source/sweep.js';
import { Budget } from './budget.js';
import type { KnownKeys } from './knownkeys.js';
import type { Shape } from './shape.js';
import { GLANCE } from './shape.js';
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
  readonly keys: () => Promise<KnownKeys>;
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
export async function* carve(
  given: Source,
  { ranges, keys, progress, shapes = SHAPES }: CarveOptions,
): AsyncGenerator<CarvedValue> {
  const source = exact(given);
  const within = joinRanges(ranges);
  let all = 0;
  for (const { length } of within) all += length;
  const budget = new Budget(all);
  let searched = 0;
  /** End of the last value: neither a value nor its key begins before it. */
  let free = 0;
  for await (const window of sweep(source, GLANCE, progress, within)) {
    const { view, base } = window;
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    for (const [from, to, range] of coveredPlaces(window, within)) {
      const end = range.offset + range.length;
      let at = firstStart(shapes, bytes, Math.max(from, free - base), to);
      for (; at < to; at = firstStart(shapes, bytes, Math.max(at + 1, free - base), to)) {
        for (const shape of shapes) {
          if (!shape.mayStart(bytes, at)) continue;
          const offset = base + at;
          budget.searched(searched + at - from);
          const least = Math.max(range.offset, free);
          const value = await budget.spend(source, (metered) =>
            measureAt(metered, shape, offset, { least, end, keys }),
          );
          if (value === undefined) continue;
          yield value;
          free = offset + value.size;
          break;
        }
      }
      searched += to - from;
    }
  }
}

/** The first index from `from` on at which a value may start; `to` if there is none before it. */
function firstStart(shapes: readonly Shape[], bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    for (let n = 0; n < shapes.length; n++) if (shapes[n].mayStart(bytes, at)) return at;
  }
  return to;
}

/** The value at an offset with its key, if it is more than chance that it is there; both between `least` and `end`. */
async function measureAt(
  source: Source,
  shape: Shape,
  offset: number,
  { least, end, keys: knownKeys }: { least: number; end: number; keys: () => Promise<KnownKeys> },
): Promise<CarvedValue | undefined> {
  const measured = await shape.measure(source, offset, end);
  if (measured === undefined) return undefined;
  const { size, sure } = measured;
  const keys = await knownKeys();
  const before = Math.min(keys.longest, offset - least);
  const found =
    before === 0 ? undefined : keys.longestEndingAt(await source.read(offset - before, before), before);
  if (!sure && !(found !== undefined && tells(found, keys))) return undefined;
  const value = { shape: shape.name, offset, size };
  return found === undefined ? value : { ...value, key: { offset: offset - found, size: found } };
}

/** Whether it is more than chance that one of the known keys, of so many bytes, is before a place. */
function tells(size: number, keys: KnownKeys): boolean {
  return 8 * size - Math.log2(keys.count) >= TELLING_BITS;
}
