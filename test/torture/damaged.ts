import type { Random } from '../tools/random.js';
import type { Range } from './intact.js';
import { slice } from './intact.js';
import type { Remains } from './survivors.js';

/** No byte of the sound file is here. */
const NOWHERE = -1;

/** A file as damage leaves it, which remembers where the sound file's bytes have gone. */
export class Damaged {
  bytes: Uint8Array;
  /** For each offset of the sound file where its byte went; undefined while every byte is at its place. */
  #went: Int32Array | undefined;
  /** The bytes before they were encoded; undefined if they were not. */
  #decoded: Uint8Array | undefined;
  readonly #length: number;

  constructor(sound: Uint8Array) {
    this.bytes = Uint8Array.from(sound);
    this.#length = sound.length;
  }

  /** The present offset of the sound file's byte at `offset`, which may have been changed; −1 if it is gone. */
  whereIs(offset: number): number {
    const at = this.#went === undefined ? offset : this.#went[offset];
    return at < (this.#decoded ?? this.bytes).length ? at : NOWHERE;
  }

  /** The file before it was encoded: by it is judged which records are still there. */
  get remains(): Remains {
    return { bytes: this.#decoded ?? this.bytes, whereIs: (offset) => this.whereIs(offset) };
  }

  /** Encodes all bytes in a way that can be undone. It comes last: places are those of the bytes before. */
  encode(encode: (bytes: Uint8Array) => Uint8Array): void {
    this.#decoded ??= this.bytes;
    this.bytes = encode(this.bytes);
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
    this.rearrange([{ at: 0, length: this.bytes.length }, bytes]);
  }

  truncate(length: number): void {
    this.rearrange([{ at: 0, length }]);
  }

  /** Takes away the file's first bytes, so that all others move. */
  dropFirst(length: number): void {
    this.drop(0, length);
  }

  /** Takes away a range, so that all bytes behind it move. */
  drop(at: number, length: number): void {
    this.rearrange([{ at: 0, length: at }, this.#behind(at + length)]);
  }

  /** Puts bytes in, so that all bytes behind them move. */
  insert(at: number, bytes: Uint8Array): void {
    this.rearrange([{ at: 0, length: at }, bytes, this.#behind(at)]);
  }

  /** Exchanges two ranges of the same length that do not overlap. */
  swap(a: number, b: number, length: number): void {
    const [first, second] = [Math.min(a, b), Math.max(a, b)];
    if (a === b || second + length > this.bytes.length) return;
    const between = { at: first + length, length: second - first - length };
    this.rearrange([
      { at: 0, length: first },
      { at: second, length },
      between,
      { at: first, length },
      this.#behind(second + length),
    ]);
  }

  /** Makes the file of these pieces, one after the other: ranges of it, each byte of it once at most, and new bytes. */
  rearrange(pieces: readonly (Range | Uint8Array)[]): void {
    const parts = pieces.map((piece) => (piece instanceof Uint8Array ? piece : slice(this.bytes, piece)));
    const to = new Int32Array(this.bytes.length).fill(NOWHERE);
    let end = 0;
    for (const [n, piece] of pieces.entries()) {
      if (!(piece instanceof Uint8Array)) {
        for (let i = 0; i < parts[n].length; i++) to[piece.at + i] = end + i;
      }
      end += parts[n].length;
    }
    const went = this.#went ?? Int32Array.from({ length: this.#length }, (_, at) => at);
    this.#went = went.map((at) => (at >= 0 && at < to.length ? to[at] : NOWHERE));
    this.bytes = Uint8Array.from(Buffer.concat(parts));
  }

  #behind(at: number): Range {
    return { at, length: Math.max(0, this.bytes.length - at) };
  }
}
