import { viewOf } from '../format/struct.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PAD = 0x3d;

/** The two characters of each 12 bits, the first in the lower byte. */
const PAIR = new Uint16Array(4096);
/** The value of a character that is no digit, and the bit that only it has. */
const NONE = 0xff;
const NO_DIGIT = 0x80;
/** The six bits of a character. */
const DIGIT = new Uint8Array(256).fill(NONE);
/** The 12 bits of two characters, the first in the lower byte; negative where one is no digit. */
const BITS = new Int16Array(1 << 16).fill(-1);
for (let i = 0; i < 4096; i++) {
  PAIR[i] = ALPHABET.charCodeAt(i >> 6) | (ALPHABET.charCodeAt(i & 63) << 8);
  BITS[PAIR[i]] = i;
}
for (let i = 0; i < 64; i++) DIGIT[ALPHABET.charCodeAt(i)] = i;

/** Characters that so many bytes take. */
export function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/**
 * Writes bytes as padded base64, from one buffer into another. `Buffer` would make a string or an object for each of
 * a dump's millions of short pieces.
 *
 * @param bytes what is to be written, with anything before and behind it
 * @param into has room for it
 * @returns where the next byte of `into` goes
 */
export function encodeBase64(bytes: DataView, from: number, to: number, into: DataView, at: number): number {
  const whole = to - ((to - from) % 3);
  let i = from;
  // Three bytes by one look at four, as long as there are four: three looks take a third longer.
  for (const last = Math.min(whole, bytes.byteLength - 3); i < last; i += 3) {
    const four = bytes.getInt32(i);
    into.setInt32(at, PAIR[four >>> 20] | (PAIR[(four >>> 8) & 0xfff] << 16), true);
    at += 4;
  }
  if (i < whole) {
    const three = (bytes.getUint16(i) << 8) | bytes.getUint8(i + 2);
    into.setInt32(at, PAIR[three >>> 12] | (PAIR[three & 0xfff] << 16), true);
    at += 4;
    i += 3;
  }
  if (i === to) return at;
  const two = to - i === 2;
  const bits = two ? bytes.getUint16(i) << 2 : bytes.getUint8(i) << 10;
  const high = PAIR[bits >> 6];
  const low = two ? PAIR[(bits & 63) << 6] & 0xff : PAD;
  into.setInt32(at, high | (low << 16) | (PAD << 24), true);
  return at + 4;
}

/**
 * Decodes padded base64 that is in memory as a whole.
 *
 * @param size bytes that it stands for, {@link base64Length} characters
 * @param into has room for one byte more, which is overwritten
 * @returns false if it is no base64 of that size; then `into` holds nothing of use
 */
export function decodeWhole(
  from: DataView,
  start: number,
  size: number,
  into: DataView,
  at: number,
): boolean {
  let wrong = 0;
  let i = start;
  const rest = size % 3;
  for (const end = at + size - rest; at < end; at += 3, i += 4) {
    const four = from.getInt32(i, true);
    const high = BITS[four & 0xffff];
    const low = BITS[four >>> 16];
    wrong |= high | low;
    // One store for the three bytes and one that the next ones go over.
    into.setInt32(at, (high << 20) | (low << 8));
  }
  if (rest === 0) return wrong >= 0;
  const high = BITS[from.getUint16(i, true)];
  into.setUint8(at, high >> 4);
  const pad = from.getUint8(i + 3) === PAD;
  if (rest === 1) return (wrong | high) >= 0 && pad && from.getUint8(i + 2) === PAD;
  const third = DIGIT[from.getUint8(i + 2)];
  into.setUint8(at + 1, (high << 4) | (third >> 2));
  return (wrong | high) >= 0 && pad && third !== NONE;
}

/**
 * Decodes base64 that comes in pieces. It stops at a character that is no digit: its caller knows which are allowed
 * there.
 */
export class Base64Decoder {
  #bits = 0;
  #digits = 0;
  /** The place in `from` at which decoding stopped. */
  read = 0;

  /** Digits of the last group of four that came so far, 0 to 3. */
  get pending(): number {
    return this.#digits;
  }

  /**
   * Decodes until something is no digit, or either side is full. `into` may be `from` itself, at or before where is
   * read: decoding is shorter.
   *
   * @returns where the next byte of `into` goes; {@link read} is where the next byte of `from` is
   */
  decode(from: Uint8Array, start: number, end: number, into: Uint8Array, at: number, limit: number): number {
    let i = start;
    for (;;) {
      if (this.#digits === 0) {
        const last = Math.min(end - 4, i + (Math.floor((limit - at) / 3) - 1) * 4);
        for (; i <= last; i += 4) {
          const a = DIGIT[from[i]];
          const b = DIGIT[from[i + 1]];
          const c = DIGIT[from[i + 2]];
          const d = DIGIT[from[i + 3]];
          if (((a | b | c | d) & NO_DIGIT) !== 0) break;
          into[at] = (a << 2) | (b >> 4);
          into[at + 1] = ((b & 15) << 4) | (c >> 2);
          into[at + 2] = ((c & 3) << 6) | d;
          at += 3;
        }
      }
      if (i >= end || at >= limit) break;
      const digit = DIGIT[from[i]];
      if (digit === NONE) break;
      i++;
      this.#bits = ((this.#bits << 6) | digit) & 0xffff;
      if (this.#digits > 0) into[at++] = (this.#bits >> (6 - 2 * this.#digits)) & 0xff;
      this.#digits = (this.#digits + 1) & 3;
    }
    this.read = i;
    return at;
  }

  /** Makes ready for the next text. */
  reset(): void {
    this.#digits = 0;
    this.#bits = 0;
  }
}

/** True for `=`, which fills up the last group of four. */
export function isPad(byte: number): boolean {
  return byte === PAD;
}

/** A view of the memory that was asked for last: many records in a row lie in the same memory. */
export class RecentView {
  #bytes: Uint8Array = new Uint8Array(0);
  #view = viewOf(this.#bytes);

  of(bytes: Uint8Array): DataView {
    if (bytes !== this.#bytes) this.#view = viewOf((this.#bytes = bytes));
    return this.#view;
  }
}
