/** Maximum number of distinct numbers that are counted at a time. */
const MOST = 1 << 12;

/**
 * Counts the most frequent of any number of numbers (Misra and Gries). Each number with a share of more than one in
 * {@link MOST} is in the result; all counts are too low by the same amount. A manipulated file may have a key at a
 * million places.
 */
export class Votes {
  readonly #counts = new Map<number, number>();

  add(number: number): void {
    const count = this.#counts.get(number);
    if (count !== undefined || this.#counts.size < MOST) {
      this.#counts.set(number, (count ?? 0) + 1);
      return;
    }
    for (const [other, n] of this.#counts) {
      if (n === 1) this.#counts.delete(other);
      else this.#counts.set(other, n - 1);
    }
  }

  /** Remaining numbers, with their counts. */
  all(): [number: number, count: number][] {
    return [...this.#counts];
  }
}
