import { elementStruct } from '../format/bucket.js';
import { FREE_HASH, hashKey } from '../format/hash.js';
import { headerStruct } from '../format/header.js';
import type { ByteOrder, Layout } from '../format/format.js';
import { member } from '../format/struct.js';
import type { CandidateList } from './candidatelist.js';
import { endOfZeros, nextThreeZeros, nextTwoZeros, zeroBytes } from './zeros.js';

/** Keys of this size are believed only of elements with 64-bit pointers, most of whose bytes must be zero. */
const LONG_KEY_32 = 64 * 1024;
/**
 * Number of places with an ambiguous hash that are believed without an element next to them. One in 10,000 honest
 * elements has such a hash, so only files full of numbers and zeroes have this many.
 */
const UNTELLING = 1 << 22;
/** Hash of the empty key, the same in both flavours. */
const EMPTY_HASH = hashKey(new Uint8Array(0), 'signed');

/**
 * Finds places at which an element may stand whose record lies inside the file. The result is not proved: the key
 * must still give the hash.
 */
export class ElementFilter {
  /** Bytes of an element. */
  readonly size: number;
  readonly #fileSize: number;
  readonly #lowest: number;
  readonly #little: boolean;
  readonly #wide: boolean;
  /** Offsets in an element of the pointer's high half (multiples of 4 GiB) and of its low half. */
  readonly #high: number;
  readonly #low: number;
  readonly #keyStart: number;
  readonly #keySize: number;
  readonly #dataSize: number;
  /** Offset of bytes that are zero in every element: three in a row if its pointer has 64 bits, else two. */
  readonly #zeros: number;

  /** Number of places with an ambiguous hash that may still be believed. */
  #untelling: number;

  /**
   * @param fileSize bytes of the file that the elements point into
   * @param untelling number of places to believe whose hash has two or more zero bytes and that have no element next
   *   to them: small numbers among zeroes look like such elements
   * @param leastKey minimum key size in bytes
   */
  constructor(
    layout: Layout,
    byteOrder: ByteOrder,
    fileSize: number,
    untelling = UNTELLING,
    readonly leastKey = 0,
  ) {
    this.#untelling = untelling;
    const struct = elementStruct(layout);
    const pointer = member(struct, 'data_pointer').offset;
    this.size = struct.size;
    this.#fileSize = fileSize;
    // No record lies inside the header.
    this.#lowest = headerStruct(layout).size;
    this.#little = byteOrder === 'little';
    this.#wide = layout.offsetBits === 64;
    this.#high = this.#wide && this.#little ? pointer + 4 : pointer;
    this.#low = this.#wide && !this.#little ? pointer + 4 : pointer;
    this.#keyStart = member(struct, 'key_start').offset;
    this.#keySize = member(struct, 'key_size').offset;
    this.#dataSize = member(struct, 'data_size').offset;
    // The first bytes of the pointer's high half or, in a 32-bit layout, of the key's size.
    const number = this.#wide ? this.#high : this.#keySize;
    this.#zeros = this.#little ? number + (this.#wide ? 1 : 2) : number;
  }

  /**
   * Finds the places in a window of a file.
   *
   * @param view the window, with the size of an element available from each place
   * @param from the first place, in bytes from the window's start
   * @param to the place after the last
   * @param base file offset of the window
   * @param found receives the elements
   */
  find(view: DataView, from: number, to: number, base: number, found: CandidateList): void {
    const little = this.#little;
    const wide = this.#wide;
    const highAt = this.#high;
    const maxHigh = Math.floor(this.#fileSize / 2 ** 32);
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const zeros = this.#zeros;
    // The first three bytes of a 64-bit pointer are zero in files up to a TiB; larger ones have not been seen.
    const next = wide ? nextThreeZeros : nextTwoZeros;
    const pointerEnd = Math.max(this.#low, highAt) + 4;
    for (let at = from; ; at++) {
      // Text and most other data fail here, after a look at every third byte.
      at = next(bytes, at + zeros, to + zeros) - zeros;
      if (at >= to) return;
      const high = wide ? view.getUint32(at + highAt, little) : 0;
      if (high > maxHigh) continue;
      const pointer = high * 2 ** 32 + view.getUint32(at + this.#low, little);
      if (pointer === 0) {
        // A pointer that lies anywhere within the same zero bytes is zero too.
        at = endOfZeros(bytes, at + pointerEnd) - pointerEnd;
        continue;
      }
      const hash = view.getInt32(at, little);
      if (hash < 0) continue;
      if (pointer < this.#lowest || pointer > this.#fileSize) continue;
      const keySize = view.getInt32(at + this.#keySize, little);
      const dataSize = view.getInt32(at + this.#dataSize, little);
      if (keySize < this.leastKey || dataSize < 0 || pointer + keySize + dataSize > this.#fileSize) continue;
      if (keySize === 0 && hash !== EMPTY_HASH) continue;
      if (!wide && keySize >= LONG_KEY_32) continue;
      if (!isTelling(hash)) {
        if (this.#untelling > 0) this.#untelling--;
        else if (!this.#isElement(view, at - this.size) && !this.#isElement(view, at + this.size)) continue;
      }
      found.push(base + at, hash, pointer, keySize, view.getUint32(at + this.#keyStart));
    }
  }

  /** Returns true for a free element, and for one with an unambiguous hash and a record inside the file. */
  #isElement(view: DataView, at: number): boolean {
    if (at < 0 || at + this.size > view.byteLength) return false;
    const little = this.#little;
    const hash = view.getInt32(at, little);
    if (hash === FREE_HASH) return true;
    if (hash < 0 || !isTelling(hash)) return false;
    const high = this.#wide ? view.getUint32(at + this.#high, little) : 0;
    const pointer = high * 2 ** 32 + view.getUint32(at + this.#low, little);
    const keySize = view.getInt32(at + this.#keySize, little);
    const dataSize = view.getInt32(at + this.#dataSize, little);
    return keySize >= 0 && dataSize >= 0 && pointer > 0 && pointer + keySize + dataSize <= this.#fileSize;
  }
}

/** Returns true if at most one of a hash's four bytes is zero, as in nearly every hash. */
function isTelling(hash: number): boolean {
  return zeroBytes(hash) < 2;
}
