import { NumberSet, OffsetList, SALT, firstAfter } from '../numbers.js';
import { equalAt } from '../database/database.js';
import { equalBytes } from '../format/bytes.js';
import { isPortableKey } from '../format/hash.js';
import type { BatchLimits, RecordBatch } from '../read/batch.js';
import { DIGEST, HASH, KEY_SIZE, WORDS } from '../read/batch.js';
import type { FoundRecord } from '../read/lookup.js';
import { Lookup } from '../read/lookup.js';
import type { Opened } from '../examine.js';
import type { RecordLoss } from '../read/records.js';
import { allRecords } from '../read/records.js';
import { cached } from '../source/cached.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import { readKey } from './dump.js';

/** A key that is not the same in two databases. */
export interface Difference {
  readonly how: 'removed' | 'added' | 'changed';
  /** Valid until the next difference is asked for. */
  readonly key: Uint8Array;
  /** Bytes of the value before; undefined without one. */
  readonly before: number | undefined;
  readonly after: number | undefined;
}

interface DiffCounts {
  same: number;
  removed: number;
  added: number;
  changed: number;
  /** The records of either that could not be read: then the differences are not all. */
  lossBefore: RecordLoss;
  lossAfter: RecordLoss;
}

/** The counts before a comparison. */
export function noCounts(): DiffCounts {
  const loss = () => ({ records: 0, incomplete: false });
  return { same: 0, removed: 0, added: 0, changed: 0, lossBefore: loss(), lossAfter: loss() };
}

/**
 * Compares two databases of any kind key by key. The order of the differences means nothing.
 *
 * 1. Batches of both databases go side by side, in the order of their hashes, and their keys are compared.
 * 2. A record without a partner is a difference if the other database was read completely for its hash.
 * 3. Any other one is looked up: records of damaged buckets, and keys that machines hash differently.
 *
 * Only one batch of each database is held, whatever its size.
 */
export async function* diff(
  before: Opened,
  after: Opened,
  counts: DiffCounts,
  limits?: BatchLimits,
): AsyncGenerator<Difference> {
  const a = new DiffSide(before, counts.lossBefore, limits);
  const b = new DiffSide(after, counts.lossAfter, limits);
  const comparison = new Comparison(counts);
  const keys = new KeyTable();
  const nextAfter = async () => {
    await b.advance();
    if (b.batch !== undefined) keys.load(b.batch);
  };
  await a.advance();
  await nextAfter();
  while (a.batch !== undefined && b.batch !== undefined) {
    yield* comparison.pairs(a, a.batch, b, b.batch, keys);
    if (a.to <= b.to) {
      yield* comparison.rest('removed', a, b);
      await a.advance();
    } else {
      yield* comparison.rest('added', b, a);
      await nextAfter();
    }
  }
  for (; a.batch !== undefined; await a.advance()) yield* comparison.rest('removed', a, b);
  for (; b.batch !== undefined; await b.advance()) yield* comparison.rest('added', b, a);
}

class Comparison {
  readonly #room = new Uint8Array(4096);

  constructor(readonly counts: DiffCounts) {}

  /** Compares the records of two batches that have the same keys. */
  *pairs(
    a: DiffSide,
    batch: RecordBatch,
    b: DiffSide,
    other: RecordBatch,
    keys: KeyTable,
  ): Generator<Difference> {
    const { hashFrom, hashTo } = other;
    for (let n = 0; n < batch.count; n++) {
      const hash = batch.hash(n);
      if (hash < hashFrom || hash >= hashTo || a.found[n] !== 0) continue;
      const m = keys.find(batch, n);
      if (m < 0) continue;
      a.found[n] = 1;
      b.found[m] = 1;
      const keySize = batch.keySizes[n];
      const [was, is] = [batch.dataSizes[n], other.dataSizes[m]];
      const [start, otherStart] = [batch.starts[n], other.starts[m]];
      const isSame =
        was === is && equalRuns(batch.bytes, start + keySize, other.bytes, otherStart + keySize, was);
      if (isSame) this.counts.same++;
      else yield this.#difference('changed', batch.bytes.subarray(start, start + keySize), was, is);
    }
  }

  /** Decides on the records of a batch that have no partner in the batches beside it. */
  async *rest(how: 'removed' | 'added', side: DiffSide, other: DiffSide): AsyncGenerator<Difference> {
    const { batch } = side;
    if (batch === undefined) return;
    for (let n = 0; n < batch.count; n++) {
      if (side.found[n] !== 0) continue;
      const isMissing = batch.isCertain(n) && other.lacks(batch, n);
      const difference = await this.#lookedUp(how, batch, n, isMissing ? undefined : other);
      if (difference !== undefined) yield difference;
    }
  }

  /**
   * @param how the difference if the other database does not have the record
   * @param other undefined if it is proved not to have it
   */
  async #lookedUp(
    how: 'removed' | 'added',
    batch: RecordBatch,
    n: number,
    other: DiffSide | undefined,
  ): Promise<Difference | undefined> {
    const [start, keySize, size] = [batch.starts[n], batch.keySizes[n], batch.dataSizes[n]];
    const key =
      start < 0
        ? await readKey(batch.source, batch.offsets[n], keySize)
        : batch.bytes.subarray(start, start + keySize);
    const found = await other?.find(key);
    if (found === undefined) {
      return how === 'removed'
        ? this.#difference(how, key, size)
        : this.#difference(how, key, undefined, size);
    }
    // A record that both have is counted once, with those of the first database.
    if (how === 'added') return undefined;
    const { source, valueOffset, valueSize } = found;
    const isSame =
      size === valueSize &&
      (start < 0
        ? await sameRange(batch.source, batch.offsets[n] + keySize, source, valueOffset, size)
        : await equalAt(
            source,
            valueOffset,
            batch.bytes.subarray(start + keySize, start + keySize + size),
            this.#room,
          ));
    if (!isSame) return this.#difference('changed', key, size, valueSize);
    this.counts.same++;
    return undefined;
  }

  #difference(how: Difference['how'], key: Uint8Array, before?: number, after?: number): Difference {
    this.counts[how]++;
    return { how, key, before, after };
  }
}

async function sameRange(a: Source, atA: number, b: Source, atB: number, size: number): Promise<boolean> {
  const others = readChunks(b, atB, size);
  for await (const piece of readChunks(a, atA, size)) {
    const other = await others.next();
    if (other.done || !equalBytes(piece, other.value)) return false;
  }
  return true;
}

/** Batches of two databases at once, beside the memory of a search of each. */
const LIMITS: BatchLimits = { bytes: 7 << 20, records: 48 << 10 };

/** One of two databases that are compared: read in batches, and asked for a key where these cannot tell. */
class DiffSide {
  /** The current batch; undefined behind the last one. */
  batch: RecordBatch | undefined;
  /** For each of its records a 1 if the other database has the key. */
  found = new Uint8Array(0);
  /** Smaller hashes do not come any more. */
  to = 0;
  /** The ranges of hashes of which all records were read. */
  readonly #wholeFrom = new OffsetList();
  readonly #wholeTo = new OffsetList();
  /** The hashes of the large records, which nothing was compared with. */
  readonly #large = new NumberSet();
  readonly #opened: Opened;
  readonly #batches: AsyncGenerator<RecordBatch>;
  #lookup: Lookup | undefined;

  constructor(opened: Opened, loss: RecordLoss, limits = LIMITS) {
    this.#batches = allRecords(opened, { loss, limits });
    this.#opened = { ...opened, db: { ...opened.db, source: cached(opened.db.source) } };
  }

  /** Goes to the next batch; the one before it is no longer valid. */
  async advance(): Promise<void> {
    const next = await this.#batches.next();
    this.batch = next.done ? undefined : next.value;
    if (this.batch === undefined) return;
    const { count, starts, whole, hashesDone } = this.batch;
    if (this.found.length < count) this.found = new Uint8Array(count);
    this.found.fill(0);
    for (let n = 0; n < count; n++) if (starts[n] < 0) this.#large.add(this.batch.hash(n));
    for (const [from, to] of whole) this.#addWhole(from, to);
    this.to = Math.max(this.to, hashesDone);
  }

  /**
   * Returns true if this database is proved not to have a record of the other one: a key that all machines hash the
   * same would be in the buckets that were read.
   */
  lacks(batch: RecordBatch, n: number): boolean {
    const { bytes, starts, keySizes } = batch;
    if (starts[n] < 0) return false;
    const hash = batch.hash(n);
    if (!this.#isWhole(hash) || this.#large.has(hash)) return false;
    return isPortableKey(bytes.subarray(starts[n], starts[n] + keySizes[n]));
  }

  #addWhole(from: number, to: number): void {
    const last = this.#wholeTo.length - 1;
    if (last >= 0 && this.#wholeTo.at(last) === from) this.#wholeTo.values()[last] = to;
    else {
      this.#wholeFrom.push(from);
      this.#wholeTo.push(to);
    }
  }

  #isWhole(hash: number): boolean {
    const range = firstAfter(this.#wholeFrom.values(), hash) - 1;
    return range >= 0 && hash < this.#wholeTo.at(range);
  }

  async find(key: Uint8Array): Promise<(FoundRecord & { source: Source }) | undefined> {
    this.#lookup ??= new Lookup(this.#opened);
    const found = await this.#lookup.find(key);
    return found && { ...found, source: this.#opened.db.source };
  }
}

/**
 * The held records of a batch, found by their keys: a table of 8 bytes for each, whose memory is used again for the
 * next batch.
 */
class KeyTable {
  /** The number of a record plus 1; 0 without one. */
  #slots = new Int32Array(1024);
  #batch: RecordBatch | undefined;

  load(batch: RecordBatch): void {
    while (this.#slots.length < 2 * batch.count) this.#slots = new Int32Array(2 * this.#slots.length);
    this.#slots.fill(0);
    this.#batch = batch;
    for (let n = 0; n < batch.count; n++) {
      if (batch.starts[n] < 0) continue;
      let at = this.#home(batch.words, n);
      while (this.#slots[at] !== 0) at = (at + 1) & (this.#slots.length - 1);
      this.#slots[at] = n + 1;
    }
  }

  /** The record with the key of another batch's record; −1 if none is held. */
  find(other: RecordBatch, n: number): number {
    const batch = this.#batch;
    if (batch === undefined || other.starts[n] < 0) return -1;
    const { starts, bytes, words } = batch;
    const { words: others } = other;
    const from = n * WORDS;
    const mask = this.#slots.length - 1;
    for (let at = this.#home(others, n); this.#slots[at] !== 0; at = (at + 1) & mask) {
      const found = this.#slots[at] - 1;
      const to = found * WORDS;
      const isAlike =
        words[to + DIGEST] === others[from + DIGEST] &&
        words[to + HASH] === others[from + HASH] &&
        words[to + KEY_SIZE] === others[from + KEY_SIZE];
      if (!isAlike) continue;
      if (equalRuns(bytes, starts[found], other.bytes, other.starts[n], words[to + KEY_SIZE])) return found;
    }
    return -1;
  }

  #home(words: Int32Array, n: number): number {
    const first = Math.imul(words[n * WORDS + DIGEST] ^ SALT, 0x9e3779b1);
    const mixed = Math.imul(first ^ (first >>> 15) ^ words[n * WORDS + HASH], 0x85ebca6b);
    return (mixed ^ (mixed >>> 13)) & (this.#slots.length - 1);
  }
}

/** Runs up to this length are compared byte by byte: two views of each would take longer. */
const SHORT = 256;

/** Returns true if two pieces of memory have the same bytes, each at its own offset. */
function equalRuns(a: Uint8Array, atA: number, b: Uint8Array, atB: number, size: number): boolean {
  if (size > SHORT) return equalBytes(a.subarray(atA, atA + size), b.subarray(atB, atB + size));
  for (let i = 0; i < size; i++) if (a[atA + i] !== b[atB + i]) return false;
  return true;
}
