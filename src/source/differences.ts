/** In which bytes of a range of a file what is there differs from what is as many bytes behind it. */
export class Differences {
  readonly #from: number;
  readonly #length: number;
  /** For each byte the first one that differs, from it on; the length where none does. Four bytes for each. */
  readonly #next: Uint32Array;

  /**
   * @param from file offset of the range
   * @param one the bytes of the range
   * @param other as many, with which they are compared
   */
  constructor(from: number, one: Uint8Array, other: Uint8Array) {
    this.#from = from;
    this.#length = one.length;
    this.#next = new Uint32Array(one.length + 1);
    let next = one.length;
    for (let i = one.length; i >= 0; i--) {
      if (one[i] !== other[i]) next = i;
      this.#next[i] = next;
    }
  }

  /** Whether a byte from `offset` to before `end` differs; of what is outside of the range none does. */
  touches(offset: number, end: number): boolean {
    const [first, last] = [this.#within(offset), this.#within(end)];
    return first < last && this.#next[first] < last;
  }

  /** The part of a range, inside this one, that begins and ends with bytes that differ; empty where none does. */
  within({ first, last }: { readonly first: number; readonly last: number }): {
    first: number;
    last: number;
  } {
    const [from, to] = [this.#next[this.#within(first)], this.#within(last)];
    if (from >= to) return { first, last: first };
    let end = from;
    for (let at = from; at < to; at = this.#next[end]) end = at + 1;
    return { first: this.#from + from, last: this.#from + end };
  }

  #within(offset: number): number {
    return Math.max(0, Math.min(this.#length, offset - this.#from));
  }
}
