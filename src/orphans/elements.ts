import { elementStruct } from '../format/bucket.js';
import { FREE_HASH, hashKey } from '../format/hash.js';
import { headerStruct } from '../format/header.js';
import type { ByteOrder, Layout } from '../format/format.js';
import { member } from '../format/struct.js';
import type { CandidateList } from './candidatelist.js';
import { endOfZeros, nextThreeZeros, nextTwoZeros, zeroBytes } from './zeros.js';

/** Keys so long are only believed of elements whose pointer has 64 bits, most of which must be zero. */
const LONG_KEY_32 = 64 * 1024;
/**
 * Places with a hash that tells little, which are believed without an element beside them. Of honest elements one in
 * 10,000 has such a hash, so that only files full of numbers and zeroes have so many.
 */
const UNTELLING = 1 << 22;
/** The hash of the key of no bytes, whichever the flavour. */
const EMPTY_HASH = hashKey(new Uint8Array(0), 'signed');

/**
 * Tells at which bytes an element may stand whose record lies inside the file. What passes is not proved: its key
 * must still give its hash.
 */
export class ElementFilter {
  /** Bytes of an element. */
  readonly size: number;
  readonly #fileSize: number;
  readonly #lowest: number;
  readonly #little: boolean;
  readonly #wide: boolean;
  /** The half of the pointer that counts 4 GiB, and the other one. */
  readonly #high: number;
  readonly #low: number;
  readonly #keyStart: number;
  readonly #keySize: number;
  readonly #dataSize: number;
  /** Where bytes of every element are zero: three in a row if its pointer has 64 bits, else two. */
  readonly #zeros: number;

  /** How many more places with a hash that tells little are believed. */
  #untelling: number;

  /**
   * @param fileSize bytes of the file that the elements point into
   * @param untelling how many places are believed whose hash has two bytes of zero or more and that have no element
   *   beside them: small numbers among zeroes look like such elements
   * @param leastKey bytes of a key, at least
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
    // The first bytes of the pointer's high half or, where it has none, those of the key's size.
    const number = this.#wide ? this.#high : this.#keySize;
    this.#zeros = this.#little ? number + (this.#wide ? 1 : 2) : number;
  }

  /**
   * Finds the places in a window of a file.
   *
   * @param view the window, which has an element's size of bytes from each place that is looked at
   * @param from the first place, in bytes from the window's start
   * @param to the place after the last
   * @param base file offset of the window
   * @param found gets what stands there
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
      // Text and most other data fail here, with one look at each third byte.
      at = next(bytes, at + zeros, to + zeros) - zeros;
      if (at >= to) return;
      const high = wide ? view.getUint32(at + highAt, little) : 0;
      if (high > maxHigh) continue;
      const pointer = high * 2 ** 32 + view.getUint32(at + this.#low, little);
      if (pointer === 0) {
        // Wherever the pointer lies among the same zero bytes, it is zero too.
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

  /** Whether a free element stands at a place, or one with a hash that tells and a record inside the file. */
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

/** Whether at most one of a hash's four bytes is zero, as of nearly every hash. */
function isTelling(hash: number): boolean {
  return zeroBytes(hash) < 2;
}
