import { availElementStruct } from './avail.js';
import { bucketStruct, elementStruct, bucketElementCount } from './bucket.js';
import type { Format } from './format.js';
import { offsetSize } from './format.js';
import { member } from './struct.js';
import { HOST_IS_LITTLE, swapAll, swapped } from './bytes.js';
import { FREE_HASH } from './hash.js';

/**
 * The places of a bucket's members among its numbers of 32 bits, those of an element from its first on: every member of every layout
 * begins at a multiple of four bytes.
 */
interface BucketPlaces {
  /** True if this machine's byte order is not the file's. */
  readonly swap: boolean;
  /** True if `key_start`, read as a number in the file's order, has its first byte highest. */
  readonly reversed: boolean;
  readonly bits: number;
  readonly count: number;
  /** The first entry of the table of free space, and from one to the next. */
  readonly avail: number;
  readonly availStride: number;
  /** The address in an entry: both words if offsets have two, else twice the same one. */
  readonly availLow: number;
  readonly availHigh: number;
  /** The first element, and from one to the next. */
  readonly first: number;
  readonly stride: number;
  readonly start: number;
  /** True if offsets have two words. */
  readonly wide: boolean;
  readonly low: number;
  /** The same as `low` if offsets have one word. */
  readonly high: number;
  readonly keySize: number;
  readonly dataSize: number;
}

function bucketPlaces({ layout, byteOrder }: Format): BucketPlaces {
  const bucket = bucketStruct(layout);
  const element = elementStruct(layout);
  const entry = availElementStruct(layout);
  const word = (struct: typeof bucket, name: string) => member(struct, name).offset / 4;
  const wide = offsetSize(layout) === 8;
  const pointer = word(element, 'data_pointer');
  const address = word(entry, 'av_adr');
  return {
    swap: (byteOrder === 'little') !== HOST_IS_LITTLE,
    reversed: byteOrder === 'big',
    bits: word(bucket, 'bucket_bits'),
    count: word(bucket, 'count'),
    avail: word(bucket, 'bucket_avail'),
    availStride: entry.size / 4,
    availLow: wide && byteOrder === 'big' ? address + 1 : address,
    availHigh: wide && byteOrder === 'little' ? address + 1 : address,
    first: word(bucket, 'elements'),
    stride: element.size / 4,
    start: word(element, 'key_start'),
    wide,
    low: wide && byteOrder === 'big' ? pointer + 1 : pointer,
    high: wide && byteOrder === 'little' ? pointer + 1 : pointer,
    keySize: word(element, 'key_size'),
    dataSize: word(element, 'data_size'),
  };
}

/**
 * A bucket's elements as columns of numbers of this machine, for loops over millions of them: every member of every
 * layout begins at a multiple of four bytes. One is used for many buckets; nothing is allocated for each.
 */
export class BucketWords {
  readonly elements: number;
  /** The hash of each element; if it is {@link FREE_HASH}, the other columns are undefined. */
  readonly hashes: Int32Array;
  /** File offsets of the keys as they stand: they may be negative. */
  readonly pointers: Float64Array;
  /** Bytes. */
  readonly keySizes: Int32Array;
  readonly dataSizes: Int32Array;
  /** The four bytes of `key_start` as a number, the first byte in the lowest place. */
  readonly starts: Int32Array;
  /** The elements in use, the first {@link usedCount} numbers. */
  readonly used: Uint32Array;
  usedCount = 0;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #places: BucketPlaces;

  /** @param bucketSize bytes */
  constructor(format: Format, bucketSize: number, elements: number) {
    this.elements = elements;
    this.hashes = new Int32Array(elements);
    this.pointers = new Float64Array(elements);
    this.keySizes = new Int32Array(elements);
    this.dataSizes = new Int32Array(elements);
    this.starts = new Int32Array(elements);
    this.used = new Uint32Array(elements);
    this.#words = new Int32Array(Math.ceil(bucketSize / 4));
    this.#bytes = new Uint8Array(this.#words.buffer);
    this.#places = bucketPlaces(format);
  }

  /** Takes the next bucket's bytes, as many as the constructor was told. */
  load(bytes: Uint8Array): void {
    this.#set(bytes);
    const words = this.#words;
    const { hashes, pointers, keySizes, dataSizes, starts, used, elements } = this;
    const { first: begin, stride, start, reversed, wide, low, high, keySize, dataSize } = this.#places;
    let n = 0;
    for (let i = 0, at = begin; i < elements; i++, at += stride) {
      const hash = words[at];
      hashes[i] = hash;
      if (hash === FREE_HASH) continue;
      used[n++] = i;
      pointers[i] = wide ? words[at + high] * 2 ** 32 + (words[at + low] >>> 0) : words[at + low];
      keySizes[i] = words[at + keySize];
      dataSizes[i] = words[at + dataSize];
      const first = words[at + start];
      starts[i] = reversed ? swapped(first) : first;
    }
    this.usedCount = n;
  }

  /**
   * Takes the next bucket's bytes, but of its elements only those whose records begin from one file offset to before another:
   * {@link used} names them, and the columns say nothing of others. Of many parts of a file each is of few elements of a bucket.
   */
  loadBetween(bytes: Uint8Array, from: number, to: number): void {
    this.#set(bytes);
    const words = this.#words;
    const { hashes, pointers, keySizes, dataSizes, starts, used, elements } = this;
    const places = this.#places;
    const { stride, wide, low, high } = places;
    // Most are ruled out by numbers of 32 bits: of what is beyond 2^47 bytes they say nothing.
    const first = to < 2 ** 47 ? Math.floor(from / 65_536) : -(2 ** 31);
    const last = to < 2 ** 47 ? Math.ceil(to / 65_536) - 1 : 2 ** 31 - 1;
    let n = 0;
    for (let i = 0, at = places.first; i < elements; i++, at += stride) {
      const part = wide ? (words[at + high] << 16) | (words[at + low] >>> 16) : words[at + low] >> 16;
      if (part < first || part > last || words[at] === FREE_HASH) continue;
      const pointer = wide ? words[at + high] * 2 ** 32 + (words[at + low] >>> 0) : words[at + low];
      if (pointer < from || pointer >= to) continue;
      used[n++] = i;
      hashes[i] = words[at];
      pointers[i] = pointer;
      keySizes[i] = words[at + places.keySize];
      dataSizes[i] = words[at + places.dataSize];
      const start = words[at + places.start];
      starts[i] = places.reversed ? swapped(start) : start;
    }
    this.usedCount = n;
  }

  #set(bytes: Uint8Array): void {
    this.#bytes.set(bytes);
    if (this.#places.swap) swapAll(this.#words);
  }

  get availCount(): number {
    return this.#words[0];
  }

  /** Bytes of an entry of the table of free space. */
  availSize(i: number): number {
    return this.#words[this.#places.avail + i * this.#places.availStride];
  }

  /** File offset of an entry of the table of free space. */
  availAddress(i: number): number {
    const { avail, availStride, availLow, availHigh, wide } = this.#places;
    const at = avail + i * availStride;
    const low = this.#words[at + availLow];
    return wide ? this.#words[at + availHigh] * 2 ** 32 + (low >>> 0) : low;
  }

  get bits(): number {
    return this.#words[this.#places.bits];
  }

  get count(): number {
    return this.#words[this.#places.count];
  }

  hash(i: number): number {
    return this.hashes[i];
  }

  isFree(i: number): boolean {
    return this.hashes[i] === FREE_HASH;
  }

  /** File offset of the key as it stands: it may be negative. */
  pointer(i: number): number {
    return this.pointers[i];
  }

  keySize(i: number): number {
    return this.keySizes[i];
  }

  dataSize(i: number): number {
    return this.dataSizes[i];
  }
}

/**
 * Makes one bucket after the other in the same memory, by numbers of this machine. For loops over millions of elements; a property test holds it to the declaration.
 */
export class BucketWriter {
  /** Elements of a bucket. */
  readonly elements: number;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #places: BucketPlaces;

  /** @param bucketSize bytes */
  constructor(format: Format, bucketSize: number) {
    this.elements = bucketElementCount(format.layout, bucketSize);
    this.#words = new Int32Array(Math.ceil(bucketSize / 4));
    this.#bytes = new Uint8Array(this.#words.buffer, 0, bucketSize);
    this.#places = bucketPlaces(format);
  }

  /** Begins a bucket with no element in use and nothing in its avail table. */
  begin(bits: number, count: number): void {
    const words = this.#words;
    const places = this.#places;
    words.fill(0);
    words[places.bits] = bits;
    words[places.count] = count;
    const end = places.first + this.elements * places.stride;
    for (let at = places.first; at < end; at += places.stride) words[at] = FREE_HASH;
  }

  isFree(i: number): boolean {
    return this.#words[this.#places.first + i * this.#places.stride] === FREE_HASH;
  }

  /**
   * Puts an element down.
   *
   * @param start the key's first four bytes as a number, the first in the lowest place
   * @param low the lower 32 bits of its file offset, and `high` the others, which count only where offsets have 64
   */
  put(i: number, hash: number, start: number, low: number, high: number, keySize: number, dataSize: number) {
    const words = this.#words;
    const places = this.#places;
    const at = places.first + i * places.stride;
    words[at] = hash;
    words[at + places.start] = places.reversed ? swapped(start) : start;
    words[at + places.high] = high;
    words[at + places.low] = low;
    words[at + places.keySize] = keySize;
    words[at + places.dataSize] = dataSize;
  }

  /** The bucket's bytes, until the next one is begun. To be called once for each. */
  end(): Uint8Array {
    if (this.#places.swap) swapAll(this.#words);
    return this.#bytes;
  }
}
