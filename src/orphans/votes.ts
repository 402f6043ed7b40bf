/** Numbers that are counted at a time. */
const MOST = 1 << 12;

/**
 * Counts how often each number comes, of however many: those that come more often than once in {@link MOST} times are there at
 * the end, with counts that are too low by the same for all (Misra and Gries). A file may be made so that a key is at a million
 * places.
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

  /** The numbers that are left, with their counts. */
  all(): [number: number, count: number][] {
    return [...this.#counts];
  }
}
