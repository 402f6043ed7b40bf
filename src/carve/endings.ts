/** Bits of the table of what ends a piece. */
const BITS = 1 << 22;
/** Last bytes of a piece that the table tells of. */
const TOLD = 4;

/**
 * Tells whether some bytes are the end of one of many pieces, as far as those reach: of millions of keys those that may
 * stand directly before a value are found, without holding any. A table for what is the end of none, and a search by
 * halves, whatever the bytes. Memory: the pieces, 4 bytes for each and 512 KiB.
 */
export class Endings {
  readonly #bytes: Uint8Array;
  readonly #longest: number;
  /** Where each piece starts; one more entry for the end of the last. */
  readonly #starts: Uint32Array;
  /** The pieces in the order of their bytes read backwards. */
  readonly #order: Uint32Array;
  readonly #table = new Uint8Array(BITS / 8);

  /**
   * @param longest bytes of the longest piece; of what is longer as many bytes are compared
   * @param starts of pieces that lie behind each other in `bytes`, and the end of the last
   */
  constructor(bytes: Uint8Array, starts: Uint32Array, longest: number) {
    this.#bytes = bytes;
    this.#starts = starts;
    this.#longest = longest;
    const count = starts.length - 1;
    for (let n = 0; n < count; n++) {
      const most = Math.min(TOLD, starts[n + 1] - starts[n]);
      for (let length = 1; length <= most; length++) {
        const bit = bitOf(bytes, starts[n + 1], length);
        this.#table[bit >>> 3] |= 1 << (bit & 7);
      }
    }
    this.#order = Uint32Array.from({ length: count }, (_, n) => n).sort((a, b) =>
      this.#compare(bytes, starts[a], starts[a + 1], b),
    );
  }

  /** Whether one of the pieces ends so; nothing is the end of any. */
  has(key: Uint8Array): boolean {
    const { length } = key;
    if (length === 0) return false;
    const bit = bitOf(key, length, Math.min(TOLD, length));
    if ((this.#table[bit >>> 3] & (1 << (bit & 7))) === 0) return false;
    const start = Math.max(0, length - this.#longest);
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(key, start, length, this.#order[middle]) > 0) low = middle + 1;
      else high = middle;
    }
    // Pieces that end so are the first ones that are not before it.
    return low < this.#order.length && this.#endsSo(key, start, this.#order[low]);
  }

  #endsSo(key: Uint8Array, start: number, piece: number): boolean {
    const end = this.#starts[piece + 1];
    const length = key.length - start;
    if (end - this.#starts[piece] < length) return false;
    for (let k = 1; k <= length; k++) if (key[key.length - k] !== this.#bytes[end - k]) return false;
    return true;
  }

  /** Compares some bytes with a piece, both read backwards; what ends first is before the other. */
  #compare(bytes: Uint8Array, start: number, end: number, piece: number): number {
    const pieceEnd = this.#starts[piece + 1];
    const length = end - start;
    const pieceLength = pieceEnd - this.#starts[piece];
    const both = Math.min(length, pieceLength);
    for (let k = 1; k <= both; k++) {
      const difference = bytes[end - k] - this.#bytes[pieceEnd - k];
      if (difference !== 0) return difference;
    }
    return length - pieceLength;
  }
}

/** A bit of the table for the last `length` bytes before an index. */
function bitOf(bytes: Uint8Array, end: number, length: number): number {
  let word = length;
  for (let k = 1; k <= length; k++) word = Math.imul(word ^ bytes[end - k], 0x9e3779b1);
  return (word ^ (word >>> 15)) & (BITS - 1);
}
