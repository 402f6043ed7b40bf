import { SiteReader } from '../check/bucketreader.js';
import type { CheckResult } from '../check/check.js';
import { checkCopied } from '../check/check.js';
import type { Database } from '../database/database.js';
import { openDatabase } from '../database/database.js';
import { check } from '../examine.js';
import type { BucketWords } from '../format/bucketwords.js';
import { equalBytes } from '../format/bytes.js';
import { slotOf } from '../format/directory.js';
import type { HashChar } from '../format/hash.js';
import { FREE_HASH, KeyHasher } from '../format/hash.js';
import { readSalvaged } from '../salvage/read.js';
import type { Addition, SalvagedRecord } from '../salvage/salvage.js';
import { ADDITIONS } from '../salvage/salvage.js';
import type { Source } from '../source/source.js';
import { passChunks, readChunks, readInto } from '../source/source.js';
import type { BuildResult } from './builder.js';
import { DatabaseBuilder } from './builder.js';
import type { Contents, NotKept } from './contents.js';
import { NONE_NOT_KEPT } from './contents.js';
import type { Original } from './copy.js';
import { CopiedPlaces, copyInOrder, recordBytes, startMask } from './copy.js';
import type { Patch } from './patch.js';
import type { Sink } from './sink.js';

/** The outcome of writing a fresh database. */
export interface WriteResult extends BuildResult, Readonly<Record<NotKept, number>> {
  /** Records left out because the program that the database belongs to could not load it with them. */
  readonly leftOut: number;
  /** True if records and buckets were copied as they lay, and not record by record. */
  readonly copied: boolean;
}

/**
 * Writes a fresh database, by the fastest of three ways:
 *
 * 1. A patch of the sink, which is a copy of the source already, if only the header or the directory is wrong.
 * 2. A copy of the records in order of their places, and of their buckets with other pointers.
 * 3. Record by record.
 *
 * In the last two the records begin directly behind the header block and follow each other without a gap.
 *
 * @throws BuildError if the records do not fit the format
 */
export async function writeFresh(contents: Contents, sink: Sink): Promise<WriteResult> {
  const { source, spec, hashChar, original, patch } = contents;
  const leftOut = { ...NONE_NOT_KEPT, leftOut: 0 };
  if (patch !== undefined) {
    for (const { offset, bytes } of patch.changes) await sink.write(offset, bytes);
    const { checked, database } = patch;
    const counts = { records: checked.records.count, duplicates: 0, crowded: 0 };
    return { ...counts, size: database.size, ...leftOut, copied: true };
  }
  const copied = original && (await copyInOrder(original, spec, sink));
  if (copied !== undefined) return { ...copied, ...leftOut, copied: true };
  const builder = new DatabaseBuilder(sink, spec);
  for await (const { record, bytes } of readSalvaged(source, contents.records(leftOut), 'whole')) {
    const { offset, keySize, dataSize } = record;
    await builder.add({
      hash: await hashOf(source, record, hashChar),
      keySize,
      dataSize,
      bytes: bytes ?? readChunks(source, offset, keySize + dataSize),
    });
  }
  return { ...(await builder.finish()), ...leftOut, copied: false };
}

/** The hash of a record's key, of the flavour that is wanted. */
async function hashOf(source: Source, record: SalvagedRecord, wanted: HashChar): Promise<number> {
  if (record.hashChar === 'either' || record.hashChar === wanted) return record.hash;
  const hasher = new KeyHasher(record.keySize);
  for await (const piece of readChunks(source, record.offset, record.keySize)) hasher.update(piece);
  return hasher.hash(wanted);
}

/** The fresh database does not hold what was meant to be in it. */
export class VerifyError extends Error {
  override readonly name = 'VerifyError';
}

/** A fresh database that holds what was meant to be in it. */
export interface Verified {
  /** Its check. */
  readonly checked: CheckResult;
  /** Its records that were added to those in force. */
  readonly added: Readonly<Record<Addition, number>>;
}

/**
 * Reads a fresh database back and compares it with its source:
 *
 * 1. Its own examination finds nothing wrong, and as many records as were written.
 * 2. The bytes behind its header block are those of the records, in the order in which they were written.
 * 3. A lookup by the hash of each record comes to an element that leads to just that record.
 *
 * A patched copy is compared byte for byte with what was checked before it was written.
 *
 * @throws VerifyError with the first difference
 */
export async function verifyFresh(
  contents: Contents,
  written: WriteResult,
  fresh: Source,
): Promise<Verified> {
  if (contents.patch !== undefined) return verifyPatched(contents.patch, fresh);
  const { blockSize, bucketSize } = contents.spec;
  const original = written.copied ? contents.original : undefined;
  const db = await openDatabase(fresh);
  if (db?.geometry.blockSize !== blockSize || db.geometry.bucketSize !== bucketSize) {
    throw new VerifyError(
      `expected blocks of ${blockSize} and buckets of ${bucketSize} bytes in the fresh database`,
    );
  }
  const places = original && new CopiedPlaces(original.runs, blockSize);
  // Without a look at the keys, which were proved in the original: their bytes are compared.
  const proved =
    original &&
    places &&
    (await checkCopied(db, {
      records: original.records,
      flavours: original.flavours,
      bytes: places.bytes,
      base: blockSize,
    }));
  const checked = proved?.checked ?? (await check(fresh));
  requireSound(checked, written.records);
  const next = new RecordBytes(fresh, blockSize);
  const elements = new FreshElements(db);
  if (original === undefined || places === undefined) {
    return { checked, added: await compareRecords(contents, written, next, elements) };
  }
  await compareCopy(original, places, next, elements);
  return { checked, added: { stale: 0, deleted: 0, carved: 0 } };
}

async function verifyPatched({ database, checked }: Patch, fresh: Source): Promise<Verified> {
  if (fresh.size !== database.size) {
    throw new VerifyError(`expected a fresh file of ${database.size} bytes, found ${fresh.size}`);
  }
  const next = new RecordBytes(fresh, 0);
  for await (const bytes of passChunks(database, 0, database.size, WINDOW)) {
    if (!(await next.are(bytes))) throw otherBytes(next);
  }
  return { checked, added: { stale: 0, deleted: 0, carved: 0 } };
}

function requireSound({ verdict, findings, records }: CheckResult, expected: number): void {
  const trouble = findings.find(({ severity }) => severity !== 'note');
  if (trouble !== undefined || verdict !== 'healthy') {
    const found = trouble && `${trouble.code} at offset ${trouble.offset}: ${trouble.found}`;
    throw new VerifyError(`expected a sound fresh database, found ${found ?? 'one that is not'}`);
  }
  if (records.count !== expected) {
    throw new VerifyError(`expected ${expected} records in the fresh database, found ${records.count}`);
  }
}

async function compareCopy(
  original: Original,
  places: CopiedPlaces,
  next: RecordBytes,
  fresh: FreshElements,
): Promise<void> {
  for await (const bytes of recordBytes(original.db.source, original.runs)) {
    if (!(await next.are(bytes))) throw otherBytes(next);
  }
  for await (const elements of original.elements()) {
    const { used, usedCount, hashes, pointers, keySizes, dataSizes, starts } = elements;
    for (let n = 0; n < usedCount; n++) {
      const i = used[n];
      const hash = hashes[i];
      const keySize = keySizes[i];
      const dataSize = dataSizes[i];
      if (!fresh.isLoaded(hash)) await fresh.load(hash);
      const offset = places.of(pointers[i], keySize + dataSize);
      const start = starts[i] & startMask(keySize);
      if (!fresh.has(hash, offset, keySize, dataSize, start)) {
        throw new VerifyError(
          `expected the same records in the fresh database, found no element for the record at offset ${pointers[i]}`,
        );
      }
    }
  }
}

/** Compares records that were written one by one; returns how many of each addition the fresh database has. */
async function compareRecords(
  { source, hashChar, records }: Contents,
  written: WriteResult,
  next: RecordBytes,
  fresh: FreshElements,
): Promise<Record<Addition, number>> {
  const added = { stale: 0, deleted: 0, carved: 0 };
  let found = 0;
  let missing = 0;
  let hasEmpty = false;
  for await (const { record, bytes } of readSalvaged(source, records(), 'whole')) {
    const { offset, keySize, dataSize, provenance } = record;
    const place = next.offset;
    const pieces = bytes === undefined ? readChunks(source, offset, keySize + dataSize) : [bytes];
    for await (const piece of pieces) if (!(await next.are(piece))) throw otherBytes(next);
    const hash = await hashOf(source, record, hashChar);
    if (!fresh.isLoaded(hash)) await fresh.load(hash);
    // Records without a byte may be at one place, and have one key.
    const isEmpty = keySize + dataSize === 0;
    if (!fresh.has(hash, place, keySize, dataSize) || (isEmpty && hasEmpty)) {
      missing++;
      continue;
    }
    hasEmpty ||= isEmpty;
    found++;
    const addition = ADDITIONS.find((one) => one === provenance);
    if (addition !== undefined) added[addition]++;
  }
  const { duplicates, crowded } = written;
  if (found !== written.records || missing !== duplicates + crowded) {
    throw new VerifyError(
      `expected lookups of ${written.records} records to find the same bytes, found ${found} the same and ` +
        `${missing} not (${duplicates} have a key that comes twice, ${crowded} had no room)`,
    );
  }
  return added;
}

function otherBytes({ offset }: RecordBytes): VerifyError {
  return new VerifyError(
    `expected the same records in the fresh database, found other bytes behind offset ${offset}`,
  );
}

/** Bytes of one read. */
const WINDOW = 1 << 19;

/** Compares the records' bytes of a fresh database, from the first to the last. */
class RecordBytes {
  /** File offset of the next bytes. */
  offset: number;
  readonly #fresh: Source;
  readonly #buffer = new Uint8Array(WINDOW);
  /** Bytes of the buffer that were read and not compared yet. */
  #ahead = this.#buffer.subarray(0, 0);

  constructor(fresh: Source, offset: number) {
    this.#fresh = fresh;
    this.offset = offset;
  }

  /** Compares the next bytes with these; if they are the same, goes on behind them. */
  async are(bytes: Uint8Array): Promise<boolean> {
    for (let at = 0; at < bytes.length;) {
      if (this.#ahead.length === 0) {
        const length = Math.min(WINDOW, this.#fresh.size - this.offset);
        if (length <= 0) return false;
        this.#ahead = this.#buffer.subarray(0, length);
        await readInto(this.#fresh, this.offset, this.#ahead);
      }
      const length = Math.min(bytes.length - at, this.#ahead.length);
      if (!equalBytes(bytes.subarray(at, at + length), this.#ahead.subarray(0, length))) return false;
      this.#ahead = this.#ahead.subarray(length);
      this.offset += length;
      at += length;
    }
    return true;
  }
}

/** Finds elements of a sound database by their hashes. Holds one bucket. */
class FreshElements {
  readonly #directory: Float64Array;
  readonly #directoryBits: number;
  readonly #reader: SiteReader;
  #bucket: BucketWords | undefined;
  /** File offset of the bucket. */
  #loaded = -1;
  #last = { hash: FREE_HASH, place: 0 };

  constructor(db: Database) {
    this.#directory = db.directory;
    this.#directoryBits = Math.log2(db.directory.length);
    this.#reader = new SiteReader(db);
  }

  /** True if the bucket of a hash is the one that is held. */
  isLoaded(hash: number): boolean {
    return this.#offsetFor(hash) === this.#loaded;
  }

  async load(hash: number): Promise<void> {
    this.#loaded = this.#offsetFor(hash);
    this.#bucket = await this.#reader.read({ offset: this.#loaded });
    this.#last.hash = FREE_HASH;
  }

  /** True if a lookup in the bucket of the hash, which is held, comes to just this element. */
  has(hash: number, pointer: number, keySize: number, dataSize: number, start?: number): boolean {
    // Elements with the hash of the last one found mostly stand behind it.
    const { elements } = this.#bucket!;
    const next = this.#last.place + 1 === elements ? 0 : this.#last.place + 1;
    let place =
      hash === this.#last.hash ? this.#find(next, hash, pointer, keySize, dataSize, start) : undefined;
    place ??= this.#find(hash % elements, hash, pointer, keySize, dataSize, start);
    if (place === undefined) return false;
    this.#last.hash = hash;
    this.#last.place = place;
    return true;
  }

  #find(
    from: number,
    hash: number,
    pointer: number,
    keySize: number,
    dataSize: number,
    start?: number,
  ): number | undefined {
    const { elements, hashes, pointers, keySizes, dataSizes, starts } = this.#bucket!;
    const mask = startMask(keySize);
    for (let n = 0, i = from; n < elements; n++, i = i + 1 === elements ? 0 : i + 1) {
      if (hashes[i] === FREE_HASH) return undefined;
      const isSame =
        hashes[i] === hash &&
        pointers[i] === pointer &&
        keySizes[i] === keySize &&
        dataSizes[i] === dataSize &&
        (start === undefined || (starts[i] & mask) === start);
      if (isSame) return i;
    }
    return undefined;
  }

  #offsetFor(hash: number): number {
    return this.#directory[slotOf(hash, this.#directoryBits)];
  }
}
