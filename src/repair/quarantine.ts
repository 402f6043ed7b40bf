import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open, unlink } from 'node:fs/promises';
import { examineBuckets } from '../check/bucket.js';
import type { CheckedDatabase } from '../check/check.js';
import { openDatabase } from '../database/database.js';
import type { Opened } from '../examine.js';
import { equalBytes } from '../format/bytes.js';
import { FREE_HASH } from '../format/hash.js';
import type { LeaveOutRule } from '../profile/leaveout.js';
import { Lookup } from '../read/lookup.js';
import { base64, jsonText } from '../report/escape.js';
import type { CarvedFind } from '../salvage/carved.js';
import type { Confidence } from '../salvage/confidence.js';
import type { OldRecord } from '../salvage/oldrecord.js';
import type { Addition, SalvagedRecord } from '../salvage/salvage.js';
import { cached } from '../source/cached.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import { backupNames } from '../store/backup.js';
import { refusal, RefusedError } from '../store/errors.js';
import { contentHash } from '../store/folder.js';
import type { FreshFile } from '../store/fresh.js';
import type { HeldFile } from '../store/held.js';
import { giveRights } from '../store/rights.js';
import type { Contents, NotKept } from '../write/contents.js';
import { eachNotKept } from '../write/contents.js';
import type { Subject } from './examine.js';
import type { RepairOptions } from './result.js';

/** A quarantine that was written. If the repair fails after it, nothing was replaced and it is removed. */
export interface WrittenQuarantine {
  readonly path: string;
  remove(): Promise<void>;
}

/** Characters gathered before they are written. */
const WRITTEN_AT_ONCE = 1 << 18;

/** Mode bits by which the owner reads and writes a file. */
const OWNER_BITS = 0o600;

/**
 * Writes the findings that are not kept, before the source is replaced, so that they are never only in a backup. All go to
 * the file that the user named. Without one, the records that the program could not load go to `NAME.quarantine.~1~` beside
 * the fresh database, or the first number that is free.
 *
 * Only its maker can read the file, or the source's owner. It is synced and read back.
 *
 * @param leaveOut selects the records that the program could not load
 * @returns undefined where no file was named and nothing is left out
 * @throws RefusedError; nothing is left behind
 */
export async function writeQuarantine(
  held: HeldFile,
  subject: Subject,
  fresh: FreshFile,
  { quarantine: named, output }: RepairOptions,
  leaveOut: LeaveOutRule | undefined,
): Promise<WrittenQuarantine | undefined> {
  if (named === undefined && leaveOut === undefined) return undefined;
  const { path, file } =
    named === undefined
      ? await openBeside(output ?? held.realPath)
      : { path: named, file: await openNew(named, named) };
  const remove = () => unlink(path).catch(() => {});
  try {
    if (named === undefined) {
      // The owner of the source can read all of this in it; nobody else may.
      const { uid, gid, mode } = held.stats;
      await giveRights(file, { uid, gid, mode: mode & OWNER_BITS }, 'The quarantine');
    }
    await writeLines(file, linesOf(subject, fresh, leaveOut, named !== undefined));
    return { path, remove };
  } catch (error) {
    await remove();
    throw refusal(error, path, 'write the quarantine');
  } finally {
    await file.close();
  }
}

async function openBeside(target: string): Promise<{ path: string; file: FileHandle }> {
  for (const path of backupNames(`${target}.quarantine`)) {
    try {
      return { path, file: await openNew(path, target) };
    } catch (error) {
      if (!(error instanceof RefusedError && error.code === 'exists')) throw error;
    }
  }
  throw new Error('unreachable: the names end with an error');
}

async function openNew(path: string, about: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx+', 0o600);
  } catch (error) {
    throw refusal(error, about, 'write the quarantine');
  }
}

async function* linesOf(
  { contents, searched, old, carved }: Subject,
  fresh: FreshFile,
  leaveOut: LeaveOutRule | undefined,
  isAllWanted: boolean,
): AsyncGenerator<string> {
  // First, because the other lines are cut where all together would be larger than the file.
  if (contents !== undefined && leaveOut !== undefined) yield* leftOutLines(contents, leaveOut);
  if (!isAllWanted || searched === undefined) return;
  const isKept = await heldIn(searched.found.db.source, fresh);
  for await (const line of quarantined(searched.found, searched.checked, { old, carved, isKept })) {
    yield `${jsonText(line)}\n`;
  }
}

/** Writes text to an empty file, syncs it and compares what can be read back. */
async function writeLines(file: FileHandle, pieces: AsyncIterable<string>): Promise<void> {
  const written = createHash('sha256');
  let waiting = '';
  const write = async () => {
    written.update(waiting);
    await file.writeFile(waiting);
    waiting = '';
  };
  for await (const piece of pieces) {
    waiting += piece;
    if (waiting.length >= WRITTEN_AT_ONCE) await write();
  }
  await write();
  await file.sync();
  if ((await contentHash(file)) !== written.digest('hex')) {
    throw new RefusedError('io', 'The quarantine does not hold what was written to it. Check the disk.');
  }
}

/** A line of JSON: a finding that is not in the fresh database. Offsets and sizes in bytes. */
interface Quarantined {
  /** The reason for which it is not written: a provenance, `unproved`, or a reason of `NotKept`. */
  readonly provenance: Addition | 'unproved' | NotKept;
  /** The fault of an unproved element, and of a proved record that is not written. */
  readonly reason?: string;
  /** The element's hash; null for a carved value without a key. */
  readonly hash: number | null;
  /** The name of a carved value's shape. */
  readonly shape?: string;
  /** Base64 of the key's first bytes as the element has them. */
  readonly keyStart?: string;
  readonly offset: number;
  readonly keySize: number;
  readonly dataSize: number;
  /** File offset of the bucket, and the element's index in it; null where no element is left. */
  readonly bucket: number | null;
  readonly element: number | null;
  /** Base64 of the bytes at the key's and the value's place; null where they are not in the file, or too many. */
  readonly key: string | null;
  readonly value: string | null;
  /** Only for a carved value without a key: base64 of up to 256 bytes before it that nothing else uses. */
  readonly before?: string | null;
  /** True if something in force, or written later, lies on its bytes, so that they are not those that were stored. */
  readonly overwritten: boolean;
  /** For an old record: its confidence, and the bytes of its key and value that are known to be overwritten. */
  readonly confidence?: Confidence;
  readonly overwrittenKeyBytes?: number;
  readonly overwrittenValueBytes?: number;
  /** The structures that overwrote it: kind, file offset, and how many bytes of this record each has. */
  readonly overwrittenBy?: readonly { what: string; offset: number; bytes: number }[];
}

/** A larger key or value is named by its place only. */
const MAX_BYTES = 16 << 20;

/** Proved records that could not be written of which a line is written. */
const MAX_NOT_KEPT = 1 << 20;

/** Bytes before a value without a key that are shown. */
const MAX_BEFORE = 256;

/** Findings that may not be in the fresh database, besides the elements. */
interface Rest {
  readonly old: readonly OldRecord[];
  readonly carved: readonly CarvedFind[];
  /** Tells whether the fresh database has the same key with the same value. */
  readonly isKept: (record: SalvagedRecord) => Promise<boolean>;
}

/** Bytes read at once for base64: all pieces but the last are whole groups of three. */
const BASE64_PIECE = 3 << 18;

/**
 * The records that are left out, a line of JSON each in pieces of text, with key and value whole however large they are, so
 * that `load` brings them back. `reason` is the code of the record's fault.
 */
async function* leftOutLines({ source, records }: Contents, leaveOut: LeaveOutRule): AsyncGenerator<string> {
  for await (const batch of records()) {
    for (const record of batch) {
      const reason = leaveOut(record);
      if (reason === undefined) continue;
      const { hash, offset, keySize, dataSize, bucket, element } = record;
      yield '{"key":"';
      yield* base64Pieces(source, offset, keySize);
      yield '","value":"';
      yield* base64Pieces(source, offset + keySize, dataSize);
      const place = {
        hash,
        offset,
        keySize,
        dataSize,
        ...elementPlace({ bucket, element }),
        overwritten: false,
      };
      yield `",${jsonText({ provenance: 'left-out', reason, ...place }).slice(1)}\n`;
    }
  }
}

/** The bucket and the element that have a record; null where none has. */
function elementPlace({ bucket, element }: Pick<SalvagedRecord, 'bucket' | 'element'>) {
  return { bucket: bucket < 0 ? null : bucket, element: element < 0 ? null : element };
}

async function* base64Pieces(source: Source, offset: number, length: number): AsyncGenerator<string> {
  for (let at = 0; at < length; at += BASE64_PIECE) {
    yield base64(await source.read(offset + at, Math.min(BASE64_PIECE, length - at)));
  }
}

/**
 * All other findings that are not in the fresh database: proved records that could not be written, elements whose record
 * cannot be proved, old records and carved values. The values together are no larger than the file, so that elements which
 * all point at one large record do not multiply it.
 */
async function* quarantined(
  searched: Opened,
  checked: CheckedDatabase,
  { old, carved, isKept }: Rest,
): AsyncGenerator<Quarantined> {
  const { db, survey } = searched;
  const { space } = checked;
  const { source } = db;
  let budget = source.size;
  const read = async (offset: number, length: number) => {
    if (
      !(offset >= 0 && length >= 0 && offset + length <= source.size) ||
      length > Math.min(MAX_BYTES, budget)
    ) {
      return null;
    }
    budget -= length;
    return base64(await source.read(offset, length));
  };
  const salvaged = async (
    { hash, offset, keySize, dataSize, bucket, element }: SalvagedRecord,
    provenance: Quarantined['provenance'],
  ): Promise<Quarantined> => ({
    provenance,
    hash,
    offset,
    keySize,
    dataSize,
    ...elementPlace({ bucket, element }),
    key: await read(offset, keySize),
    value: await read(offset + keySize, dataSize),
    overwritten: provenance === 'overreaching',
  });
  const notKept: [SalvagedRecord, NotKept][] = [];
  await eachNotKept(searched, checked, (...one) => {
    if (notKept.length < MAX_NOT_KEPT) notKept.push(one);
  });
  for (const [record, reason] of notKept) yield { ...(await salvaged(record, reason)), reason };
  for (const one of old) {
    const { confidence, overwritten, keyStart, provenance } = one;
    if (confidence !== 'trace' && (await isKept(one))) continue;
    const by = overwritten.by.map(({ what, offset, bytes }) => ({ what, offset, bytes }));
    yield {
      ...(await salvaged(one, provenance === 'stale' ? 'stale' : 'deleted')),
      hash: one.hash === FREE_HASH ? null : one.hash,
      keyStart: base64(keyStart),
      confidence,
      overwritten: confidence === 'trace' || overwritten.key + overwritten.value > 0,
      overwrittenKeyBytes: overwritten.key,
      overwrittenValueBytes: overwritten.value,
      overwrittenBy: by,
    };
  }
  for await (const { rejected } of examineBuckets(db, survey)) {
    for (const { reason, keyStart, ...place } of rejected) {
      // These are old records.
      if (reason === 'superseded' || reason === 'duplicate') continue;
      const { offset, keySize, dataSize } = place;
      yield {
        provenance: 'unproved',
        reason,
        keyStart: base64(keyStart),
        ...place,
        key: await read(offset, keySize),
        value: await read(offset + keySize, dataSize),
        overwritten: space.isUsed(offset, keySize + dataSize),
      };
    }
  }
  for (const { shape, offset, size, key, before: gap } of carved) {
    const before = Math.min(gap, MAX_BEFORE);
    if (key !== undefined && (await isKept(asRecord(key, size)))) continue;
    yield {
      provenance: 'carved',
      shape,
      hash: null,
      offset: key?.offset ?? offset,
      keySize: key?.size ?? 0,
      dataSize: size,
      bucket: null,
      element: null,
      key: key === undefined ? null : await read(key.offset, key.size),
      value: await read(offset, size),
      ...(key === undefined && { before: await read(offset - before, before) }),
      overwritten: false,
    };
  }
}

/** A carved value with a key as a record of no bucket. */
function asRecord(key: { readonly offset: number; readonly size: number }, dataSize: number): SalvagedRecord {
  const place = { offset: key.offset, keySize: key.size, dataSize, bucket: -1, element: -1 };
  return { ...place, hash: FREE_HASH, hashChar: 'either', provenance: 'carved' };
}

/** Bytes compared for each byte of the source: elements that all point at one large record must not multiply it. */
const COMPARED = 2;

/**
 * A predicate: whether a fresh database has the record's key with the same value. It is false for records that would cost
 * too much to compare.
 */
async function heldIn(source: Source, fresh: Source): Promise<(record: SalvagedRecord) => Promise<boolean>> {
  const near = cached(fresh);
  const freshDb = await openDatabase(near);
  if (freshDb === undefined) return () => Promise.resolve(false);
  const lookup = new Lookup({ db: freshDb });
  let budget = COMPARED * source.size;
  return async ({ offset, keySize, dataSize }) => {
    budget -= keySize + dataSize;
    if (budget < 0) return false;
    const found = await lookup.find(await source.read(offset, keySize));
    if (found?.valueSize !== dataSize) return false;
    const stored = readChunks(near, found.valueOffset, dataSize);
    for await (const piece of readChunks(source, offset + keySize, dataSize)) {
      const other = await stored.next();
      if (other.done || !equalBytes(piece, other.value)) return false;
    }
    return true;
  };
}
