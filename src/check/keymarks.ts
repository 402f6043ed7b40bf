import { KEY_START } from '../format/bucket.js';
import { KeyHasher } from '../format/hash.js';
import { numbersBelow } from '../numbers.js';
import type { Source } from '../source/source.js';
import { passChunks } from '../source/source.js';
import { ElementColumns } from './columns.js';
import { eachKey } from './keywindows.js';
import { SIGNED, START, UNSIGNED } from './marks.js';
import type { BucketWords } from '../format/bucketwords.js';
import { isStart } from './prove.js';
import {
  PartKeys,
  keySizeOf,
  LARGE_KEY,
  MAX_PARTS,
  PART,
  placeOf,
  RecordParts,
  ROW,
  SHARED,
  RecordStarts,
} from './parts.js';
import { RecordRuns } from './space.js';

/**
 * Is told of the key of an element.
 *
 * @param at the element's number
 * @param flags {@link SIGNED}, {@link UNSIGNED} and {@link START} as far as they are so
 * @param hash the element's, below 0 where another element of its bucket may have it
 * @param digest a second hash of the key
 * @returns whether the element proves a record
 */
export type TakeKey = (at: number, flags: number, hash: number, digest: number) => boolean;

/** Elements whose keys are to be held against them. */
export interface WaitingKeys {
  /** How many wait. */
  readonly length: number;
  /** Takes an element; false where there is no room. */
  add(words: BucketWords, i: number, shared: boolean, at: number): boolean;
  /** Reads the keys of all that wait, of which none is before those of the last time where `inOrder`; then none waits. */
  read(take: TakeKey, inOrder: boolean): Promise<void>;
  /** Forgets those that wait. */
  clear(): void;
  /** Where the records are that were proved; undefined where two share a byte, or that was not found out. */
  readonly runs: RecordRuns | undefined;
}

/**
 * @param capacity elements that wait at most
 * @param ordinals what is more than the number of any element
 * @param spread bytes of the parts of the file that all that wait at a time begin in, where that is known
 */
export function waitingKeys(
  source: Source,
  capacity: number,
  ordinals: number,
  spread = source.size,
): WaitingKeys {
  return source.size / PART < MAX_PARTS
    ? new PartedKeys(source, capacity, ordinals, spread)
    : new OrderedKeys(source, capacity);
}

/** By the parts of the file that they are in: 20 bytes for each. */
class PartedKeys implements WaitingKeys {
  length = 0;
  runs: RecordRuns | undefined;
  readonly #source: Source;
  readonly #capacity: number;
  readonly #parts: RecordParts;
  readonly #ordinals: Uint32Array | Float64Array;
  readonly #keys: PartKeys;
  readonly #look = new KeyHasher();
  readonly #starts = new RecordStarts();

  constructor(source: Source, capacity: number, ordinals: number, spread: number) {
    this.#source = source;
    this.#capacity = capacity;
    this.runs = new RecordRuns(source.size);
    this.#parts = new RecordParts(source.size, capacity, spread);
    this.#ordinals = numbersBelow(ordinals, this.#parts.room / ROW);
    this.#keys = new PartKeys(source, this.#parts);
  }

  add(
    { pointers, hashes, keySizes, dataSizes, starts }: BucketWords,
    i: number,
    shared: boolean,
    at: number,
  ): boolean {
    if (this.length === this.#capacity) return false;
    const hash = shared ? hashes[i] | SHARED : hashes[i];
    const row = this.#parts.push(pointers[i], hash, keySizes[i], dataSizes[i], starts[i]);
    if (row < 0) return false;
    this.#ordinals[row / ROW] = at;
    this.length++;
    return true;
  }

  async read(take: TakeKey, inOrder: boolean): Promise<void> {
    if (!inOrder) this.runs = undefined;
    const add = (offset: number, length: number) => this.runs?.add(offset, offset + length) === true;
    for (let part = 0; part < this.#parts.length; part++) {
      if (!this.#parts.has(part)) continue;
      await this.#keys.read(part);
      const large: number[] = [];
      this.#parts.each(part, (from, end) => {
        this.#takeRows(from, end, take, large);
        return true;
      });
      for (const row of large) await this.#takeLarge(part, row, take);
      if (this.runs !== undefined && !this.#starts.walk(part * PART, add)) this.runs = undefined;
    }
    this.clear();
  }

  clear(): void {
    this.#parts.clear();
    this.length = 0;
  }

  /** Looks at rows; those of large keys are told. */
  #takeRows(from: number, end: number, take: TakeKey, large: number[]): void {
    const { rows } = this.#parts;
    const { view } = this.#keys;
    const look = this.#look;
    for (let row = from; row < end; row += ROW) {
      const place = placeOf(rows[row]);
      const size = keySizeOf(rows[row]);
      if (size === LARGE_KEY) {
        large.push(row);
        continue;
      }
      look.take(view, place, size);
      const hash = rows[row + 1] & ~SHARED;
      let flags = isStart(view, place, size, rows[row + 2]) ? 0 : START;
      if (look.unsigned === hash) flags |= look.portable ? SIGNED | UNSIGNED : UNSIGNED;
      if (!look.portable && look.signed === hash) flags |= SIGNED;
      this.#take(row, flags, look.digest, place, size + rows[row + 3], take);
    }
  }

  async #takeLarge(part: number, row: number, take: TakeKey): Promise<void> {
    const { rows } = this.#parts;
    const place = placeOf(rows[row]);
    const size = this.#parts.largeKeySize(row);
    const hash = rows[row + 1] & ~SHARED;
    const { flags, digest } = await lookAtLarge(this.#source, part * PART + place, size, hash, rows[row + 2]);
    this.#take(row, flags, digest, place, size + rows[row + 3], take);
  }

  #take(row: number, flags: number, digest: number, place: number, length: number, take: TakeKey): void {
    const isRecord = take(this.#ordinals[row / ROW], flags, this.#parts.rows[row + 1], digest);
    if (!isRecord || length === 0 || this.runs === undefined) return;
    if (!this.#starts.add(place, length)) this.runs = undefined;
  }
}

/** In order of their places, for files that have too many parts: 40 bytes for each. */
class OrderedKeys implements WaitingKeys {
  readonly runs = undefined;
  readonly #source: Source;
  readonly #columns: ElementColumns;
  readonly #ordinals: Float64Array;

  constructor(source: Source, capacity: number) {
    this.#source = source;
    this.#columns = new ElementColumns(capacity);
    this.#ordinals = new Float64Array(capacity);
  }

  get length(): number {
    return this.#columns.length;
  }

  add(words: BucketWords, i: number, _shared: boolean, at: number): boolean {
    this.#ordinals[this.#columns.length] = at;
    return this.#columns.push(words, i, words.pointers[i]);
  }

  async read(take: TakeKey): Promise<void> {
    const columns = this.#columns;
    const { offsets, hashes, keySizes, starts } = columns;
    const order = columns.orderByOffset(0, this.#source.size + 1);
    const look = new KeyHasher();
    const visit = (n: number, bytes: Uint8Array, at: number): boolean => {
      const size = keySizes[n];
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      look.take(view, at, size);
      let flags = isStart(view, at, size, starts[n]) ? 0 : START;
      if (look.signed === hashes[n]) flags |= SIGNED;
      if (look.unsigned === hashes[n]) flags |= UNSIGNED;
      take(this.#ordinals[n], flags, hashes[n] | SHARED, look.digest);
      return true;
    };
    await eachKey(this.#source, columns, order, visit, async (n) => {
      const { flags, digest } = await lookAtLarge(
        this.#source,
        offsets[n],
        keySizes[n],
        hashes[n],
        starts[n],
      );
      take(this.#ordinals[n], flags, hashes[n] | SHARED, digest);
      return true;
    });
    this.clear();
  }

  clear(): void {
    this.#columns.length = 0;
  }
}

async function lookAtLarge(
  source: Source,
  offset: number,
  size: number,
  hash: number,
  start: number,
): Promise<{ flags: number; digest: number }> {
  const hasher = new KeyHasher(size);
  for await (const bytes of passChunks(source, offset, size)) hasher.update(bytes);
  const { buffer, byteOffset } = await source.read(offset, KEY_START);
  let flags = isStart(new DataView(buffer, byteOffset), 0, KEY_START, start) ? 0 : START;
  if (hasher.signed === hash) flags |= SIGNED;
  if (hasher.unsigned === hash) flags |= UNSIGNED;
  return { flags, digest: hasher.digest };
}
