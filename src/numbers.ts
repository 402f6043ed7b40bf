/*
 * Numbers in bulk: a mixer for hash tables, binary search, and lists, sets and orders of millions of numbers without an object for
 * each of them.
 */

/** Differs in each process, so that no file can be made whose numbers all fall into one place of a hash table. */
export const SALT = (Math.random() * 2 ** 32) | 0;

/** Mixes a whole number from 0 on, so that numbers which differ anywhere, also above 32 bits, differ in the lowest bits. */
export function salted(number: number): number {
  let mixed = Math.imul(number ^ SALT ^ Math.imul(Math.floor(number / 2 ** 32), 0x85ebca6b), 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35);
  return mixed ^ (mixed >>> 13);
}

/**
 * Binary search: the first index from `low` to before `high` for which `isPast` holds, or `high`. It must hold for all indexes
 * behind the first one for which it holds.
 */
export function firstIndex(low: number, high: number, isPast: (index: number) => boolean): number {
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isPast(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The index of the first of the sorted numbers that is larger. */
export function firstAfter(sorted: ArrayLike<number>, value: number): number {
  // Not by `firstIndex`, because it is called for each record.
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A list of whole numbers from 0 to before `limit`, all 0, in as little memory as they need. */
export function numbersBelow(limit: number, length: number): Uint32Array | Float64Array {
  return limit <= 2 ** 32 ? new Uint32Array(length) : new Float64Array(length);
}

/** A set of numbers from 0 to before `length`: a bit for each. */
export class Bits {
  readonly #words: Int32Array;

  constructor(length: number) {
    this.#words = new Int32Array(Math.ceil(length / 32));
  }

  add(number: number): void {
    this.#words[number >>> 5] |= 1 << (number & 31);
  }

  has(number: number): boolean {
    return ((this.#words[number >>> 5] >>> (number & 31)) & 1) !== 0;
  }
}

/** A growing list of numbers of 32 bits. */
export class NumberList {
  #values = new Int32Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const grown = new Int32Array(2 * this.#length);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#length++] = value;
  }

  at(index: number): number {
    return this.#values[index];
  }

  /** The list so far, not a copy. */
  values(): Int32Array {
    return this.#values.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }
}

/** A growing list of file offsets. */
export class OffsetList {
  #values = new Float64Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(offset: number): void {
    if (this.#length === this.#values.length) {
      const grown = new Float64Array(2 * this.#length);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#length++] = offset;
  }

  /** Takes the last one away. */
  pop(): void {
    if (this.#length > 0) this.#length--;
  }

  at(index: number): number {
    return this.#values[index];
  }

  /** The list so far, not a copy. */
  values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }
}

/** Slots of an empty {@link NumberSet}; a power of two. */
const FIRST_SLOTS = 1 << 8;

/** A set of whole numbers from 0 on, in 16 to 32 bytes for each. */
export class NumberSet {
  /** Each number plus 1; 0 in an empty slot. */
  #slots = new Float64Array(FIRST_SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(number: number): boolean {
    return this.#slots[this.#find(number)] !== 0;
  }

  /** @returns whether it was not there before */
  add(number: number): boolean {
    if (2 * this.#size >= this.#slots.length) this.#grow();
    const at = this.#find(number);
    if (this.#slots[at] !== 0) return false;
    this.#slots[at] = number + 1;
    this.#size++;
    return true;
  }

  /** The slot that has a number, or the empty one where it goes. */
  #find(number: number): number {
    const mask = this.#slots.length - 1;
    let at = salted(number) & mask;
    while (this.#slots[at] !== 0 && this.#slots[at] !== number + 1) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const slots = this.#slots;
    this.#slots = new Float64Array(2 * slots.length);
    for (const slot of slots) if (slot !== 0) this.#slots[this.#find(slot - 1)] = slot;
  }
}

/** Rows that an empty {@link Rows} has room for. */
const FIRST_ROWS = 64;

/**
 * A growing list of rows of numbers that lie beside each other: for what is read row by row in any order, where a list
 * for each column would touch another part of memory for each.
 */
export class Rows {
  length = 0;
  /** Numbers of 64 bits: those of a row begin at its number times half of the words. */
  wide: Float64Array;
  /** Numbers of 32 bits, in the same memory: those of a row begin at its number times the words. */
  words: Int32Array;
  readonly #words: number;

  /** @param words numbers of 32 bits in a row; even */
  constructor(words: number) {
    this.#words = words;
    this.wide = new Float64Array((words / 2) * FIRST_ROWS);
    this.words = new Int32Array(this.wide.buffer);
  }

  /** Adds a row of zeroes. @returns its number */
  add(): number {
    const row = this.length++;
    if (this.length * this.#words > this.words.length) {
      const grown = new Float64Array(2 * this.wide.length);
      grown.set(this.wide);
      this.wide = grown;
      this.words = new Int32Array(grown.buffer);
    }
    return row;
  }
}

/** Bits of the digit of one pass of the sort. */
const DIGIT = 11;

/** Puts offsets in order again and again, in memory that is used again: 8 bytes for each. */
export class OffsetSorter {
  #one = new Uint32Array(0);
  #other = new Uint32Array(0);

  /**
   * The indexes of the first `length` offsets in their order, all of them from `base` to before `end`; valid until the next
   * call.
   */
  orderOf(offsets: Float64Array, length: number, base: number, end: number): Uint32Array {
    if (this.#one.length < length) {
      // The next ones may be a few more.
      const room = length + (length >>> 4);
      this.#one = new Uint32Array(room);
      this.#other = new Uint32Array(room);
    }
    const [order, target] = [this.#one.subarray(0, length), this.#other.subarray(0, length)];
    for (let i = 0; i < length; i++) order[i] = i;
    return sortByDigits(offsets, base, end, order, target);
  }
}

/** A radix sort from the lowest digit: stable, and linear in the number of elements. */
function sortByDigits(
  offsets: Float64Array,
  base: number,
  end: number,
  order: Uint32Array,
  target: Uint32Array,
): Uint32Array {
  const { length } = order;
  const starts = new Uint32Array((1 << DIGIT) + 1);
  for (let unit = 1; unit < end - base; unit *= 1 << DIGIT) {
    starts.fill(0);
    for (let i = 0; i < length; i++) starts[digitOf(offsets[i] - base, unit) + 1]++;
    for (let d = 0; d < 1 << DIGIT; d++) starts[d + 1] += starts[d];
    for (let n = 0; n < length; n++) {
      const i = order[n];
      target[starts[digitOf(offsets[i] - base, unit)]++] = i;
    }
    [order, target] = [target, order];
  }
  return order;
}

function digitOf(value: number, unit: number): number {
  // Exact below 2^53; the conversion takes what is below 2^32 of the quotient.
  return Math.floor(value / unit) & ((1 << DIGIT) - 1);
}

/** Numbers beside each other in memory. */
interface Piece<P> {
  readonly length: number;
  set(from: P): void;
}

/**
 * Makes room for more numbers behind full pieces of memory: the first piece is copied to one of twice its size until it has as
 * many as a piece has at most, and from then on there is one more piece, and none is copied.
 *
 * @param most numbers of a piece, as many as the first has times a power of two
 */
export function addRoom<P extends Piece<P>>(pieces: P[], most: number, make: (length: number) => P): void {
  const last = pieces[pieces.length - 1];
  if (last.length === most) pieces.push(make(most));
  else {
    const grown = make(2 * last.length);
    grown.set(last);
    pieces[pieces.length - 1] = grown;
  }
}

/**
 * Bits of an offset within its part of the file, at least; two bytes would hold 16, but with those it takes two thirds more
 * time to find one. Parts are 2^21 at most.
 */
const LEAST_BITS = 13;
const MOST_PARTS_BITS = 21;
/** Bits of an offset within its part where 16 are not enough. */
const LARGE_BITS = 32;
/** Offsets of a piece of memory, as a power of two; only the first one is ever copied to make room. */
const PIECE_BITS = 19;
const PIECE = 1 << PIECE_BITS;

/**
 * A growing list of file offsets in order: 2 bytes for each, and 4 for each 8 KiB of the file, or larger parts so that it is
 * 8 MiB at most; in a file of more than 128 GiB 4 bytes for each. To come to one by its number is fastest near the one that
 * was asked for at last.
 */
export class OrderedOffsets {
  length = 0;
  /** Bytes of a part of the file. */
  readonly #partBytes: number;
  /** The bits of an offset that give its place in its part; all 32 in a large file. */
  readonly #mask: number;
  readonly #isLarge: boolean;
  /** The place of each offset in its part. */
  readonly #pieces: (Uint16Array | Uint32Array)[];
  /** The index of the first offset in each part or, if it has none, of the next one. */
  #firsts = new Int32Array(256);
  #parts = 0;
  /** The part that was asked for at last. */
  #last = 0;

  /** @param size of the file in bytes, which no offset is behind */
  constructor(size: number) {
    const bits = Math.max(LEAST_BITS, Math.ceil(Math.log2(size + 1)) - MOST_PARTS_BITS);
    this.#isLarge = bits > 16;
    this.#partBytes = 2 ** (this.#isLarge ? LARGE_BITS : bits);
    this.#mask = (this.#partBytes - 1) | 0;
    this.#pieces = [this.#piece(256)];
  }

  /** Adds one, which must not be before the last one. */
  push(offset: number): void {
    const part = (offset / this.#partBytes) | 0;
    if (part >= this.#parts) this.#beginParts(part);
    const index = this.length++;
    const last = this.#pieces.length - 1;
    if (index === last * PIECE + this.#pieces[last].length) {
      addRoom(this.#pieces, PIECE, (length) => this.#piece(length));
    }
    this.#pieces[index >>> PIECE_BITS][index & (PIECE - 1)] = offset & this.#mask;
  }

  at(index: number): number {
    const firsts = this.#firsts;
    let part = this.#last;
    if (!(firsts[part] <= index && index < this.#endOf(part))) {
      this.#last = part =
        index >= this.#endOf(part) ? this.#partFrom(part + 1, index) : this.#partFrom(0, index);
    }
    return part * this.#partBytes + this.#pieces[index >>> PIECE_BITS][index & (PIECE - 1)];
  }

  /** The number of the first one that is larger than an offset; the length where none is. */
  firstAfter(offset: number): number {
    if (offset < 0) return 0;
    if (offset / this.#partBytes >= this.#parts) return this.length;
    const part = (offset / this.#partBytes) | 0;
    this.#last = part;
    // Asked for every record: whole numbers of 32 bits alone, also in a file that is larger.
    const place = (offset & this.#mask) >>> 0;
    const pieces = this.#pieces;
    let low = this.#firsts[part];
    let high = this.#endOf(part);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (pieces[middle >>> PIECE_BITS][middle & (PIECE - 1)] > place) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #piece(length: number): Uint16Array | Uint32Array {
    return this.#isLarge ? new Uint32Array(length) : new Uint16Array(length);
  }

  /** The number behind the last offset of a part. */
  #endOf(part: number): number {
    return part + 1 < this.#parts ? this.#firsts[part + 1] : this.length;
  }

  /** The part that has an offset by its number, which is in `part` or a later one. */
  #partFrom(part: number, index: number): number {
    // Mostly it is near.
    let low = part;
    let high = part;
    for (let step = 1; index >= this.#endOf(high) && high < this.#parts - 1; step *= 2) {
      low = high + 1;
      high = Math.min(high + step, this.#parts - 1);
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (index < this.#endOf(middle)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #beginParts(part: number): void {
    if (part >= this.#firsts.length) {
      const grown = new Int32Array(Math.max(part + 1, 2 * this.#firsts.length));
      grown.set(this.#firsts);
      this.#firsts = grown;
    }
    this.#firsts.fill(this.length, this.#parts, part + 1);
    this.#parts = part + 1;
  }
}
