import type { Source } from '../source/source.js';

/** Bytes that may be read in vain for each byte that is searched, half of them before it is. */
const EACH = 16;
const AT_LEAST = 16 << 20;
/** With less left nothing is begun: it would end, at some cost, in its first reads. */
const WORTH = 64 << 10;

/**
 * Bounds what is read of places where a value seems to start and none is whole: in all 16 times the bytes that are
 * searched, and 16 MiB. Half of it is there from the start, the rest comes as the search goes on, so that one part of a
 * file that is made to cost much does not end the search in the others.
 */
export class Budget {
  #left: number;
  #seen = 0;

  /** For a search of so many bytes in all. */
  constructor(bytes: number) {
    this.#left = AT_LEAST + (EACH / 2) * bytes;
  }

  /** Told how many bytes were searched until now. */
  searched(bytes: number): void {
    this.#left += (EACH / 2) * Math.max(0, bytes - this.#seen);
    this.#seen = Math.max(this.#seen, bytes);
  }

  /** Measures by a source whose reads are counted, those in vain for good; undefined also if the budget is spent. */
  async spend<T>(
    source: Source,
    measure: (metered: Source) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    if (this.#left < WORTH) return undefined;
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
