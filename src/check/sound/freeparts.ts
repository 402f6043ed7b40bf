import { large } from '../../columns/large.js';
import { NumberList } from '../../columns/numberlist.js';
import { addRoom } from '../../columns/pieces.js';
import { PART } from './parts.js';

/** Longer ranges have no room in one number. */
export const LONGEST = 2 ** 16 - 1;
const SIZES = 2 ** 16;

/** Numbers that lie beside each other, as a power of two. */
const CHUNK_BITS = 5;
const CHUNK = 1 << CHUNK_BITS;
/** Numbers of a piece of memory, of which only the first is ever copied to make room. */
const PIECE_BITS = 18;
const PIECE = 1 << PIECE_BITS;

/**
 * Short ranges of free space by the part of the file that they begin in: 4 bytes for each, as a file that was much changed
 * has half as many of them as records. They are given in order of their offsets, and sorted a part at a time.
 */
export class FreeParts {
  /** Of each part where its next number goes; a multiple of a chunk's length where none has room. */
  readonly #next: Int32Array;
  readonly #pieces = [new Uint32Array(1024)];
  /** Of each chunk the one before it of the same part; −1 for none. */
  readonly #before = new NumberList();
  #part = -1;
  /** The ranges of the part that is given now: of each its place in the part and its length. */
  #sorted = new Uint32Array(0);
  #given = 0;

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.#next = new Int32Array(Math.floor(size / PART) + 1);
  }

  /** Memory that they take, in bytes. */
  get room(): number {
    return 4 * PIECE * (this.#pieces.length - 1) + 4 * this.#pieces[this.#pieces.length - 1].length;
  }

  /** Adds a range inside the file of 1 to {@link LONGEST} bytes. */
  add(offset: number, length: number): void {
    const part = Math.floor(offset / PART);
    let at = this.#next[part];
    if ((at & (CHUNK - 1)) === 0) {
      // Where the last one ends; of the first one of all nothing could end at 0.
      this.#before.push(at / CHUNK - 1);
      at = (this.#before.length - 1) * CHUNK;
      const last = this.#pieces.length - 1;
      if (at === last * PIECE + this.#pieces[last].length) {
        addRoom(this.#pieces, PIECE, (length) => large(Uint32Array, length));
      }
    }
    this.#pieces[at >>> PIECE_BITS][at & (PIECE - 1)] = (offset - part * PART) * SIZES + length;
    this.#next[part] = at + 1;
  }

  /** Begins to give them, when all are there. */
  begin(): void {
    this.#part = -1;
    this.#given = this.#sorted.length;
    this.advance();
  }

  /** File offset of the range that is given now; infinite when all were. */
  get offset(): number {
    if (this.#given === this.#sorted.length) return Number.POSITIVE_INFINITY;
    return this.#part * PART + Math.floor(this.#sorted[this.#given] / SIZES);
  }

  /** Bytes of it. */
  get length(): number {
    return this.#sorted[this.#given] % SIZES;
  }

  /** Goes on to the next one. */
  advance(): void {
    if (this.#given < this.#sorted.length && ++this.#given < this.#sorted.length) return;
    while (++this.#part < this.#next.length) {
      if (this.#next[this.#part] === 0) continue;
      this.#sorted = this.#numbersOf(this.#part).sort();
      this.#given = 0;
      return;
    }
    this.#sorted = new Uint32Array(0);
    this.#given = 0;
  }

  /** The parts in which ranges begin that may have bytes from an offset to before another one. */
  partsOver(from: number, to: number): readonly [first: number, end: number] {
    const first = Math.max(0, Math.floor((from - LONGEST) / PART));
    return [first, Math.min(this.#next.length, Math.floor((to - 1) / PART) + 1)];
  }

  /** Where the ranges of a part begin and end by turns, in order; those that touch or overlap as one. */
  joined(part: number): Float64Array {
    const numbers = this.#numbersOf(part).sort();
    const borders = new Float64Array(2 * numbers.length);
    let used = 0;
    for (const number of numbers) {
      const offset = part * PART + Math.floor(number / SIZES);
      const end = offset + (number % SIZES);
      if (used > 0 && offset <= borders[used - 1]) borders[used - 1] = Math.max(end, borders[used - 1]);
      else {
        borders[used++] = offset;
        borders[used++] = end;
      }
    }
    return borders.slice(0, used);
  }

  #numbersOf(part: number): Uint32Array<ArrayBuffer> {
    let count = 0;
    this.#eachChunk(part, (numbers) => (count += numbers.length));
    const all = new Uint32Array(count);
    this.#eachChunk(part, (numbers) => all.set(numbers, (count -= numbers.length)));
    return all;
  }

  #eachChunk(part: number, visit: (numbers: Uint32Array) => void): void {
    let end = this.#next[part];
    while (end > 0) {
      const chunk = (end - 1) >>> CHUNK_BITS;
      const from = chunk * CHUNK;
      const piece = this.#pieces[from >>> PIECE_BITS];
      visit(piece.subarray(from & (PIECE - 1), ((end - 1) & (PIECE - 1)) + 1));
      end = (this.#before.at(chunk) + 1) * CHUNK;
    }
  }
}
