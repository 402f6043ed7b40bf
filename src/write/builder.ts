import { KEY_START, MAX_SIZE } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import type { HashChar } from '../format/hash.js';
import { HASH_BITS, HASH_RANGE, KeyHasher } from '../format/hash.js';
import { viewOf } from '../format/struct.js';
import { readChunks } from '../source/source.js';
import type { BuildSpec, FreshBucket } from './frame.js';
import { BucketFiller, BuildError, deepestSplit, Frame } from './frame.js';
import type { Division, HashOrder, RecordIndex } from './recordindex.js';
import { partitionHashes, SpillingIndex } from './recordindex.js';
import type { Sink } from './sink.js';

/** A record to be stored. */
export interface BuildRecord {
  /** The key's hash, of the flavour that the database has. */
  readonly hash: number;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes of the value; undefined where it goes on to the end of the pieces. */
  readonly dataSize: number | undefined;
  /** The key and the value directly after it: `keySize + dataSize` bytes, whole or in pieces. */
  readonly bytes: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Keys up to so many bytes are held whole for their second hash; larger ones are hashed piece by piece. */
const LARGE_KEY = 1 << 16;
/** With more records of one hash, a table of their second hashes tells them apart. */
const FEW_ALIKE = 64;
/** Records indexed in memory: 28 bytes each, and 16 more while they are sorted. */
const HELD = 1 << 20;

/** The outcome of a build. */
export interface BuildResult {
  /** Records in the database. */
  readonly records: number;
  /** Records left out because an earlier one has the same key. */
  readonly duplicates: number;
  /** Records left out because more than a bucket holds share every hash bit that the directory can use. */
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
 * Goes on with the digest of a large key: byte by byte, as one may come in pieces of any size. It begins with the key's size.
 */
function digestOn(digest: number, bytes: Uint8Array, from: number, to: number): number {
  for (let i = from; i < to; i++) digest = Math.imul(digest ^ bytes[i], LARGE_FACTOR);
  return digest;
}

/** Another one in each process, so that no keys can be made that have the same digest. */
const LARGE_FACTOR = Math.floor(Math.random() * 2 ** 32) | 1;

/**
 * Builds a database in one pass: records as they come, then buckets, directory and header. Until `finish` the
 * sink holds no valid database, so nothing half-done can be taken for one.
 */
export class DatabaseBuilder {
  readonly #sink: Sink;
  readonly #frame: Frame;
  readonly #records: SpillingIndex;
  readonly #key = new KeyHasher();
  readonly #bucket: BucketFiller;
  readonly #division: Division;

  /**
   * @param held records indexed in memory; a sink that can spill has the others
   * @throws BuildError if no database can have these sizes
   */
  constructor(sink: Sink, spec: BuildSpec, held = HELD) {
    this.#sink = sink;
    this.#frame = new Frame(sink, spec);
    this.#records = new SpillingIndex(sink.spill?.bind(sink), held);
    this.#bucket = new BucketFiller(spec);
    this.#division = { capacity: this.#bucket.writer.elements, maxBits: deepestSplit(spec) };
  }

  /**
   * Appends a record's bytes. The hash is not checked: the database does not find a key with another hash than its own.
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
    const offset = this.#frame.out.position;
    if (stated !== undefined) this.#frame.requireOffset(offset + most);
    // The whole key, or the beginning of a large one.
    const key = new Uint8Array(keySize > LARGE_KEY ? KEY_START : keySize);
    let done = 0;
    let digest = keySize;
    const append = async (piece: Uint8Array) => {
      // An endless stream must not be read to its end.
      if (done + piece.length > most) {
        throw new BuildError(
          `expected a record of ${keySize} + ${most - keySize} bytes, found ${done + piece.length} or more`,
        );
      }
      if (stated === undefined) this.#frame.requireOffset(offset + done + piece.length);
      if (done < key.length) key.set(piece.subarray(0, key.length - done), done);
      if (done < keySize && keySize > LARGE_KEY)
        digest = digestOn(digest, piece, 0, Math.min(piece.length, keySize - done));
      done += piece.length;
      await this.#frame.out.append(piece);
    };
    if (bytes instanceof Uint8Array) await append(bytes);
    else for await (const piece of bytes) await append(piece);
    const dataSize = stated ?? done - keySize;
    if (done !== keySize + dataSize || dataSize < 0) {
      throw new BuildError(`expected a record of ${keySize} + ${dataSize} bytes, found ${done}`);
    }
    if (keySize <= LARGE_KEY) {
      ({ digest } = this.#key.takeBytes(key, 0, keySize));
    }
    this.#records.current.add(hash, offset, keySize, dataSize, key, 0, digest);
    return dataSize;
  }

  /**
   * Appends the records of a batch from number `from` to before `to`, as {@link add} does one.
   *
   * @param start index in `bytes` at which the first begins
   * @returns index in `bytes` at which the last ends
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
    const base = this.#frame.out.position - start;
    let at = start;
    for (let i = from; i < to; i++) {
      const keySize = keySizes[i];
      const dataSize = dataSizes[i];
      key.take(view, at, keySize);
      const digest = keySize <= LARGE_KEY ? key.digest : digestOn(keySize, bytes, at, at + keySize);
      index.add(key.hash(hashChar), base + at, keySize, dataSize, bytes, at, digest);
      at += keySize + dataSize;
    }
    this.#frame.requireOffset(base + at);
    await this.#frame.out.append(bytes.subarray(start, at));
    return at;
  }

  /**
   * Writes buckets, directory and, last, the header.
   *
   * @throws BuildError if the records do not fit the format
   */
  async finish(): Promise<BuildResult> {
    const counts = { records: 0, duplicates: 0, crowded: 0 };
    try {
      await this.#frame.endRecords();
      const size = await this.#frame.finish(this.#buckets(counts));
      return { ...counts, size };
    } finally {
      await this.#records.close();
    }
  }

  async *#buckets(counts: {
    records: number;
    duplicates: number;
    crowded: number;
  }): AsyncGenerator<FreshBucket> {
    for await (const { index, begin, limit } of this.#records.parts(this.#division)) {
      const order = index.orderByHash();
      counts.duplicates += await this.#dropDuplicates(index, order);
      counts.crowded += this.#dropCrowded(order);
      counts.records += order.length;
      const partitions = partitionHashes(order.hashes(), this.#division, begin, limit);
      if (partitions === undefined) throw new BuildError('expected no crowded bucket to be left, found one');
      for (const { first, bits, from, to } of partitions) {
        this.#bucket.begin(bits, to - from);
        for (let n = from; n < to; n++) index.putElement(order.number(n), this.#bucket);
        yield { first, bits, bytes: this.#bucket.end() };
      }
    }
  }

  /** Drops all but as many as a bucket holds of records that no split could part; returns the number of dropped ones. */
  #dropCrowded(order: HashOrder): number {
    const { capacity, maxBits } = this.#division;
    const shift = HASH_BITS - maxBits;
    let kept = 0;
    let prefix = -1;
    let together = 0;
    for (let n = 0; n < order.length; n++) {
      const own = order.hash(n) >>> shift;
      together = own === prefix ? together + 1 : 1;
      prefix = own;
      if (together <= capacity) order.move(n, kept++);
    }
    const crowded = order.length - kept;
    order.length = kept;
    return crowded;
  }

  /**
   * Drops all but the first of the records with one key; having one hash, they are neighbours. Returns the number of dropped
   * ones.
   */
  async #dropDuplicates(index: RecordIndex, order: HashOrder): Promise<number> {
    let kept = 0;
    let group = 0;
    for (let n = 0; n < order.length; n++) {
      const hash = order.hash(n);
      if (kept > 0 && order.hash(kept - 1) !== hash) group = kept;
      if (kept - group === FEW_ALIKE) {
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

  /** Drops the same from many records with one hash, those from `from` to before `to`; returns the number of records kept. */
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
