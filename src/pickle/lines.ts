import { NAMES, REAL } from './tables.js';
import { Utf8Check } from './utf8.js';

/** Of a module's or class's name, or a number in digits; each window must hold two such lines and their opcode. */
export const MAX_LINE = 1024;

/** The whole text of a number: INT and LONG (which ends in L), FLOAT. */
const DECIMAL_LINE = /^[-+]?\d+L?$/;
const REAL_LINE = /^[-+]?(\d+(\.\d*)?(e[-+]?\d+)?|inf|nan)$/i;

/** The place after so many lines from `from` on; 0 where one is too long or has no end before `to`. */
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

/** What was expected of lines that are wrong; undefined where they are right. */
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
  const utf8 = new Utf8Check();
  let empty = true;
  for (let k = from; k < to; k++) {
    const byte = bytes[k];
    if (byte === 0x0a) {
      if (empty) return 'a name';
      empty = true;
      continue;
    }
    empty = false;
    // Python 2 and protocol 2 have ASCII names only.
    if (byte < 0x20 || byte === 0x5c || byte === 0x7f || (byte >= 0x80 && protocol < 3)) return 'a name';
  }
  return utf8.feed(bytes, from, to) ? undefined : 'names in UTF-8';
}
