import { KEY_START } from '../../format/bucket.js';
import type { HashChar } from '../../format/hash.js';
import { DIGEST_FACTOR, hashFinish, hashKey, hashStart, keyDigest, KeyHasher } from '../../format/hash.js';
import type { Source } from '../../source/source.js';
import { readChunks, readInto } from '../../source/source.js';
import type { AccountSweep } from './account.js';
import type { RecordParts } from './parts.js';
import { keySizeOf, LARGE_KEY, PART, placeOf, ROW, SHARED } from './parts.js';
import { RecordStarts } from './starts.js';
import type { TwinFilter } from './twins.js';

/** Where records are so far apart, in bytes, each key is read by itself. */
const FAR = 16 * 1024;

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
  /** A part of the file, with the keys that begin in it. */
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(source: Source, parts: RecordParts, sweep: AccountSweep, twins: TwinFilter) {
    this.#source = source;
    this.#parts = parts;
    this.#sweep = sweep;
    this.#twins = twins;
    this.#bytes = new Uint8Array(Math.min(PART + LARGE_KEY, source.size));
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Whether every key of the elements whose records begin in some parts fits, and no two records share a byte. */
  async prove(from: number, to: number): Promise<boolean> {
    const take = (offset: number, length: number) => this.#sweep.takeRecord(offset, length);
    for (let part = from; part < to; part++) {
      const count = this.#parts.counts[part];
      if (count === 0) continue;
      await this.#read(part, count);
      const large: number[] = [];
      const fits = this.#parts.each(part, (start, end) => this.#areKeys(start, end, large));
      if (!fits || !this.#starts.walk(part * PART, take)) return false;
      for (const row of large) if (!(await this.#isLargeKey(part, row))) return false;
    }
    return true;
  }

  /** Reads the keys of a part to where they are in it. */
  async #read(part: number, count: number): Promise<void> {
    const base = part * PART;
    const { rows } = this.#parts;
    const wanted: { place: number; length: number }[] = [];
    let first = PART;
    let last = 0;
    this.#parts.each(part, (from, end) => {
      for (let row = from; row < end; row += ROW) {
        const place = placeOf(rows[row]);
        const length = keySizeOf(rows[row]);
        if (length === LARGE_KEY) continue;
        if (place < first) first = place;
        if (place + length > last) last = place + length;
        if (count * FAR < PART) wanted.push({ place, length });
      }
      return true;
    });
    if (last <= first) return;
    if (count * FAR >= PART) wanted.push({ place: first, length: last - first });
    for (const { place, length } of wanted)
      await readInto(this.#source, base + place, this.#bytes.subarray(place, place + length));
  }

  /** Looks at rows; those of large keys are told. */
  #areKeys(from: number, end: number, large: number[]): boolean {
    const { rows } = this.#parts;
    const bytes = this.#bytes;
    const view = this.#view;
    const twins = this.#twins;
    const starts = this.#starts;
    // A variable of this function is a register; one of the module is looked up each time.
    const factor = DIGEST_FACTOR;
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
      // One loop for all that is wanted of the bytes: as unsigned chars the hash, whether that is the signed one too, and
      // a second hash of another kind; four bytes at a time, as that takes half as long.
      const last = place + size;
      let all = 0;
      let digest = keyDigest(size);
      let sum = hashStart(size);
      let shift = 0;
      let i = place;
      for (; i + 4 <= last; i += 4) {
        const word = view.getInt32(i, true);
        all |= word;
        digest = Math.imul(digest ^ word, factor);
        digest ^= digest >>> 15;
        const second = shift >= 19 ? shift - 19 : shift + 5;
        const third = second >= 19 ? second - 19 : second + 5;
        const fourth = third >= 19 ? third - 19 : third + 5;
        sum = (sum + ((word & 0xff) << shift)) | 0;
        sum = (sum + (((word >>> 8) & 0xff) << second)) | 0;
        sum = (sum + (((word >>> 16) & 0xff) << third)) | 0;
        sum = (sum + ((word >>> 24) << fourth)) | 0;
        shift = fourth >= 19 ? fourth - 19 : fourth + 5;
      }
      for (; i < last; i++) {
        const byte = bytes[i];
        all |= byte;
        digest = Math.imul(digest ^ byte, factor);
        sum = (sum + (byte << shift)) | 0;
        shift = shift >= 19 ? shift - 19 : shift + 5;
      }
      const marked = rows[row + 1];
      const hash = marked & 0x7fffffff;
      if (marked < 0 && !twins.add(hash, digest)) return false;
      const unsigned = hashFinish(sum) === hash;
      if ((all & 0x80808080) === 0) {
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
    const hashers: [HashChar, KeyHasher][] = [
      ['signed', new KeyHasher(size, 'signed')],
      ['unsigned', new KeyHasher(size, 'unsigned')],
    ];
    const { buffer, byteOffset } = await this.#source.read(offset, KEY_START);
    if (!isStart(new DataView(buffer, byteOffset), 0, KEY_START, rows[row + 2])) return false;
    let digest = keyDigest(size);
    for await (const bytes of readChunks(this.#source, offset, size)) {
      for (const byte of bytes) digest = Math.imul(digest ^ byte, DIGEST_FACTOR);
      for (const [, hasher] of hashers) hasher.update(bytes);
    }
    if (rows[row + 1] < 0 && !this.#twins.add(hash, digest)) return false;
    const [signed, unsigned] = hashers.map(([, hasher]) => hasher.digest() === hash);
    return this.#count(signed, unsigned);
  }

  /** Counts a key by the flavours of hash that fit it; false where none does. */
  #count(signed: boolean, unsigned: boolean): boolean {
    if (!signed && !unsigned) return false;
    this.flavours[signed && unsigned ? 'either' : signed ? 'signed' : 'unsigned']++;
    return true;
  }
}

/** Whether a key begins as `key_start` says, the first byte in its lowest place. */
function isStart(view: DataView, place: number, size: number, start: number): boolean {
  if (size >= KEY_START) return view.getInt32(place, true) === start;
  for (let i = 0; i < size; i++) if (((start >>> (8 * i)) & 0xff) !== view.getUint8(place + i)) return false;
  return true;
}
