import type { AvailElement } from '../format/avail.js';
import { encodeAvailBlock, headerAvailSize } from '../format/avail.js';
import { bucketElementCount, BucketView, KEY_START } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import { directorySizeFor, encodeDirectory, MAX_DIRECTORY_BITS, slotOf } from '../format/directory.js';
import type { Format } from '../format/format.js';
import { FREE_HASH, HASH_BITS } from '../format/hash.js';
import {
  encodeExtendedHeader,
  encodeHeader,
  extendedHeaderOffset,
  headerAvailOffset,
} from '../format/header.js';
import { maxOffset, offsetSize } from '../format/layout.js';
import { magicOf } from '../format/magic.js';
import { readChunks } from '../source/source.js';
import type { Partition } from './partition.js';
import { partitionHashes } from './partition.js';
import { RecordIndex } from './recordindex.js';
import type { Sink } from './sink.js';
import { Appender } from './sink.js';

/** What kind of database is to be built. */
export interface BuildSpec {
  readonly format: Format;
  /** Bytes of the header block. */
  readonly blockSize: number;
  /** Bytes of a bucket. */
  readonly bucketSize: number;
  /** The extended header's counter, for numsync. */
  readonly numsync?: number;
  /** The directory gets at most 2^this entries; by default as many as the format can have. */
  readonly maxDirectoryBits?: number;
}

/** A record to be stored. */
export interface BuildRecord {
  /** The key's hash, in the flavour that the database is to have. */
  readonly hash: number;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes of the value. */
  readonly dataSize: number;
  /** The key and the value directly after it: `keySize + dataSize` bytes, whole or in pieces. */
  readonly bytes: Uint8Array | AsyncIterable<Uint8Array>;
}

/** What was built. */
export interface BuildResult {
  /** Records in the database. */
  readonly records: number;
  /** Records left out because an earlier one has the same key. */
  readonly duplicates: number;
  /** Records left out because more than a bucket holds share every bit that the directory may tell apart. */
  readonly crowded: number;
  /** Bytes of the file. */
  readonly size: number;
}

/** A database of this kind cannot hold what it was given. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
}

/** A second hash of keys (FNV-1a without its start), of another kind than libgdbm's. */
function digestOf(bytes: Uint8Array, before: number): number {
  let digest = before;
  for (let i = 0; i < bytes.length; i++) digest = Math.imul(digest ^ bytes[i] ^ 0x5bd1e995, 0x01000193);
  return digest;
}

/** libgdbm does not list free space of so few bytes. */
const IGNORED_SIZE = 4;

/**
 * Builds a database in one pass: records as they come, then buckets, directory and header. Until `finish` the
 * sink holds no valid database, so nothing half-done can be taken for one.
 */
export class DatabaseBuilder {
  readonly #spec: BuildSpec;
  readonly #sink: Sink;
  readonly #out: Appender;
  readonly #index = new RecordIndex();
  readonly #elements: number;

  constructor(sink: Sink, spec: BuildSpec) {
    this.#spec = spec;
    this.#sink = sink;
    this.#out = new Appender(sink, spec.blockSize);
    this.#elements = bucketElementCount(spec.format.layout, spec.bucketSize);
  }

  /** Appends a record's bytes. */
  async add({ hash, keySize, dataSize, bytes }: BuildRecord): Promise<void> {
    const offset = this.#out.position;
    this.#requireOffset(offset + keySize + dataSize);
    const keyStart = new Uint8Array(Math.min(KEY_START, keySize));
    let done = 0;
    let digest = 0;
    const append = async (piece: Uint8Array) => {
      if (done < keyStart.length) keyStart.set(piece.subarray(0, keyStart.length - done), done);
      if (done < keySize) digest = digestOf(piece.subarray(0, keySize - done), digest);
      done += piece.length;
      await this.#out.append(piece);
    };
    if (bytes instanceof Uint8Array) await append(bytes);
    else for await (const piece of bytes) await append(piece);
    if (done !== keySize + dataSize) {
      throw new BuildError(`expected a record of ${keySize} + ${dataSize} bytes, found ${done}`);
    }
    this.#index.add(hash, offset, keySize, dataSize, keyStart, digest);
  }

  /**
   * Writes buckets, directory and, last, the header.
   *
   * @throws BuildError if the records do not fit the format
   */
  async finish(): Promise<BuildResult> {
    const { layout } = this.#spec.format;
    const { bucketSize, blockSize } = this.#spec;
    await this.#out.flush();
    const { order: unique, duplicates } = await this.#dropDuplicates(this.#index.orderByHash());
    const { order, crowded } = this.#dropCrowded(unique);
    const { partitions, directoryBits } = this.#partition(order);

    const free: AvailElement[] = [];
    /** Fills the last block, with at least so many bytes, and lists what was filled as free. */
    const fillBlock = async (atLeast: number) => {
      const av_adr = this.#out.position;
      await this.#out.append(new Uint8Array(atLeast));
      const av_size = atLeast + (await this.#out.align(blockSize));
      // libgdbm believes no free space before the first bucket could be.
      if (av_size > IGNORED_SIZE && av_adr >= bucketSize) free.push({ av_size, av_adr });
    };
    await fillBlock(0);
    const directory = new Float64Array(2 ** directoryBits);
    for (const partition of partitions) {
      const slot = slotOf(partition.first, directoryBits);
      directory.fill(this.#out.position, slot, slot + 2 ** (directoryBits - partition.bits));
      this.#requireOffset(this.#out.position + bucketSize);
      await this.#out.append(this.#bucket(partition, order));
    }
    const directoryOffset = this.#out.position;
    const directorySize = directory.length * offsetSize(layout);
    this.#requireOffset(directoryOffset + directorySize + 2 * blockSize);
    await this.#out.append(encodeDirectory(directory, layout, this.#spec.format.byteOrder));
    // libgdbm refuses a file that ends with its directory.
    await fillBlock(1);
    await this.#out.flush();
    const size = this.#out.position;
    await this.#sink.write(0, this.#headerBlock(directoryOffset, directoryBits, size, free));
    return { records: order.length, duplicates, crowded, size };
  }

  #requireOffset(end: number): void {
    const limit = maxOffset(this.#spec.format.layout);
    if (end > limit) {
      throw new BuildError(
        `expected a database of at most ${limit} bytes for ${this.#spec.format.layout.offsetBits}-bit offsets, ` +
          `found records that need ${end}`,
      );
    }
  }

  /** The deepest split that the directory can show; its size in bytes is a signed 32-bit number. */
  get #maxBits(): number {
    const { format, blockSize, maxDirectoryBits = MAX_DIRECTORY_BITS } = this.#spec;
    const least = directorySizeFor(format.layout, blockSize).bits;
    const most = Math.min(MAX_DIRECTORY_BITS, 30 - Math.log2(offsetSize(format.layout)));
    return Math.min(most, Math.max(least, maxDirectoryBits));
  }

  /** Keeps of records that no split could part only as many as a bucket holds. */
  #dropCrowded(order: Uint32Array): { order: Uint32Array; crowded: number } {
    const shift = HASH_BITS - this.#maxBits;
    let kept = 0;
    let prefix = -1;
    let together = 0;
    for (const i of order) {
      const own = this.#index.hash(i) >>> shift;
      together = own === prefix ? together + 1 : 1;
      prefix = own;
      if (together <= this.#elements) order[kept++] = i;
    }
    return { order: order.subarray(0, kept), crowded: order.length - kept };
  }

  #partition(order: Uint32Array): { partitions: Partition[]; directoryBits: number } {
    const hashes = Int32Array.from(order, (i) => this.#index.hash(i));
    const partitions = partitionHashes(hashes, this.#elements, this.#maxBits);
    if (partitions === undefined) throw new BuildError('expected no crowded bucket to be left, found one');
    const deepest = partitions.reduce((bits, partition) => Math.max(bits, partition.bits), 0);
    const { format, blockSize } = this.#spec;
    return { partitions, directoryBits: Math.max(deepest, directorySizeFor(format.layout, blockSize).bits) };
  }

  /** Of records with the same key only the first is kept; they have the same hash, so they are neighbours. */
  async #dropDuplicates(order: Uint32Array): Promise<{ order: Uint32Array; duplicates: number }> {
    const index = this.#index;
    let kept = 0;
    let group = 0;
    for (const i of order) {
      if (kept > 0 && index.hash(order[kept - 1]) !== index.hash(i)) group = kept;
      let duplicate = false;
      for (let k = group; k < kept && !duplicate; k++) {
        duplicate = index.maySameKey(order[k], i) && (await this.#sameKey(order[k], i));
      }
      if (!duplicate) order[kept++] = i;
    }
    return { order: order.subarray(0, kept), duplicates: order.length - kept };
  }

  async #sameKey(a: number, b: number): Promise<boolean> {
    const index = this.#index;
    const size = index.keySize(a);
    const others = readChunks(this.#sink, index.offset(b), size);
    for await (const piece of readChunks(this.#sink, index.offset(a), size)) {
      const other = await others.next();
      if (other.done || !equalBytes(piece, other.value)) return false;
    }
    return true;
  }

  #bucket({ bits, from, to }: Partition, order: Uint32Array): Uint8Array {
    const index = this.#index;
    const bytes = new Uint8Array(this.#spec.bucketSize);
    const bucket = new BucketView(bytes, this.#spec.format, this.#elements);
    for (let at = 0; at < this.#elements; at++) bucket.setHash(at, FREE_HASH);
    bucket.setHead(bits, to - from);
    for (const i of order.subarray(from, to)) {
      let at = index.hash(i) % this.#elements;
      while (bucket.hash(at) !== FREE_HASH) at = (at + 1) % this.#elements;
      bucket.setElement(at, {
        hash: index.hash(i),
        key_start: index.keyStart(i),
        data_pointer: index.offset(i),
        key_size: index.keySize(i),
        data_size: index.dataSize(i),
      });
    }
    return bytes;
  }

  #headerBlock(dir: number, dirBits: number, size: number, free: AvailElement[]): Uint8Array {
    const { format, blockSize, bucketSize, numsync } = this.#spec;
    const { layout, byteOrder } = format;
    const block = new Uint8Array(blockSize);
    const header = {
      magic: magicOf(format),
      block_size: blockSize,
      dir,
      dir_size: offsetSize(layout) * 2 ** dirBits,
      dir_bits: dirBits,
      bucket_size: bucketSize,
      bucket_elems: this.#elements,
      next_block: size,
    };
    block.set(encodeHeader(header, layout, byteOrder));
    if (format.variant === 'numsync') {
      const extended = encodeExtendedHeader({ version: 0, numsync: numsync ?? 0 }, layout, byteOrder);
      block.set(extended, extendedHeaderOffset(layout));
    }
    const avail = {
      size: headerAvailSize(format, blockSize),
      count: free.length,
      next_block: 0,
      table: free.sort((a, b) => a.av_size - b.av_size),
    };
    encodeAvailBlock(avail, layout, byteOrder, block, headerAvailOffset(format));
    return block;
  }
}
