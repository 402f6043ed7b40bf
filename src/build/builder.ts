import type { Element } from '../format/bucket.js';
import { bucketElementCount, BucketView, KEY_START } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import { directorySizeFor, slotOf } from '../format/directory.js';
import type { HashChar } from '../format/hash.js';
import { digestOn, FREE_HASH, HASH_BITS, HASH_RANGE, keyDigest, KeyScan } from '../format/hash.js';
import { readChunks } from '../source/source.js';
import { Frame } from './frame.js';
import type { Partition } from './partition.js';
import { partitionHashes } from './partition.js';
import type { RecordIndex } from './recordindex.js';
import type { Appender, Sink } from './sink.js';
import { SpillingIndex } from './spilling.js';
import type { BuildSpec } from './spec.js';
import { BuildError, deepestSplit, requireSizes } from './spec.js';

export type { BuildSpec } from './spec.js';
export { BuildError } from './spec.js';

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

/** More records of one hash are told apart by a table of their second one. */
const FEW = 64;
/** Records remembered in memory: 28 bytes each, and 16 more while they are sorted. */
const HELD = 1 << 20;

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

/** Records in one piece of memory, each directly behind the one before it. */
export interface BuildBatch {
  readonly bytes: Uint8Array;
  /** Bytes of each key, and of each value. */
  readonly keySizes: Int32Array;
  readonly dataSizes: Int32Array;
}

/**
 * Builds a database in one pass: records as they come, then buckets, directory and header. Until `finish` the
 * sink holds no valid database, so nothing half-done can be taken for one.
 */
export class DatabaseBuilder {
  readonly #spec: BuildSpec;
  readonly #sink: Sink;
  readonly #frame: Frame;
  readonly #out: Appender;
  readonly #records: SpillingIndex;
  readonly #elements: number;
  readonly #key = new KeyScan();
  /** A bucket in the making, and an element: both are used again for the next. */
  readonly #room: Uint8Array;
  readonly #view: BucketView;
  readonly #element: Element = {
    hash: 0,
    key_start: new Uint8Array(KEY_START),
    data_pointer: 0,
    key_size: 0,
    data_size: 0,
  };

  /**
   * @param held records remembered in memory, where fewer are wanted; where the sink has room for them, others are there
   * @throws BuildError if no database can have these sizes
   */
  constructor(sink: Sink, spec: BuildSpec, held = HELD) {
    requireSizes(spec);
    this.#spec = spec;
    this.#sink = sink;
    this.#records = new SpillingIndex(sink.spill?.bind(sink), held);
    this.#frame = new Frame(sink, spec);
    this.#out = this.#frame.out;
    this.#elements = bucketElementCount(spec.format.layout, spec.bucketSize);
    this.#room = new Uint8Array(spec.bucketSize);
    this.#view = new BucketView(this.#room, spec.format, this.#elements);
  }

  /**
   * Appends a record's bytes.
   *
   * @throws BuildError if it is no record of the format, or there is no room for it
   */
  async add({ hash, keySize, dataSize, bytes }: BuildRecord): Promise<void> {
    if (!(Number.isInteger(hash) && hash >= 0 && hash < HASH_RANGE)) {
      throw new BuildError(`expected a hash from 0 to before ${HASH_RANGE}, found ${hash}`);
    }
    await this.#records.makeRoom();
    const offset = this.#out.position;
    this.#frame.requireOffset(offset + keySize + dataSize);
    const keyStart = new Uint8Array(Math.min(KEY_START, keySize));
    let done = 0;
    let digest = keyDigest(keySize);
    const append = async (piece: Uint8Array) => {
      if (done < keyStart.length) keyStart.set(piece.subarray(0, keyStart.length - done), done);
      if (done < keySize) digest = digestOn(digest, piece, Math.min(piece.length, keySize - done));
      done += piece.length;
      await this.#out.append(piece);
    };
    if (bytes instanceof Uint8Array) await append(bytes);
    else for await (const piece of bytes) await append(piece);
    if (done !== keySize + dataSize) {
      throw new BuildError(`expected a record of ${keySize} + ${dataSize} bytes, found ${done}`);
    }
    this.#records.current.add(hash, offset, keySize, dataSize, keyStart, 0, digest);
  }

  /**
   * Appends the bytes of many records at once, as {@link add} does of one.
   *
   * @param from the first of them in the batch, and `to` the one behind the last
   * @param start where in `bytes` the first begins
   * @returns where in `bytes` the last ends
   */
  async addRun(
    { bytes, keySizes, dataSizes }: BuildBatch,
    from: number,
    to: number,
    start: number,
    hashChar: HashChar,
  ): Promise<number> {
    await this.#records.makeRoom();
    const index = this.#records.current;
    const key = this.#key;
    const base = this.#out.position - start;
    let at = start;
    for (let i = from; i < to; i++) {
      const keySize = keySizes[i];
      const dataSize = dataSizes[i];
      key.take(bytes, at, at + keySize, hashChar);
      index.add(key.hash, base + at, keySize, dataSize, bytes, at, key.digest);
      at += keySize + dataSize;
    }
    this.#frame.requireOffset(base + at);
    await this.#out.append(bytes.subarray(start, at));
    return at;
  }

  /**
   * Writes buckets, directory and, last, the header.
   *
   * @param onKept is told the number of each record in the database, in the order in which they were added
   * @throws BuildError if the records do not fit the format
   */
  async finish(onKept?: (number: number) => void): Promise<BuildResult> {
    const { bucketSize } = this.#spec;
    await this.#out.flush();
    await this.#frame.fillBlock(0);
    const buckets = this.#out.position;
    const ranges: Pick<Partition, 'first' | 'bits'>[] = [];
    const counts = { records: 0, duplicates: 0, crowded: 0 };
    const division = { capacity: this.#elements, maxBits: deepestSplit(this.#spec) };
    for await (const { index, begin, limit, numbers } of this.#records.parts(division)) {
      const { order: unique, duplicates } = await this.#dropDuplicates(index, index.orderByHash());
      const { order, crowded } = this.#dropCrowded(index, unique);
      counts.records += order.length;
      counts.duplicates += duplicates;
      counts.crowded += crowded;
      if (onKept !== undefined) for (const i of order) onKept(numbers?.[i] ?? i);
      for (const partition of this.#partition(index, order, begin, limit)) {
        ranges.push({ first: partition.first, bits: partition.bits });
        this.#frame.requireOffset(this.#out.position + bucketSize);
        await this.#out.append(this.#bucket(index, partition, order));
      }
    }
    const size = await this.#frame.close(this.#directory(ranges, buckets));
    return { ...counts, size };
  }

  /** The directory that leads to buckets that lie one behind the other. */
  #directory(ranges: readonly Pick<Partition, 'first' | 'bits'>[], buckets: number): Float64Array {
    const { format, blockSize, bucketSize } = this.#spec;
    const least = directorySizeFor(format.layout, blockSize).bits;
    const directoryBits = ranges.reduce((most, { bits }) => Math.max(most, bits), least);
    const directory = new Float64Array(2 ** directoryBits);
    for (const [n, { first, bits }] of ranges.entries()) {
      const slot = slotOf(first, directoryBits);
      directory.fill(buckets + n * bucketSize, slot, slot + 2 ** (directoryBits - bits));
    }
    return directory;
  }

  /** Keeps of records that no split could part only as many as a bucket holds. */
  #dropCrowded(index: RecordIndex, order: Uint32Array): { order: Uint32Array; crowded: number } {
    const shift = HASH_BITS - deepestSplit(this.#spec);
    let kept = 0;
    let prefix = -1;
    let together = 0;
    for (let n = 0; n < order.length; n++) {
      const i = order[n];
      const own = index.hash(i) >>> shift;
      together = own === prefix ? together + 1 : 1;
      prefix = own;
      if (together <= this.#elements) order[kept++] = i;
    }
    return { order: order.subarray(0, kept), crowded: order.length - kept };
  }

  #partition(index: RecordIndex, order: Uint32Array, begin: number, limit: number): Partition[] {
    const hashes = new Int32Array(order.length);
    for (let n = 0; n < order.length; n++) hashes[n] = index.hash(order[n]);
    const partitions = partitionHashes(hashes, this.#elements, deepestSplit(this.#spec), begin, limit);
    if (partitions === undefined) throw new BuildError('expected no crowded bucket to be left, found one');
    return partitions;
  }

  /** Of records with the same key only the first is kept; they have the same hash, so they are neighbours. */
  async #dropDuplicates(
    index: RecordIndex,
    order: Uint32Array,
  ): Promise<{ order: Uint32Array; duplicates: number }> {
    let kept = 0;
    let group = 0;
    for (let n = 0; n < order.length; n++) {
      const i = order[n];
      if (kept > 0 && index.hash(order[kept - 1]) !== index.hash(i)) group = kept;
      if (kept - group === FEW) {
        const end = endOfHash(index, order, n);
        kept = await this.#keepDistinct(index, order, { group, kept, from: n, to: end });
        n = end - 1;
        continue;
      }
      let duplicate = false;
      for (let k = group; k < kept && !duplicate; k++) {
        duplicate = index.maySameKey(order[k], i) && (await this.#sameKey(index, order[k], i));
      }
      if (!duplicate) order[kept++] = i;
    }
    return { order: order.subarray(0, kept), duplicates: order.length - kept };
  }

  /** Keeps of many records with one hash those with another key; gives how many records are kept then. */
  async #keepDistinct(
    index: RecordIndex,
    order: Uint32Array,
    { group, kept, from, to }: { group: number; kept: number; from: number; to: number },
  ): Promise<number> {
    const byDigest = new Map<number, number[]>();
    const remember = (i: number) => {
      const others = byDigest.get(index.digest(i));
      if (others === undefined) byDigest.set(index.digest(i), [i]);
      else others.push(i);
    };
    for (let n = group; n < kept; n++) remember(order[n]);
    for (let n = from; n < to; n++) {
      const i = order[n];
      let duplicate = false;
      for (const other of byDigest.get(index.digest(i)) ?? []) {
        duplicate = index.maySameKey(other, i) && (await this.#sameKey(index, other, i));
        if (duplicate) break;
      }
      if (duplicate) continue;
      order[kept++] = i;
      remember(i);
    }
    return kept;
  }

  async #sameKey(index: RecordIndex, a: number, b: number): Promise<boolean> {
    const size = index.keySize(a);
    const others = readChunks(this.#sink, index.offset(b), size);
    for await (const piece of readChunks(this.#sink, index.offset(a), size)) {
      const other = await others.next();
      if (other.done || !equalBytes(piece, other.value)) return false;
    }
    return true;
  }

  #bucket(index: RecordIndex, { bits, from, to }: Partition, order: Uint32Array): Uint8Array {
    const bytes = this.#room;
    const bucket = this.#view;
    bytes.fill(0);
    for (let at = 0; at < this.#elements; at++) bucket.setHash(at, FREE_HASH);
    bucket.setHead(bits, to - from);
    let at = 0;
    let before = FREE_HASH;
    for (let n = from; n < to; n++) {
      const i = order[n];
      const hash = index.hash(i);
      // What has the hash of the one before it finds no place before that one's.
      if (hash !== before) at = hash % this.#elements;
      before = hash;
      while (bucket.hash(at) !== FREE_HASH) at = at + 1 === this.#elements ? 0 : at + 1;
      const element = this.#element;
      element.hash = hash;
      index.copyKeyStart(i, element.key_start);
      element.data_pointer = index.offset(i);
      element.key_size = index.keySize(i);
      element.data_size = index.dataSize(i);
      bucket.setElement(at, element);
    }
    return bytes;
  }
}

/** The number behind the last record with the hash of record `n` of the order. */
function endOfHash(index: RecordIndex, order: Uint32Array, n: number): number {
  const hash = index.hash(order[n]);
  let end = n + 1;
  while (end < order.length && index.hash(order[end]) === hash) end++;
  return end;
}
