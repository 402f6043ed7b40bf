import { RecentView } from './recentview.js';

/** Bytes on their way out. */
export class OutputBuffer {
  bytes = new Uint8Array(1 << 20);
  /** The same memory. */
  view = new DataView(this.bytes.buffer);
  used = 0;
  readonly #from = new RecentView();

  /** A view of what is written. */
  viewOf(bytes: Uint8Array): DataView {
    return this.#from.of(bytes);
  }

  /** Makes room for so many bytes. */
  reserve(count: number): void {
    if (this.used + count <= this.bytes.length) return;
    const bigger = new Uint8Array(Math.max((this.used + count) * 2, this.bytes.length * 2));
    bigger.set(this.bytes.subarray(0, this.used));
    this.bytes = bigger;
    this.view = new DataView(bigger.buffer);
  }

  text(text: string): void {
    // At most three bytes for each unit of a string.
    this.reserve(text.length * 3);
    this.used += new TextEncoder().encodeInto(text, this.bytes.subarray(this.used)).written;
  }

  /** A short text that is there as bytes. */
  short(bytes: Uint8Array): void {
    const count = bytes.length;
    this.reserve(count);
    const { used } = this;
    for (let i = 0; i < count; i++) this.bytes[used + i] = bytes[i];
    this.used += count;
  }

  copy(bytes: Uint8Array, from: number, to: number): void {
    this.reserve(to - from);
    this.bytes.set(bytes.subarray(from, to), this.used);
    this.used += to - from;
  }

  byte(byte: number): void {
    this.reserve(1);
    this.bytes[this.used++] = byte;
  }

  /** A whole number in decimal digits. */
  number(value: number): void {
    this.reserve(16);
    if (value < 1000) {
      // Most are: a quick way for them.
      const { bytes } = this;
      const hundreds = (value / 100) | 0;
      const tens = (value / 10) | 0;
      if (hundreds > 0) bytes[this.used++] = 0x30 + hundreds;
      if (tens > 0) bytes[this.used++] = 0x30 + tens - hundreds * 10;
      bytes[this.used++] = 0x30 + value - tens * 10;
      return;
    }
    let digits = 1;
    for (let power = 10; value >= power; power *= 10) digits++;
    for (let i = digits - 1, rest = value; i >= 0; i--) {
      this.bytes[this.used + i] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    this.used += digits;
  }
}

/**
 * Writes one form of dump. A key or value begins, comes in one piece or in several, all but the last of a size that
 * {@link DUMP_PIECE} is, and ends.
 */
export interface DumpWriter {
  head(out: OutputBuffer): void;
  begin(out: OutputBuffer, which: 'key' | 'value', size: number): void;
  /** @param whole whether it is the only piece */
  piece(out: OutputBuffer, bytes: Uint8Array, from: number, to: number, whole: boolean): void;
  end(out: OutputBuffer, which: 'key' | 'value'): void;
  /** A whole record, where that is quicker than its parts: key and value from `from` to `keyEnd` and to `end`. */
  record?(out: OutputBuffer, bytes: Uint8Array, from: number, keyEnd: number, end: number): void;
  /** @param count records that were written */
  tail(out: OutputBuffer, count: number): void;
}

/** Bytes of a piece of what is too large to be held: whole lines of base64, and whole groups of three. */
export const DUMP_PIECE = 57 * 4096;
