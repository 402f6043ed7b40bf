import { exact } from '../source/source.js';
import type { RangeList } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import type { Progress } from '../source/sweep.js';
import { coveredPlaces, joinRanges, sweep } from '../source/sweep.js';
import type { KnownKeys } from './knownkeys.js';
import type { Shape } from './shape.js';
import { GLANCE, SHAPES } from './shape.js';
import { weights } from '../weights.js';

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
  /** The parts of the file that are searched for values and their keys: those that nothing else uses. */
  readonly ranges: RangeList;
  /**
   * Returns the keys that may stand before a value; called only once a value is found, because gathering them takes
   * long.
   */
  readonly keys: () => Promise<KnownKeys>;
  readonly progress?: Progress;
  readonly shapes?: readonly Shape[];
}

/**
 * Searches every byte of the ranges for values that have a shape of their own, in order of their offsets. Each lies
 * in one range (those that touch are one); the inside of a value is not searched. GDBM writes a value directly behind
 * its key, so that a known key there names the value; but an unknown longer key may end with the same bytes. A value
 * small enough to be chance counts only with a key that is not chance. Nothing proves a value's age: it may be
 * deleted or superseded.
 *
 * Time: linear in the bytes, see {@link Budget}. Memory: that of `sweep`, of the shapes and of the known keys.
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
  /** The end of the last value: no other value or key begins before it. */
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

/** The value at an offset with its key, both between `least` and `end`; undefined where it may be chance. */
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
  if (!sure && !(found !== undefined && exceedsChance(found, keys))) return undefined;
  const value = { shape: shape.name, offset, size };
  return found === undefined ? value : { ...value, key: { offset: offset - found, size: found } };
}

/** True if a known key of so many bytes before a place is more than chance. */
function exceedsChance(size: number, keys: KnownKeys): boolean {
  return 8 * size - Math.log2(keys.count) >= weights.old.carvedKeyBits;
}

/** Bytes that may be read in vain for each byte that is searched, and in all. */
const VAIN_PER_BYTE = 16;
const VAIN_AT_LEAST = 16 << 20;
/** With less of the budget left no measurement begins: its first reads would use it up. */
const MIN_LEFT = 64 << 10;

/**
 * A bound on the bytes that are read at places where a value seems to start and none is whole: 16 times the searched
 * bytes, and 16 MiB. Half of it is available from the start, the rest as the search goes on, so that a hostile part
 * of a file does not end the search in the other parts.
 */
class Budget {
  #left: number;
  #seen = 0;

  /** @param bytes that are searched in all */
  constructor(bytes: number) {
    this.#left = VAIN_AT_LEAST + (VAIN_PER_BYTE / 2) * bytes;
  }

  /** Adds to the budget as the search goes on; `bytes` were searched so far. */
  searched(bytes: number): void {
    this.#left += (VAIN_PER_BYTE / 2) * Math.max(0, bytes - this.#seen);
    this.#seen = Math.max(this.#seen, bytes);
  }

  /**
   * Measures with a source whose reads are counted; reads in vain use up the budget. Undefined also if it is used up.
   */
  async spend<T>(
    source: Source,
    measure: (metered: Source) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    if (this.#left < MIN_LEFT) return undefined;
    let spent = 0;
    const metered: Source = {
      size: source.size,
      read: (offset, length) => {
        spent += length;
        if (spent > this.#left) throw new Spent();
        return source.read(offset, length);
      },
    };
    try {
      const result = await measure(metered);
      if (result !== undefined) spent = 0;
      return result;
    } catch (error) {
      if (error instanceof Spent) return undefined;
      throw error;
    } finally {
      this.#left -= spent;
    }
  }
}

class Spent extends Error {}
