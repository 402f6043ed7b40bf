import { KEY_START } from '../../format/bucket.js';
import { hashKey, keyDigest, digestOn } from '../../format/hash.js';
import { KeyHasher } from '../../format/keyhasher.js';
import type { Source } from '../../source/source.js';
import { passChunks } from '../../source/source.js';
import type { AccountSweep } from './account.js';
import { KeyLook } from '../../format/keylook.js';
import { PartKeys } from './partkeys.js';
import type { RecordParts } from './parts.js';
import { keySizeOf, LARGE_KEY, PART, placeOf, ROW, SHARED } from './parts.js';
import { RecordStarts } from './starts.js';
import type { TwinFilter } from './twins.js';

/** By which flavours keys gave the hashes of their elements. */
export interface Flavours {
  either: number;
  signed: number;
  unsigned: number;
}

/**
 * Holds keys against their elements, a part of the file after the other, and tells a sweep of the records in their order.
 * Memory: a part with its keys, and five bytes for each byte of a part.
 */
export class KeyProver {
  readonly flavours: Flavours = { either: 0, signed: 0, unsigned: 0 };
  readonly #source: Source;
  readonly #parts: RecordParts;
  readonly #sweep: AccountSweep;
  readonly #twins: TwinFilter;
  readonly #starts = new RecordStarts();
  readonly #keys: PartKeys;
  readonly #look = new KeyLook();

  constructor(source: Source, parts: RecordParts, sweep: AccountSweep, twins: TwinFilter) {
    this.#source = source;
    this.#parts = parts;
    this.#sweep = sweep;
    this.#twins = twins;
    this.#keys = new PartKeys(source, parts);
  }

  /** Whether every key of the elements whose records begin in some parts fits, and no two records share a byte. */
  async prove(from: number, to: number): Promise<boolean> {
    const take = (offset: number, length: number) => this.#sweep.takeRecord(offset, length);
    for (let part = from; part < to; part++) {
      if (!this.#parts.has(part)) continue;
      await this.#keys.read(part);
      const large: number[] = [];
      const fits = this.#parts.each(part, (start, end) => this.#areKeys(start, end, large));
      if (!fits || !this.#starts.walk(part * PART, take)) return false;
      for (const row of large) if (!(await this.#isLargeKey(part, row))) return false;
    }
    return true;
  }

  /** Looks at rows; those of large keys are told. */
  #areKeys(from: number, end: number, large: number[]): boolean {
    const { rows } = this.#parts;
    const { bytes, view } = this.#keys;
    const twins = this.#twins;
    const starts = this.#starts;
    const look = this.#look;
    const [step, largeSize] = [ROW, LARGE_KEY];
    let either = 0;
    for (let row = from; row < end; row += step) {
      const place = placeOf(rows[row]);
      const size = keySizeOf(rows[row]);
      const length = size + rows[row + 3];
      if (size === largeSize) {
        if (!starts.add(place, this.#parts.largeKeySize(row) + rows[row + 3])) return false;
        large.push(row);
        continue;
      }
      if (length > 0 && !starts.add(place, length)) return false;
      if (!isStart(view, place, size, rows[row + 2])) return false;
      look.take(view, place, size);
      const marked = rows[row + 1];
      const hash = marked & 0x7fffffff;
      if (marked < 0 && !twins.add(hash, look.digest)) return false;
      const unsigned = look.unsigned === hash;
      if (look.portable) {
        if (!unsigned) return false;
        either++;
      } else if (!this.#count(hashKey(bytes.subarray(place, place + size), 'signed') === hash, unsigned))
        return false;
    }
    this.flavours.either += either;
    return true;
  }

  async #isLargeKey(part: number, row: number): Promise<boolean> {
    const { rows } = this.#parts;
    const offset = part * PART + placeOf(rows[row]);
    const size = this.#parts.largeKeySize(row);
    const hash = rows[row + 1] & ~SHARED;
    const hasher = new KeyHasher(size);
    const { buffer, byteOffset } = await this.#source.read(offset, KEY_START);
    if (!isStart(new DataView(buffer, byteOffset), 0, KEY_START, rows[row + 2])) return false;
    let digest = keyDigest(size);
    for await (const bytes of passChunks(this.#source, offset, size)) {
      digest = digestOn(digest, bytes, bytes.length);
      hasher.update(bytes);
    }
    if (rows[row + 1] < 0 && !this.#twins.add(hash, digest)) return false;
    return this.#count(hasher.signed === hash, hasher.unsigned === hash);
  }

  /** Counts a key by the flavours of hash that fit it; false where none does. */
  #count(signed: boolean, unsigned: boolean): boolean {
    if (!signed && !unsigned) return false;
    this.flavours[signed && unsigned ? 'either' : signed ? 'signed' : 'unsigned']++;
    return true;
  }
}

/** Whether a key begins as `key_start` says, the first byte in its lowest place. */
export function isStart(view: DataView, place: number, size: number, start: number): boolean {
  if (size >= KEY_START) return view.getInt32(place, true) === start;
  for (let i = 0; i < size; i++) if (((start >>> (8 * i)) & 0xff) !== view.getUint8(place + i)) return false;
  return true;
}
