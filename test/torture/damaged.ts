import type { Random } from '../tools/random.js';

/** No byte of the sound file is here. */
const NOWHERE = -1;

/** A file as damage leaves it, which remembers where the sound file's bytes have gone. */
export class Damaged {
  bytes: Uint8Array;
  /** For each offset of the sound file where its byte went; undefined while every byte is at its place. */
  #went: Int32Array | undefined;
  readonly #length: number;

  constructor(sound: Uint8Array) {
    this.bytes = Uint8Array.from(sound);
    this.#length = sound.length;
  }

  /** The present offset of the sound file's byte at `offset`, which may have been changed; −1 if it is gone. */
  whereIs(offset: number): number {
    const at = this.#went === undefined ? offset : this.#went[offset];
    return at < this.bytes.length ? at : NOWHERE;
  }

  /** Fills a range as far as it is there. */
  fill(at: number, length: number, byte: number): void {
    this.bytes.fill(byte, at, at + length);
  }

  /** Overwrites a range, as far as it is there, with random bytes. */
  scramble(at: number, length: number, random: Random): void {
    this.write(at, random.bytes(Math.max(0, Math.min(length, this.bytes.length - at))));
  }

  /** Overwrites with these bytes, as far as the file goes. */
  write(at: number, bytes: Uint8Array): void {
    if (at < 0 || at >= this.bytes.length) return;
    this.bytes.set(bytes.subarray(0, this.bytes.length - at), at);
  }

  /** Loses a range in one of the ways that storage loses things. */
  lose(at: number, length: number, random: Random): void {
    const way = random.below(3);
    if (way === 0) this.scramble(at, length, random);
    else this.fill(at, length, way === 1 ? 0 : 0xff);
  }

  append(bytes: Uint8Array): void {
    const longer = new Uint8Array(this.bytes.length + bytes.length);
    longer.set(this.bytes);
    longer.set(bytes, this.bytes.length);
    this.#pinDown();
    this.bytes = longer;
  }

  truncate(length: number): void {
    this.#pinDown();
    this.bytes = this.bytes.slice(0, length);
    this.#move((at) => (at < length ? at : NOWHERE));
  }

  /** Takes away the file's first bytes, so that all others move. */
  dropFirst(length: number): void {
    this.drop(0, length);
  }

  /** Takes away a range, so that all bytes behind it move. */
  drop(at: number, length: number): void {
    this.#pinDown();
    this.bytes = Uint8Array.from(
      Buffer.concat([this.bytes.subarray(0, at), this.bytes.subarray(at + length)]),
    );
    this.#move((one) => (one < at ? one : one < at + length ? NOWHERE : one - length));
  }

  /** Puts bytes in, so that all bytes behind them move. */
  insert(at: number, bytes: Uint8Array): void {
    this.#pinDown();
    this.bytes = Uint8Array.from(Buffer.concat([this.bytes.subarray(0, at), bytes, this.bytes.subarray(at)]));
    this.#move((one) => (one < at ? one : one + bytes.length));
  }

  /** Exchanges two ranges of the same length that do not touch. */
  swap(a: number, b: number, length: number): void {
    if (a === b || Math.max(a, b) + length > this.bytes.length) return;
    this.#pinDown();
    const first = this.bytes.slice(a, a + length);
    this.bytes.copyWithin(a, b, b + length);
    this.bytes.set(first, b);
    this.#move((at) => {
      if (at >= a && at < a + length) return at - a + b;
      return at >= b && at < b + length ? at - b + a : at;
    });
  }

  /** From here on bytes are followed one by one. */
  #pinDown(): void {
    this.#went ??= Int32Array.from({ length: this.#length }, (_, at) => this.whereIs(at));
  }

  #move(to: (at: number) => number): void {
    const went = this.#went!;
    for (let i = 0; i < went.length; i++) if (went[i] >= 0) went[i] = Math.max(NOWHERE, to(went[i]));
  }
}
