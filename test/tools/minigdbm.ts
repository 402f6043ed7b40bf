import type { AvailElement } from '../../src/format/avail.js';
import { availElementStruct, encodeAvailBlock, headerAvailSize } from '../../src/format/avail.js';
import {
  BUCKET_AVAIL,
  bucketElementCount,
  bucketStruct,
  BucketView,
  KEY_START,
} from '../../src/format/bucket.js';
import { equalBytes } from '../../src/format/bytes.js';
import { directorySizeFor, encodeDirectory, slotOf } from '../../src/format/directory.js';
import type { Format } from '../../src/format/format.js';
import type { HashChar } from '../../src/format/hash.js';
import { FREE_HASH, hashKey } from '../../src/format/hash.js';
import {
  encodeExtendedHeader,
  encodeHeader,
  extendedHeaderOffset,
  headerAvailOffset,
} from '../../src/format/header.js';
import { offsetSize, magicOf } from '../../src/format/format.js';
import { encodeStruct, member, viewOf } from '../../src/format/struct.js';
import type { Step } from './libgdbm.js';

export interface MiniSpec {
  readonly format: Format;
  readonly blockSize: number;
  readonly hashChar?: HashChar;
}

/** Pieces of free space this small are not worth listing. */
const TOO_SMALL = 4;

/**
 * A database that lives in memory: records come, change and go, buckets split and the directory doubles, all in the
 * bytes of the file as the real library would leave them, with every old copy still lying in free space. For the
 * machines whose real library cannot be had.
 *
 * Simpler than the real one: avail blocks are not chained; space for which the tables have no room is forgotten.
 */
export class MiniGdbm {
  readonly #format: Format;
  readonly #blockSize: number;
  readonly #hashChar: HashChar;
  readonly #elements: number;
  #file: Uint8Array;
  /** `next_block` */
  #end: number;
  #directory: number[];
  #directoryAt: number;
  #free: AvailElement[] = [];
  #syncs = 0;

  constructor({ format, blockSize, hashChar = 'signed' }: MiniSpec) {
    this.#format = format;
    this.#blockSize = blockSize;
    this.#hashChar = hashChar;
    this.#elements = bucketElementCount(format.layout, blockSize);
    const { size, bits } = directorySizeFor(format.layout, blockSize);
    const bucketAt = blockSize + size;
    this.#file = new Uint8Array(1 << 16);
    this.#end = bucketAt + 2 * blockSize;
    this.#directoryAt = blockSize;
    this.#directory = Array.from({ length: 2 ** bits }, () => bucketAt);
    this.#writeDirectory();
    this.#clearBucket(bucketAt, 0);
    this.#setBucketAvail(bucketAt, [{ av_size: blockSize, av_adr: bucketAt + blockSize }]);
  }

  run(steps: readonly Step[]): this {
    for (const [op, key, value] of steps) {
      if (op === 'store') this.store(key, value);
      else if (op === 'delete') this.delete(key);
      else this.#syncs++;
    }
    return this;
  }

  /** Stores a record, in place of the one that the key has. */
  store(key: Uint8Array, value: Uint8Array): void {
    const hash = hashKey(key, this.#hashChar);
    const size = key.length + value.length;
    let at = this.#bucketOf(hash);
    const found = this.#find(at, hash, key);
    if (found === undefined) {
      while (this.#bucket(at).count === this.#elements) {
        this.#split(at);
        at = this.#bucketOf(hash);
      }
      const pointer = this.#allocate(size, at);
      const bucket = this.#bucket(at);
      let i = hash % this.#elements;
      while (bucket.hash(i) !== FREE_HASH) i = (i + 1) % this.#elements;
      bucket.setHead(bucket.bits, bucket.count + 1);
      this.#writeRecord(bucket, i, hash, pointer, key, value);
      return;
    }
    const before = this.#bucket(at);
    const oldSize = before.keySize(found) + before.dataSize(found);
    let pointer = before.dataPointer(found);
    if (oldSize !== size) {
      this.#release(pointer, oldSize, at);
      pointer = this.#allocate(size, at);
    }
    this.#writeRecord(this.#bucket(at), found, hash, pointer, key, value);
  }

  /** Deletes a record; its bytes and its element's fields stay until they are used again. */
  delete(key: Uint8Array): boolean {
    const hash = hashKey(key, this.#hashChar);
    const at = this.#bucketOf(hash);
    const found = this.#find(at, hash, key);
    if (found === undefined) return false;
    const bucket = this.#bucket(at);
    const pointer = bucket.dataPointer(found);
    const size = bucket.keySize(found) + bucket.dataSize(found);
    bucket.setHash(found, FREE_HASH);
    bucket.setHead(bucket.bits, bucket.count - 1);
    this.#closeGap(bucket, found);
    this.#release(pointer, size, at);
    return true;
  }

  /** The file as it is now. */
  bytes(): Uint8Array {
    const directoryEnd = this.#directoryAt + this.#directory.length * offsetSize(this.#format.layout);
    // libgdbm refuses a file that ends with its directory.
    if (directoryEnd === this.#end) this.#listFree(this.#extend(this.#blockSize), this.#blockSize);
    this.#writeHeader();
    return this.#file.slice(0, this.#end);
  }

  #bucketOf(hash: number): number {
    return this.#directory[slotOf(hash, Math.log2(this.#directory.length))];
  }

  /** A view of a bucket's bytes; allocating may move the file in memory, so it is not kept over that. */
  #bucket(at: number): BucketView {
    return new BucketView(this.#file.subarray(at, at + this.#blockSize), this.#format, this.#elements);
  }

  #find(at: number, hash: number, key: Uint8Array): number | undefined {
    const bucket = this.#bucket(at);
    for (let step = 0; step < this.#elements; step++) {
      const i = (hash + step) % this.#elements;
      if (bucket.hash(i) === FREE_HASH) return undefined;
      if (bucket.hash(i) !== hash || bucket.keySize(i) !== key.length) continue;
      const pointer = bucket.dataPointer(i);
      if (equalBytes(this.#file.subarray(pointer, pointer + key.length), key)) return i;
    }
    return undefined;
  }

  #writeRecord(
    bucket: BucketView,
    i: number,
    hash: number,
    pointer: number,
    key: Uint8Array,
    value: Uint8Array,
  ): void {
    bucket.setElement(i, {
      hash,
      key_start: key.subarray(0, KEY_START),
      data_pointer: pointer,
      key_size: key.length,
      data_size: value.length,
    });
    this.#file.set(key, pointer);
    this.#file.set(value, pointer + key.length);
  }

  /** Moves later elements of the probe run into the gap, so that a lookup does not stop before them. */
  #closeGap(bucket: BucketView, gap: number): void {
    const n = this.#elements;
    for (let i = (gap + 1) % n; bucket.hash(i) !== FREE_HASH; i = (i + 1) % n) {
      const fromHome = (i - (bucket.hash(i) % n) + n) % n;
      const fromGap = (i - gap + n) % n;
      if (fromHome < fromGap) continue;
      const [to, from] = [bucket.elementOffset(gap), bucket.elementOffset(i)];
      bucket.bytes.copyWithin(to, from, bucket.elementOffset(i + 1));
      bucket.setHash(i, FREE_HASH);
      gap = i;
    }
  }

  #split(at: number): void {
    const bits = this.#bucket(at).bits + 1;
    if (2 ** bits > this.#directory.length) this.#doubleDirectory(at);
    const halves = [this.#allocate(this.#blockSize, at), this.#allocate(this.#blockSize, at)];
    const old = this.#bucket(at);
    for (const half of halves) this.#clearBucket(half, bits);
    for (let i = 0; i < this.#elements; i++) {
      const hash = old.hash(i);
      const half = this.#bucket(halves[slotOf(hash, bits) & 1]);
      let to = hash % this.#elements;
      while (half.hash(to) !== FREE_HASH) to = (to + 1) % this.#elements;
      const element = old.bytes.subarray(old.elementOffset(i), old.elementOffset(i + 1));
      half.bytes.set(element, half.elementOffset(to));
      half.setHead(bits, half.count + 1);
    }
    this.#setBucketAvail(halves[0], this.#bucketAvail(at));
    const first = this.#directory.indexOf(at);
    const own = this.#directory.length / 2 ** bits;
    for (let slot = 0; slot < 2 * own; slot++) this.#directory[first + slot] = halves[Math.floor(slot / own)];
    this.#writeDirectory();
    this.#release(at, this.#blockSize, halves[1]);
  }

  #doubleDirectory(bucketAt: number): void {
    const width = offsetSize(this.#format.layout);
    const oldAt = this.#directoryAt;
    const oldSize = this.#directory.length * width;
    this.#directoryAt = this.#allocate(2 * oldSize, bucketAt);
    this.#directory = this.#directory.flatMap((entry) => [entry, entry]);
    this.#writeDirectory();
    this.#release(oldAt, oldSize, bucketAt);
  }

  /** The smallest piece that is large enough, of the bucket's table, of the header's, or at the file's end. */
  #allocate(size: number, bucketAt: number): number {
    // A record of no bytes has a place all the same.
    const wanted = Math.max(1, size);
    const own = this.#bucketAvail(bucketAt);
    for (const table of [own, this.#free]) {
      const i = table.findIndex(({ av_size }) => av_size >= wanted);
      if (i < 0) continue;
      const [{ av_adr, av_size }] = table.splice(i, 1);
      if (table === own) this.#setBucketAvail(bucketAt, own);
      this.#release(av_adr + wanted, av_size - wanted, bucketAt);
      return av_adr;
    }
    const taken = Math.ceil(wanted / this.#blockSize) * this.#blockSize;
    const at = this.#extend(taken);
    this.#release(at + wanted, taken - wanted, bucketAt);
    return at;
  }

  #release(at: number, size: number, bucketAt: number): void {
    if (size <= TOO_SMALL) return;
    const own = this.#bucketAvail(bucketAt);
    if (size < this.#blockSize && own.length < BUCKET_AVAIL) {
      this.#setBucketAvail(bucketAt, [...own, { av_size: size, av_adr: at }]);
    } else this.#listFree(at, size);
  }

  #listFree(at: number, size: number): void {
    if (this.#free.length >= headerAvailSize(this.#format, this.#blockSize)) return;
    this.#free.push({ av_size: size, av_adr: at });
    this.#free.sort((a, b) => a.av_size - b.av_size);
  }

  #extend(size: number): number {
    const at = this.#end;
    this.#end += size;
    if (this.#end > this.#file.length) {
      const larger = new Uint8Array(2 * this.#end);
      larger.set(this.#file);
      this.#file = larger;
    }
    return at;
  }

  #clearBucket(at: number, bits: number): void {
    this.#file.fill(0, at, at + this.#blockSize);
    const bucket = this.#bucket(at);
    bucket.setHead(bits, 0);
    for (let i = 0; i < this.#elements; i++) bucket.setHash(i, FREE_HASH);
  }

  #bucketAvail(at: number): AvailElement[] {
    const bucket = this.#bucket(at);
    return bucket.avail(bucket.availCount);
  }

  #setBucketAvail(at: number, table: readonly AvailElement[]): void {
    const { layout, byteOrder } = this.#format;
    const view = viewOf(this.#file);
    const struct = availElementStruct(layout);
    const first = at + member(bucketStruct(layout), 'bucket_avail').offset;
    view.setInt32(at, table.length, byteOrder === 'little');
    [...table]
      .sort((a, b) => a.av_size - b.av_size)
      .forEach((one, i) => encodeStruct(struct, byteOrder, one, view, first + i * struct.size));
  }

  #writeDirectory(): void {
    const { layout, byteOrder } = this.#format;
    this.#file.set(encodeDirectory(this.#directory, layout, byteOrder), this.#directoryAt);
  }

  #writeHeader(): void {
    const { layout, byteOrder, variant } = this.#format;
    const bits = Math.log2(this.#directory.length);
    const header = {
      magic: magicOf(this.#format),
      block_size: this.#blockSize,
      dir: this.#directoryAt,
      dir_size: this.#directory.length * offsetSize(layout),
      dir_bits: bits,
      bucket_size: this.#blockSize,
      bucket_elems: this.#elements,
      next_block: this.#end,
    };
    this.#file.set(encodeHeader(header, layout, byteOrder), 0);
    if (variant === 'numsync') {
      const extended = encodeExtendedHeader({ version: 0, numsync: this.#syncs }, layout, byteOrder);
      this.#file.set(extended, extendedHeaderOffset(layout));
    }
    const avail = {
      size: headerAvailSize(this.#format, this.#blockSize),
      count: this.#free.length,
      next_block: 0,
      table: this.#free,
    };
    encodeAvailBlock(avail, layout, byteOrder, this.#file, headerAvailOffset(this.#format));
  }
}
