/** Of the last two bytes of each piece, a bit. */
const PAIRS = 1 << 16;

/**
 * Tells whether some bytes are the end of one of many pieces: of millions of keys those that stand directly before a value
 * are found, without holding any. A table and a search by halves for each, whatever the bytes. Memory: the pieces, and 8
 * bytes for each.
 */
export class Endings {
  readonly #bytes: Uint8Array;
  /** Where in the bytes each piece ends, in the order of the pieces read backwards. */
  readonly #ends: Uint32Array;
  readonly #lengths: Uint32Array;
  /** Which bytes end a piece, and which two do. */
  readonly #last = new Uint8Array(256);
  readonly #lastTwo = new Uint8Array(PAIRS);

  /** @param lengths of pieces that lie behind each other in `bytes` */
  constructor(bytes: Uint8Array, lengths: Uint32Array) {
    this.#bytes = bytes;
    const ends = new Uint32Array(lengths.length);
    let end = 0;
    for (const [n, length] of lengths.entries()) {
      ends[n] = end += length;
      if (length > 0) this.#last[bytes[end - 1]] = 1;
      if (length > 1) this.#lastTwo[(bytes[end - 2] << 8) | bytes[end - 1]] = 1;
    }
    const order = Uint32Array.from(lengths, (_, n) => n).sort((a, b) =>
      this.#compare(bytes, ends[a], lengths[a], ends[b], lengths[b]),
    );
    this.#ends = order.map((n) => ends[n]);
    this.#lengths = order.map((n) => lengths[n]);
  }

  /** Whether one of the pieces ends so; nothing is the end of any. */
  has(key: Uint8Array): boolean {
    const { length } = key;
    if (length === 0 || this.#last[key[length - 1]] === 0) return false;
    if (length > 1 && this.#lastTwo[(key[length - 2] << 8) | key[length - 1]] === 0) return false;
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(key, length, length, this.#ends[middle], this.#lengths[middle]) > 0) low = middle + 1;
      else high = middle;
    }
    // Those that end so are directly behind what is shorter or before it.
    return low < this.#ends.length && this.#isEnd(key, low);
  }

  #isEnd(key: Uint8Array, piece: number): boolean {
    const end = this.#ends[piece];
    if (this.#lengths[piece] < key.length) return false;
    for (let k = 1; k <= key.length; k++) {
      if (key[key.length - k] !== this.#bytes[end - k]) return false;
    }
    return true;
  }

  /** Compares some bytes with a piece, both read backwards; what ends first is before the other. */
  #compare(a: Uint8Array, endA: number, lengthA: number, endB: number, lengthB: number): number {
    const both = Math.min(lengthA, lengthB);
    const b = this.#bytes;
    for (let k = 1; k <= both; k++) {
      const difference = a[endA - k] - b[endB - k];
      if (difference !== 0) return difference;
    }
    return lengthA - lengthB;
  }
}
