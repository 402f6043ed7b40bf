import {
  availBlockStruct,
  availElementStruct,
  availTableOffset,
  chainedAvailBytes,
  encodeAvailBlock,
  headerAvailSize,
} from '../../src/format/avail.js';
import { bucketElementCount, bucketStruct, BucketView, elementStruct } from '../../src/format/bucket.js';
import { decodeDirectory } from '../../src/format/directory.js';
import type { Format } from '../../src/format/format.js';
import { FREE_HASH } from '../../src/format/hash.js';
import type { Header } from '../../src/format/header.js';
import { encodeHeader, headerAvailOffset, headerStruct } from '../../src/format/header.js';
import { offsetSize, magicOf } from '../../src/format/format.js';
import { member, readOffset, viewOf, writeOffset } from '../../src/format/struct.js';
import { build, specFor } from '../build/build.js';

const BLOCK = 512;

/** Bytes of each range of free space that a specimen's second avail block lists. */
export const FREE_RANGES = [100, 200, 300] as const;

/** An element in use. */
export interface Used {
  readonly bucket: number;
  readonly index: number;
  /** File offset of the element. */
  readonly at: number;
  readonly hash: number;
  readonly pointer: number;
  readonly keySize: number;
  readonly dataSize: number;
}

/** A sound database whose places are known, to be damaged field by field. */
export class Specimen {
  #bytes: Uint8Array;
  #view: DataView;
  readonly format: Format;

  constructor(bytes: Uint8Array, format: Format) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.format = format;
  }

  /**
   * A database of many buckets, each with several slots, whose avail chain has a second block: the builder makes
   * only one.
   */
  static async make(format: Format): Promise<Specimen> {
    const records = Array.from({ length: 120 }, (_, i) => ({
      key: Buffer.from(`key number ${i}`),
      value: Buffer.from('value '.repeat(i % 13)),
    }));
    const { bytes } = await build(records, specFor(format, BLOCK));
    const specimen = new Specimen(bytes, format);
    specimen.#chain();
    return specimen;
  }

  /**
   * A file of zeroes whose header is consistent, its directory right behind the header block: the rest is left
   * to whoever wants to make a file that no library writes.
   */
  static frame(format: Format, size: number, { block, bits }: { block: number; bits: number }): Specimen {
    const { layout, byteOrder } = format;
    const specimen = new Specimen(new Uint8Array(size), format);
    const header = {
      magic: magicOf(format),
      block_size: block,
      dir: block,
      dir_size: offsetSize(layout) * 2 ** bits,
      dir_bits: bits,
      bucket_size: block,
      bucket_elems: bucketElementCount(layout, block),
      next_block: size,
    };
    specimen.bytes.set(encodeHeader(header, layout, byteOrder));
    specimen.setInt(specimen.availFieldAt(specimen.availAt, 'size'), headerAvailSize(format, block));
    return specimen;
  }

  copy(): Specimen {
    return new Specimen(this.#bytes.slice(), this.format);
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  /** Cuts the file, or appends zeroes. */
  resize(size: number): void {
    const bytes = new Uint8Array(size);
    bytes.set(this.#bytes.subarray(0, size));
    this.replace(bytes);
  }

  /** Puts another file in its place. */
  replace(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  int(at: number): number {
    return this.#view.getInt32(at, this.#little);
  }

  setInt(at: number, value: number): void {
    this.#view.setInt32(at, value, this.#little);
  }

  offset(at: number): number {
    return readOffset(this.#view, at, this.format.layout, this.#little);
  }

  setOffset(at: number, value: number): void {
    writeOffset(this.#view, at, value, this.format.layout, this.#little);
  }

  flip(at: number): void {
    this.#bytes[at] ^= 0xff;
  }

  headerAt(field: keyof Header): number {
    return member(headerStruct(this.format.layout), field).offset;
  }

  /** File offset of the avail block in the header block. */
  get availAt(): number {
    return headerAvailOffset(this.format);
  }

  /** File offset of the second avail block. */
  get chainedAt(): number {
    return this.offset(this.availFieldAt(this.availAt, 'next_block'));
  }

  /** File offset of the free space that the second avail block lists. */
  get freeAt(): number {
    return this.chainedAt + this.#chainedBytes;
  }

  availFieldAt(block: number, field: 'size' | 'count' | 'next_block'): number {
    return block + member(availBlockStruct(this.format.layout), field).offset;
  }

  availEntryAt(block: number, i: number): number {
    const { layout } = this.format;
    return block + availTableOffset(layout) + i * availElementStruct(layout).size;
  }

  availAddressAt(block: number, i: number): number {
    return this.availEntryAt(block, i) + member(availElementStruct(this.format.layout), 'av_adr').offset;
  }

  get directoryAt(): number {
    return this.offset(this.headerAt('dir'));
  }

  get directoryBytes(): number {
    return this.int(this.headerAt('dir_size'));
  }

  get directory(): number[] {
    const { layout, byteOrder } = this.format;
    const at = this.directoryAt;
    return [...decodeDirectory(this.#bytes.subarray(at, at + this.directoryBytes), layout, byteOrder)];
  }

  entryAt(slot: number): number {
    return this.directoryAt + slot * offsetSize(this.format.layout);
  }

  get bucketSize(): number {
    return this.int(this.headerAt('bucket_size'));
  }

  bucketFieldAt(bucket: number, field: 'av_count' | 'bucket_avail' | 'bucket_bits' | 'count'): number {
    return bucket + member(bucketStruct(this.format.layout), field).offset;
  }

  bucket(at: number): BucketView {
    const size = this.bucketSize;
    const elements = bucketElementCount(this.format.layout, size);
    return new BucketView(this.#bytes.subarray(at, at + size), this.format, elements);
  }

  elementFieldAt(element: number, field: 'key_start' | 'data_pointer' | 'key_size' | 'data_size'): number {
    return element + member(elementStruct(this.format.layout), field).offset;
  }

  elementAt(bucket: number, index: number): number {
    return bucket + this.bucket(bucket).elementOffset(index);
  }

  /** The elements in use of one bucket, or of all. */
  used(bucket?: number): Used[] {
    const buckets = bucket === undefined ? [...new Set(this.directory)] : [bucket];
    return buckets.flatMap((at) => {
      const view = this.bucket(at);
      return [...Array(view.elements).keys()]
        .filter((index) => view.hash(index) !== FREE_HASH)
        .map((index) => ({
          bucket: at,
          index,
          at: this.elementAt(at, index),
          hash: view.hash(index),
          pointer: view.dataPointer(index),
          keySize: view.keySize(index),
          dataSize: view.dataSize(index),
        }));
    });
  }

  /** Indexes of a bucket's free elements. */
  free(bucket: number): number[] {
    const view = this.bucket(bucket);
    return [...Array(view.elements).keys()].filter((index) => view.hash(index) === FREE_HASH);
  }

  /** Copies an element's bytes to another place, over what is there. */
  copyElement(from: number, to: number): void {
    this.#bytes.copyWithin(to, from, from + elementStruct(this.format.layout).size);
  }

  fill(from: number, to: number, byte: number): void {
    this.#bytes.fill(byte, from, to);
  }

  get #little(): boolean {
    return this.format.byteOrder === 'little';
  }

  get #chainedBytes(): number {
    return chainedAvailBytes(this.format.layout, headerAvailSize(this.format, BLOCK));
  }

  #chain(): void {
    const { layout, byteOrder } = this.format;
    const at = this.size;
    const free = at + this.#chainedBytes;
    const [a, b, c] = FREE_RANGES;
    this.resize(free + a + b + c);
    const block = {
      size: headerAvailSize(this.format, BLOCK),
      count: 3,
      next_block: 0,
      table: [
        { av_size: a, av_adr: free },
        { av_size: b, av_adr: free + a },
        { av_size: c, av_adr: free + a + b },
      ],
    };
    encodeAvailBlock(block, layout, byteOrder, this.#bytes, at);
    this.setOffset(this.availFieldAt(this.availAt, 'next_block'), at);
    this.setOffset(this.headerAt('next_block'), this.size);
  }
}
