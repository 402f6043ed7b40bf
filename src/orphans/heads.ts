import { BUCKET_AVAIL, bucketElementCount, bucketStruct, elementStruct } from '../format/bucket.js';
import type { Format, Layout } from '../format/format.js';
import { FREE_HASH, HASH_BITS } from '../format/hash.js';
import { member, readOffset } from '../format/struct.js';
import type { OffsetList } from '../numbers.js';
import { endOfZeros, nextThreeZeros } from './zeros.js';

/** Maximum number of elements read in rejected buckets, for each byte of the file, before the search gives up. */
const WASTE_PER_BYTE = 4;
/** Maximum factor by which a file that lost its beginning was larger. */
const LOST_AT_MOST = 64;

/**
 * Finds places at which a bucket stands, without its keys. The head is possible, it counts the elements that are in
 * use, and their hashes share as many bits as it says.
 */
export class BucketFilter {
  readonly bucketSize: number;
  readonly elements: number;
  readonly #little: boolean;
  readonly #bits: number;
  readonly #count: number;
  readonly #first: number;
  readonly #stride: number;
  readonly #layout: Layout;
  readonly #pointer: number;
  readonly #keySize: number;
  readonly #dataSize: number;
  readonly #farthest: number;
  #waste: number;
  /** End offset in the file of the last bucket without elements that was found. */
  #emptyEnd = 0;

  constructor(format: Format, bucketSize: number, fileSize: number) {
    const struct = bucketStruct(format.layout);
    this.bucketSize = bucketSize;
    this.elements = bucketElementCount(format.layout, bucketSize);
    this.#little = format.byteOrder === 'little';
    this.#bits = member(struct, 'bucket_bits').offset;
    this.#count = member(struct, 'count').offset;
    this.#first = member(struct, 'elements').offset;
    const element = elementStruct(format.layout);
    this.#stride = element.size;
    this.#layout = format.layout;
    this.#pointer = member(element, 'data_pointer').offset;
    this.#keySize = member(element, 'key_size').offset;
    this.#dataSize = member(element, 'data_size').offset;
    this.#farthest = LOST_AT_MOST * fileSize;
    this.#waste = WASTE_PER_BYTE * fileSize + (1 << 20);
  }

  /** True if files of this format can have buckets of this size. */
  get isPossible(): boolean {
    return this.elements >= 1;
  }

  /** True if the search stopped because the file causes excessive work. */
  get isExhausted(): boolean {
    return this.#waste <= 0;
  }

  /**
   * Finds the buckets in a window of a file. Buckets do not overlap: after one, the search continues at its end. A
   * bucket without elements may be chance, for example in free elements, erased flash or zero bytes. A bucket with
   * elements that overlaps it replaces it.
   *
   * @param view the window, with a bucket's size of bytes from each place
   * @param from the first place, in bytes from the window's start
   * @param to the place after the last
   * @param base file offset of the window
   * @param found receives file offsets
   * @param least minimum number of elements in use
   * @param empty receives the file offsets of buckets without elements
   * @returns the place at which to continue
   */
  find(
    view: DataView,
    from: number,
    to: number,
    base: number,
    found: OffsetList,
    least = 0,
    empty = found,
  ): number {
    const little = this.#little;
    const count = this.#count;
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    // The first three bytes of a number that is at most 6 are zero.
    const zeros = little ? 1 : 0;
    const first = this.#first;
    let at = from;
    while (at < to) {
      at = nextThreeZeros(bytes, at + zeros, to + zeros) - zeros;
      if (at >= to) break;
      if (view.getInt32(at + count, little) === 0 && view.getInt32(at + first, little) === 0) {
        // A count of zero and an element in use contradict each other at every place within the same zero bytes.
        at = endOfZeros(bytes, at + first + 4) - first - 3;
        continue;
      }
      const overlapsEmpty = base + at < this.#emptyEnd;
      const isBucket =
        this.#hasHead(view, at, overlapsEmpty ? Math.max(1, least) : least) &&
        this.#waste > 0 &&
        this.#holdsTogether(view, at, this.elements);
      if (isBucket) {
        const used = view.getUint32(at + count, little);
        if (overlapsEmpty) empty.pop();
        (used === 0 ? empty : found).push(base + at);
        this.#emptyEnd = used === 0 ? base + at + this.bucketSize : 0;
        at += used === 0 ? 1 : this.bucketSize;
      } else at++;
    }
    return at;
  }

  /** Returns true if a bucket with elements may begin with these bytes: the head, and some of the elements. */
  mayBegin(beginning: DataView): boolean {
    const elements = Math.floor((beginning.byteLength - this.#first) / this.#stride);
    return this.#hasHead(beginning, 0, 1) && this.#holdsTogether(beginning, 0, elements);
  }

  #hasHead(view: DataView, at: number, least: number): boolean {
    const used = view.getUint32(at + this.#count, this.#little);
    return (
      view.getUint32(at, this.#little) <= BUCKET_AVAIL &&
      view.getUint32(at + this.#bits, this.#little) <= HASH_BITS &&
      used <= this.elements &&
      used >= least
    );
  }

  /** Returns true if an element's record may lie in the file, or in a file of which this one has lost a part. */
  #mayPoint(view: DataView, place: number): boolean {
    const little = this.#little;
    const keySize = view.getInt32(place + this.#keySize, little);
    const dataSize = view.getInt32(place + this.#dataSize, little);
    const pointer = readOffset(view, place + this.#pointer, this.#layout, little);
    return (
      keySize >= 0 &&
      dataSize >= 0 &&
      keySize + dataSize <= this.#farthest &&
      pointer > 0 &&
      pointer <= this.#farthest
    );
  }

  /** Returns true if the first elements, or all of them, are those of a bucket with this head. */
  #holdsTogether(view: DataView, at: number, elements: number): boolean {
    const little = this.#little;
    const count = view.getInt32(at + this.#count, little);
    // A shift by 31 leaves the sign of a hash, which is always 0: a bucket of 0 bits shares no bits.
    const shift = HASH_BITS - view.getInt32(at + this.#bits, little);
    let used = 0;
    let areLikely = true;
    let prefix = -1;
    let place = at + this.#first;
    for (let i = 0; i < elements; i++, place += this.#stride) {
      const hash = view.getInt32(place, little);
      if (hash === FREE_HASH) continue;
      const own = hash >>> shift;
      if (prefix === -1) prefix = own;
      if (hash < 0 || own !== prefix || ++used > count) {
        this.#waste -= i + 1;
        return false;
      }
      areLikely &&= this.#mayPoint(view, place);
    }
    if (elements < this.elements) return true;
    // The hashes of a full bucket of 0 bits prove nothing, so its elements must also point at possible records.
    if (used === count && areLikely) return true;
    this.#waste -= this.elements;
    return false;
  }
}
