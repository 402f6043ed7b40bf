import { KEY_START, MAX_SIZE } from '../format/bucket.js';
import { BucketWriter } from '../format/bucketwords.js';
import { equalBytes } from '../format/bytes.js';
import { directorySizeFor, slotOf } from '../format/directory.js';
import type { HashChar } from '../format/hash.js';
import { digestOn, FREE_HASH, HASH_BITS, HASH_RANGE, hashKey, keyDigest, KeyLook } from '../format/hash.js';
import { viewOf } from '../format/struct.js';
import { readChunks } from '../source/source.js';
import { Frame } from './frame.js';
import type { HashOrder } from './hashorder.js';
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
  /** Bytes of the value; undefined where only the end of the pieces tells. */
  readonly dataSize: number | undefined;
  /** The key and the value directly after it: `keySize + dataSize` bytes, whole or in pieces. */
  readonly bytes: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Keys up to so many bytes are looked at as a whole for their second hash; larger ones as they come. */
const LARGE_KEY = 1 << 16;
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
  readonly #key = new KeyLook();
  readonly #bucket: BucketWriter;

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
    this.#bucket = new BucketWriter(spec.format, spec.bucketSize);
    this.#elements = this.#bucket.elements;
  }

  /**
   * Appends a record's bytes. Its hash is believed: one that is not the key's makes a database that does not find it.
   *
   * @returns bytes of the value
   * @throws BuildError if it is no record of the format, or there is no room for it
   */
  async add({ hash, keySize, dataSize: stated, bytes }: BuildRecord): Promise<number> {
    if (!(Number.isInteger(hash) && hash >= 0 && hash < HASH_RANGE)) {
      throw new BuildError(`expected a hash from 0 to before ${HASH_RANGE}, found ${hash}`);
    }
    if (!(isSize(keySize) && isSize(stated ?? 0))) {
      throw new BuildError(
        `expected a key and a value of 0 to ${MAX_SIZE} bytes each, found ${keySize} and ${stated}`,
      );
    }
    const most = keySize + (stated ?? MAX_SIZE);
    await this.#records.makeRoom();
    const offset = this.#out.position;
    if (stated !== undefined) this.#frame.requireOffset(offset + most);
    // Of a larger key only its beginning.
    const key = new Uint8Array(keySize > LARGE_KEY ? KEY_START : keySize);
    let done = 0;
    let digest = keyDigest(keySize);
    const append = async (piece: Uint8Array) => {
      // Not taken to its end: it may have none.
      if (done + piece.length > most) {
        throw new BuildError(
          `expected a record of ${keySize} + ${most - keySize} bytes, found ${done + piece.length} or more`,
        );
      }
      if (stated === undefined) this.#frame.requireOffset(offset + done + piece.length);
      if (done < key.length) key.set(piece.subarray(0, key.length - done), done);
      if (done < keySize && keySize > LARGE_KEY)
        digest = digestOn(digest, piece, Math.min(piece.length, keySize - done));
      done += piece.length;
      await this.#out.append(piece);
    };
    if (bytes instanceof Uint8Array) await append(bytes);
    else for await (const piece of bytes) await append(piece);
    const dataSize = stated ?? done - keySize;
    if (done !== keySize + dataSize || dataSize < 0) {
      throw new BuildError(`expected a record of ${keySize} + ${dataSize} bytes, found ${done}`);
    }
    if (keySize <= LARGE_KEY) {
      this.#key.take(viewOf(key), 0, keySize);
      ({ digest } = this.#key);
    }
    this.#records.current.add(hash, offset, keySize, dataSize, key, 0, digest);
    return dataSize;
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
    const view = viewOf(bytes);
    const base = this.#out.position - start;
    let at = start;
    for (let i = from; i < to; i++) {
      const keySize = keySizes[i];
      const dataSize = dataSizes[i];
      key.take(view, at, keySize);
      const isTold = key.portable || hashChar === 'unsigned';
      const hash = isTold ? key.unsigned : hashKey(bytes.subarray(at, at + keySize), hashChar);
      const digest =
        keySize <= LARGE_KEY ? key.digest : digestOn(keyDigest(keySize), bytes.subarray(at), keySize);
      index.add(hash, base + at, keySize, dataSize, bytes, at, digest);
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
    try {
      return await this.#finish(onKept);
    } finally {
      await this.#records.close();
    }
  }

  async #finish(onKept?: (number: number) => void): Promise<BuildResult> {
    const { bucketSize } = this.#spec;
    await this.#out.flush();
    await this.#frame.fillBlock(0);
    const buckets = this.#out.position;
    const ranges: Pick<Partition, 'first' | 'bits'>[] = [];
    const counts = { records: 0, duplicates: 0, crowded: 0 };
    const division = { capacity: this.#elements, maxBits: deepestSplit(this.#spec) };
    for await (const { index, begin, limit, numbers } of this.#records.parts(division)) {
      const order = index.orderByHash();
      counts.duplicates += await this.#dropDuplicates(index, order);
      counts.crowded += this.#dropCrowded(order);
      counts.records += order.length;
      for (let n = 0; onKept !== undefined && n < order.length; n++) {
        const i = order.number(n);
        onKept(numbers?.[i] ?? i);
      }
      for (const partition of this.#partition(order, begin, limit)) {
        ranges.push({ first: partition.first, bits: partition.bits });
        this.#frame.requireOffset(this.#out.position + bucketSize);
        await this.#out.append(this.#bucketOf(index, partition, order));
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

  /** Keeps of records that no split could part only as many as a bucket holds; gives how many are left out. */
  #dropCrowded(order: HashOrder): number {
    const shift = HASH_BITS - deepestSplit(this.#spec);
    let kept = 0;
    let prefix = -1;
    let together = 0;
    for (let n = 0; n < order.length; n++) {
      const own = order.hash(n) >>> shift;
      together = own === prefix ? together + 1 : 1;
      prefix = own;
      if (together <= this.#elements) order.move(n, kept++);
    }
    const crowded = order.length - kept;
    order.length = kept;
    return crowded;
  }

  #partition(order: HashOrder, begin: number, limit: number): Partition[] {
    const deepest = deepestSplit(this.#spec);
    const partitions = partitionHashes(order.hashes(), this.#elements, deepest, begin, limit);
    if (partitions === undefined) throw new BuildError('expected no crowded bucket to be left, found one');
    return partitions;
  }

  /**
   * Of records with the same key only the first is kept; they have the same hash, so they are neighbours. Gives how many are
   * left out.
   */
  async #dropDuplicates(index: RecordIndex, order: HashOrder): Promise<number> {
    let kept = 0;
    let group = 0;
    for (let n = 0; n < order.length; n++) {
      const hash = order.hash(n);
      if (kept > 0 && order.hash(kept - 1) !== hash) group = kept;
      if (kept - group === FEW) {
        const end = endOfHash(order, n);
        kept = await this.#keepDistinct(index, order, { group, kept, from: n, to: end });
        n = end - 1;
        continue;
      }
      let duplicate = false;
      const i = order.number(n);
      for (let k = group; k < kept && !duplicate; k++) {
        const other = order.number(k);
        duplicate = index.maySameKey(other, i) && (await this.#sameKey(index, other, i));
      }
      if (!duplicate) order.move(n, kept++);
    }
    const duplicates = order.length - kept;
    order.length = kept;
    return duplicates;
  }

  /** Keeps of many records with one hash those with another key; gives how many records are kept then. */
  async #keepDistinct(
    index: RecordIndex,
    order: HashOrder,
    { group, kept, from, to }: { group: number; kept: number; from: number; to: number },
  ): Promise<number> {
    const byDigest = new Map<number, number[]>();
    const remember = (i: number) => {
      const others = byDigest.get(index.digest(i));
      if (others === undefined) byDigest.set(index.digest(i), [i]);
      else others.push(i);
    };
    for (let n = group; n < kept; n++) remember(order.number(n));
    for (let n = from; n < to; n++) {
      const i = order.number(n);
      let duplicate = false;
      for (const other of byDigest.get(index.digest(i)) ?? []) {
        duplicate = index.maySameKey(other, i) && (await this.#sameKey(index, other, i));
        if (duplicate) break;
      }
      if (duplicate) continue;
      order.move(n, kept++);
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

  #bucketOf(index: RecordIndex, { bits, from, to }: Partition, order: HashOrder): Uint8Array {
    const bucket = this.#bucket;
    bucket.begin(bits, to - from);
    let at = 0;
    let before = FREE_HASH;
    for (let n = from; n < to; n++) {
      const hash = order.hash(n);
      // What has the hash of the one before it finds no place before that one's.
      if (hash !== before) at = hash % this.#elements;
      before = hash;
      while (!bucket.isFree(at)) at = at + 1 === this.#elements ? 0 : at + 1;
      index.putElement(order.number(n), bucket, at);
    }
    return bucket.end();
  }
}

function isSize(bytes: number): boolean {
  return Number.isInteger(bytes) && bytes >= 0 && bytes <= MAX_SIZE;
}

/** The place behind the last record with the hash of the one at place `n` of the order. */
function endOfHash(order: HashOrder, n: number): number {
  const hash = order.hash(n);
  let end = n + 1;
  while (end < order.length && order.hash(end) === hash) end++;
  return end;
}
