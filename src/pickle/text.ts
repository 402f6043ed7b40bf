import { NAMES, REAL } from './opcodes.js';

/**
 * Checks UTF-8 that comes in pieces, as a pickle has it: shortest forms up to U+10FFFF, and lone surrogates, which Python
 * keeps in its strings and `TextDecoder` refuses.
 */
export class Utf8Check {
  /** Continuation bytes that the current character still needs. */
  #need = 0;
  /** Bounds of the next of them: those of the first exclude longer forms than needed, and numbers too large. */
  #low = 0x80;
  #high = 0xbf;

  /** Forgets the current character. */
  restart(): void {
    this.#need = 0;
  }

  /** True if no character is cut off. */
  get complete(): boolean {
    return this.#need === 0;
  }

  /** Takes the bytes from `from` to before `to`; returns false if they are not UTF-8. */
  feed(bytes: Uint8Array, from: number, to: number): boolean {
    for (let i = from; i < to; i++) {
      const byte = bytes[i];
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

/** Bytes of a line at most: a module, a class, or a number in digits. */
export const MAX_LINE = 1024;

/** The whole text of a number: INT and LONG (which ends in L), FLOAT. */
const DECIMAL_LINE = /^[-+]?\d+L?$/;
const REAL_LINE = /^[-+]?(\d+(\.\d*)?(e[-+]?\d+)?|inf|nan)$/i;

/** The place after so many lines from `from` on; 0 if one is too long or has no end before `to`. */
export function linesEnd(bytes: Uint8Array, from: number, to: number, lines: number): number {
  let at = from;
  for (let n = 0; n < lines; n++) {
    const most = Math.min(to, at + MAX_LINE + 1);
    while (at < most && bytes[at] !== 0x0a) at++;
    if (at >= most) return 0;
    at++;
  }
  return at;
}

/** Returns a description of the lines that were expected; undefined if these are right. */
export function wrongLines(
  bytes: Uint8Array,
  from: number,
  to: number,
  form: number,
  protocol: number,
): string | undefined {
  if (form !== NAMES) {
    const line = String.fromCharCode(...bytes.subarray(from, to - 1));
    return (form === REAL ? REAL_LINE : DECIMAL_LINE).test(line) ? undefined : 'a number in digits';
  }
  let isEmpty = true;
  for (let k = from; k < to; k++) {
    const byte = bytes[k];
    if (byte === 0x0a) {
      if (isEmpty) return 'a name';
      isEmpty = true;
      continue;
    }
    isEmpty = false;
    // Python 2 and protocol 2 have ASCII names only.
    if (byte < 0x20 || byte === 0x5c || byte === 0x7f || (byte >= 0x80 && protocol < 3)) return 'a name';
  }
  return new Utf8Check().feed(bytes, from, to) ? undefined : 'names in UTF-8';
}

/** Bytes as text with a letter each, as Python 2's strings are shown. */
export function latin1Text(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes);
}
