/**
 * Whether bytes that come in pieces are UTF-8 as a pickle writes it: shortest forms up to U+10FFFF, and lone
 * surrogates, which Python keeps in its strings.
 */
export class Utf8Check {
  /** Continuation bytes that the character begun still needs. */
  #need = 0;
  /** Bounds of the next of them: the first one's rule out longer forms than needed and numbers too large. */
  #low = 0x80;
  #high = 0xbf;

  /** Forgets a character begun. */
  restart(): void {
    this.#need = 0;
  }

  /** Whether no character is cut off. */
  get complete(): boolean {
    return this.#need === 0;
  }

  /** Takes the bytes from `from` to before `to`; false once they are not UTF-8. */
  feed(bytes: Uint8Array, from: number, to: number): boolean {
    let i = from;
    while (i < to) {
      const byte = bytes[i++];
      if (this.#need > 0) {
        if (byte < this.#low || byte > this.#high) return false;
        this.#need--;
        this.#low = 0x80;
        this.#high = 0xbf;
      } else if (byte >= 0x80) {
        if (byte < 0xc2 || byte > 0xf4) return false;
        this.#need = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        this.#low = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
        this.#high = byte === 0xf4 ? 0x8f : 0xbf;
      }
    }
    return true;
  }
}
