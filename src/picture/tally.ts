/** So many records at most are shown one by one. */
export class Sample<T> {
  readonly #most: number;
  #stride = 1;
  #seen = 0;
  #kept: T[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** Keeps every n-th thing of all that come, n as small as the limit allows. */
  take(one: T): void {
    if (this.#seen++ % this.#stride !== 0) return;
    this.#kept.push(one);
    if (this.#kept.length <= this.#most) return;
    this.#kept = this.#kept.filter((_, i) => i % 2 === 0);
    this.#stride *= 2;
  }

  get kept(): readonly T[] {
    return this.#kept;
  }

  /** Things that came. */
  get seen(): number {
    return this.#seen;
  }
}

/** Counts sizes by their magnitude: 0, 1, 2 to 3, 4 to 7 and so on. */
export class Magnitudes {
  readonly counts: number[] = [];

  add(size: number): void {
    const bin = size <= 0 ? 0 : Math.floor(Math.log2(size)) + 1;
    while (this.counts.length <= bin) this.counts.push(0);
    this.counts[bin]++;
  }
}
