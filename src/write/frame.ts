import type { AvailElement } from '../format/avail.js';
import { availBlockStruct, encodeAvailBlock, headerAvailSize } from '../format/avail.js';
import { bucketElementCount } from '../format/bucket.js';
import { BucketWriter } from '../format/bucketwords.js';
import { directorySizeFor, encodeDirectory, MAX_DIRECTORY_BITS, slotOf } from '../format/directory.js';
import type { Format } from '../format/format.js';
import { FREE_HASH } from '../format/hash.js';
import {
  encodeExtendedHeader,
  encodeHeader,
  extendedHeaderOffset,
  headerAvailOffset,
} from '../format/header.js';
import { magicOf, maxOffset, offsetSize } from '../format/format.js';
import type { Sink } from './sink.js';

/** The kind of a fresh database. libgdbm makes block and bucket of one size, a power of two from 512 on. */
export interface BuildSpec {
  readonly format: Format;
  /** Bytes of the header block. */
  readonly blockSize: number;
  /** Bytes of a bucket. */
  readonly bucketSize: number;
  /** The extended header's counter, for numsync. */
  readonly numsync?: number;
  /** The directory gets at most 2^this entries; by default as many as the format allows. */
  readonly maxDirectoryBits?: number;
}

/** A database of this kind cannot hold what it was given. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
}

/** Sizes in a header are signed 32-bit numbers. */
const MAX_HEADER_SIZE = 0x7fffffff;

/** libgdbm does not list free space of so few bytes. */
const IGNORED_SIZE = 4;

/** The deepest split that the directory can show; the directory's size in bytes is a signed 32-bit number. */
export function deepestSplit({
  format,
  blockSize,
  maxDirectoryBits = MAX_DIRECTORY_BITS,
}: BuildSpec): number {
  const least = directorySizeFor(format.layout, blockSize).bits;
  const most = Math.min(MAX_DIRECTORY_BITS, 30 - Math.log2(offsetSize(format.layout)));
  return Math.min(most, Math.max(least, maxDirectoryBits));
}

/** A bucket to be written. */
export interface FreshBucket {
  /** The lowest hash of its range. */
  readonly first: number;
  /** Leading bits that all its hashes share. */
  readonly bits: number;
  /** Valid until the next bucket is asked for. */
  readonly bytes: Uint8Array;
}

/**
 * The structures around the records of a fresh database: blocks filled up, buckets, directory and, last, the header. Until
 * {@link finish} has ended the sink holds no valid database, so that nothing half-done can be taken for one.
 */
export class Frame {
  /** Takes the records; the first begins directly behind the header block. */
  readonly out: Appender;
  readonly #sink: Sink;
  readonly #spec: BuildSpec;
  readonly #free: AvailElement[] = [];

  /** @throws BuildError if no database can have these sizes */
  constructor(sink: Sink, spec: BuildSpec) {
    requireSizes(spec);
    this.#sink = sink;
    this.#spec = spec;
    this.out = new Appender(sink, spec.blockSize);
  }

  /** @throws BuildError if an offset of the format cannot be so large */
  requireOffset(end: number): void {
    const { layout } = this.#spec.format;
    const limit = maxOffset(layout);
    if (end > limit) {
      throw new BuildError(
        `expected a database of at most ${limit} bytes for ${layout.offsetBits}-bit offsets, ` +
          `found records that need ${end}`,
      );
    }
  }

  /** Waits until all records are written, so that they can be read back, and fills their last block. */
  async endRecords(): Promise<void> {
    await this.#fillBlock(0);
    await this.out.flush();
  }

  /**
   * Writes the buckets, the directory that leads to them and, last, the header.
   *
   * @param buckets ranges that together cover every hash once
   * @returns bytes of the file
   */
  async finish(buckets: AsyncIterable<FreshBucket>): Promise<number> {
    const { format, blockSize, bucketSize } = this.#spec;
    const { layout, byteOrder } = format;
    const begin = this.out.position;
    const ranges: Omit<FreshBucket, 'bytes'>[] = [];
    let directoryBits = directorySizeFor(layout, blockSize).bits;
    // The last one goes behind the directory: libgdbm refuses a file that ends with its directory.
    let last: Uint8Array | undefined;
    for await (const { first, bits, bytes } of buckets) {
      this.requireOffset(this.out.position + 2 * bucketSize);
      if (last !== undefined) await this.out.append(last);
      last = bytes.slice();
      ranges.push({ first, bits });
      directoryBits = Math.max(directoryBits, bits);
    }
    const directory = new Float64Array(2 ** directoryBits);
    const offset = this.out.position;
    const behind = offset + directory.length * offsetSize(layout);
    for (const [n, { first, bits }] of ranges.entries()) {
      const slot = slotOf(first, directoryBits);
      const at = n === ranges.length - 1 ? behind : begin + n * bucketSize;
      directory.fill(at, slot, slot + 2 ** (directoryBits - bits));
    }
    this.requireOffset(behind + bucketSize + 2 * blockSize);
    await this.out.append(encodeDirectory(directory, layout, byteOrder));
    if (last !== undefined) await this.out.append(last);
    await this.#fillBlock(last === undefined ? 1 : 0);
    await this.out.flush();
    const size = this.out.position;
    const place = { dir: offset, dirBits: directoryBits, size };
    await this.#sink.write(0, headerBlock(this.#spec, place, freeElements(this.#free, this.#spec)));
    return size;
  }

  /** Fills the last block, with at least so many bytes, and lists the filling as free. */
  async #fillBlock(atLeast: number): Promise<void> {
    const av_adr = this.out.position;
    await this.out.append(new Uint8Array(atLeast));
    const av_size = atLeast + (await this.out.align(this.#spec.blockSize));
    this.#free.push({ av_size, av_adr });
  }
}

/**
 * The free ranges that a header's table can list, in the order of libgdbm: the largest, if there are many, so that half of
 * the table is free.
 */
export function freeElements(
  ranges: readonly AvailElement[],
  { format, blockSize, bucketSize }: BuildSpec,
): AvailElement[] {
  const most = Math.ceil(headerAvailSize(format, blockSize) / 2);
  // libgdbm refuses free space before the place of the first bucket.
  const listed = ranges.filter(({ av_size, av_adr }) => av_size > IGNORED_SIZE && av_adr >= bucketSize);
  return listed.sort((a, b) => a.av_size - b.av_size).slice(-most);
}

/** The bytes of a header block, with a table of free space. */
export function headerBlock(
  { format, blockSize, bucketSize, numsync }: BuildSpec,
  { dir, dirBits, size }: { readonly dir: number; readonly dirBits: number; readonly size: number },
  table: AvailElement[],
): Uint8Array {
  const { layout, byteOrder } = format;
  const block = new Uint8Array(blockSize);
  const header = {
    magic: magicOf(format),
    block_size: blockSize,
    dir,
    dir_size: offsetSize(layout) * 2 ** dirBits,
    dir_bits: dirBits,
    bucket_size: bucketSize,
    bucket_elems: bucketElementCount(layout, bucketSize),
    next_block: size,
  };
  block.set(encodeHeader(header, layout, byteOrder));
  if (format.variant === 'numsync') {
    const extended = encodeExtendedHeader({ version: 0, numsync: numsync ?? 0 }, layout, byteOrder);
    block.set(extended, extendedHeaderOffset(layout));
  }
  const avail = { size: headerAvailSize(format, blockSize), count: table.length, next_block: 0, table };
  encodeAvailBlock(avail, layout, byteOrder, block, headerAvailOffset(format));
  return block;
}

/** Fills one bucket after the other in the same memory; each element goes where libgdbm's probing finds it. */
export class BucketFiller {
  readonly writer: BucketWriter;
  #place = 0;
  #lastHash = FREE_HASH;

  constructor({ format, bucketSize }: BuildSpec) {
    this.writer = new BucketWriter(format, bucketSize);
  }

  begin(bits: number, count: number): void {
    this.writer.begin(bits, count);
    this.#lastHash = FREE_HASH;
  }

  /** The first free place from a hash's home on; to be filled before the next one is asked for. */
  placeFor(hash: number): number {
    const { writer } = this;
    // An element with the hash of the one before it finds no place before that one's.
    let place = hash === this.#lastHash ? this.#place : hash % writer.elements;
    while (!writer.isFree(place)) place = place + 1 === writer.elements ? 0 : place + 1;
    this.#place = place;
    this.#lastHash = hash;
    return place;
  }

  /** The bucket's bytes, until the next one is begun. To be called once for each. */
  end(): Uint8Array {
    return this.writer.end();
  }
}

/** Bytes gathered before they are written; the next are gathered meanwhile. */
const BUFFER = 1 << 19;

/** Writes to a sink strictly in order, many small pieces as few large ones. Memory: two buffers of half a MiB. */
class Appender {
  readonly #sink: Sink;
  #buffer = new Uint8Array(BUFFER);
  #other = new Uint8Array(BUFFER);
  #filled = 0;
  #position: number;
  /** Settles when the bytes that were sent last are written. */
  #written: Promise<void> = Promise.resolve();

  constructor(sink: Sink, position: number) {
    this.#sink = sink;
    this.#position = position;
  }

  /** File offset of the next byte. */
  get position(): number {
    return this.#position + this.#filled;
  }

  /** Copies bytes; the caller may change them afterwards. */
  async append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      if (this.#filled === BUFFER) await this.#send();
      const part = bytes.subarray(done, done + BUFFER - this.#filled);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      done += part.length;
    }
  }

  /** Appends zeroes up to the next multiple of `alignment`; returns their number. */
  async align(alignment: number): Promise<number> {
    const padding = (alignment - (this.position % alignment)) % alignment;
    for (let left = padding; left > 0; left -= BUFFER) {
      await this.append(new Uint8Array(Math.min(left, BUFFER)));
    }
    return padding;
  }

  /** Waits until everything is written. */
  async flush(): Promise<void> {
    await this.#send();
    await this.#written;
  }

  /** Sends the gathered bytes as soon as those sent before are written. */
  async #send(): Promise<void> {
    await this.#written;
    if (this.#filled === 0) return;
    this.#written = this.#sink.write(this.#position, this.#buffer.subarray(0, this.#filled));
    // The next send or flush throws this error; if none follows, another error ended the work already.
    this.#written.catch(() => {});
    this.#position += this.#filled;
    this.#filled = 0;
    [this.#buffer, this.#other] = [this.#other, this.#buffer];
  }
}

/**
 * Refuses sizes that have room for no header or no element, or that a header cannot state. Those of a damaged file, which
 * its copy keeps, may be others than libgdbm makes.
 */
function requireSizes({ format, blockSize, bucketSize }: BuildSpec): void {
  const least = headerAvailOffset(format) + availBlockStruct(format.layout).size;
  if (!(Number.isInteger(blockSize) && blockSize >= least && blockSize <= MAX_HEADER_SIZE)) {
    throw new BuildError(
      `expected a block of ${least} to ${MAX_HEADER_SIZE} bytes for the header, found ${blockSize}`,
    );
  }
  const hasRoom = Number.isInteger(bucketSize) && bucketElementCount(format.layout, bucketSize) > 0;
  if (!(hasRoom && bucketSize <= MAX_HEADER_SIZE)) {
    throw new BuildError(
      `expected a bucket with room for an element, of at most ${MAX_HEADER_SIZE} bytes, found one of ${bucketSize} bytes`,
    );
  }
}
