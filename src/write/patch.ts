import type { CheckResult } from '../check/check.js';
import { checkExamined } from '../check/check.js';
import type { Database } from '../database/database.js';
import { openDatabase } from '../database/database.js';
import type { Opened, Proved } from '../examine.js';
import { openProved } from '../examine.js';
import { encodeDirectory, hashOfSlot, MAX_DIRECTORY_BITS } from '../format/directory.js';
import { magicOf, offsetSize } from '../format/format.js';
import { encodeHeader, headerFieldsOf } from '../format/header.js';
import type { Source } from '../source/source.js';
import { readInto, requireRange } from '../source/source.js';
import { freeElements, headerBlock } from './frame.js';

/**
 * A fresh database that is a copy of its source but for the header block, the directory and the end of the file. Most files
 * that a killed program leaves are damaged only there.
 */
export interface Patch {
  /** The bytes that are written anew. */
  readonly changes: readonly Change[];
  /** The fresh database before it is written: the source with the changes. */
  readonly database: Source;
  /** The check of {@link database}. */
  readonly checked: CheckResult;
}

interface Change {
  /** File offset. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Tells whether nothing but the header, the directory and the end of the file may be wrong. */
export function isPatchable({ verdict, image, findings }: CheckResult): boolean {
  const areOutside = findings.every(
    // An element seems to be in a wrong bucket if it is the directory that leads to it from wrong slots.
    ({ severity, code }) => severity === 'note' || /^(header|directory)-|^element-wrong-bucket$/.test(code),
  );
  return verdict === 'damaged' && image === undefined && areOutside;
}

/**
 * Plans a new header for a database whose buckets and records were proved. Free space stays where it is.
 *
 * @returns undefined if a new header does not make the database sound
 */
export async function planNewHeader({ db, survey, checked }: Proved): Promise<Patch | undefined> {
  const { source, geometry, headerLost } = db;
  const size = sizeOf(db);
  if (size % geometry.blockSize !== 0) return undefined;
  const block = headerLost ? lostHeader(db, checked, size) : await correctedHeader(db, size);
  const changes = [{ offset: 0, bytes: block }];
  const database = withChanges(source, changes, size);
  const fresh = await openDatabase(database);
  const isReadAlike =
    fresh?.geometry.directory?.offset === geometry.directory?.offset &&
    fresh?.directory.length === db.directory.length &&
    fresh.geometry.blockSize === geometry.blockSize &&
    fresh.geometry.bucketSize === geometry.bucketSize;
  if (fresh === undefined || !isReadAlike) return undefined;
  // The buckets and records are the same bytes at the same places, so their examination holds.
  const proved = await checkExamined(fresh, survey);
  return proved && patchOf(changes, database, proved.checked, checked);
}

/**
 * Plans a new directory, in the place of the damaged one, and a new header.
 *
 * @returns undefined if these do not make the database sound
 */
export async function planNewDirectory(
  { db, survey }: Opened,
  checked: CheckResult,
): Promise<Patch | undefined> {
  const { source, format, geometry, header } = db;
  const { sites, claims } = survey;
  if (db.layout !== undefined || db.corrected !== undefined || db.headerLost) return undefined;
  if ((source.unreadable?.() ?? []).length > 0) return undefined;
  const directory = geometry.directory ?? { offset: header.dir, bits: header.dir_bits };
  const { offset, bits } = directory;
  const size = sizeOf(db);
  const isPlace =
    bits >= 0 &&
    bits <= MAX_DIRECTORY_BITS &&
    offset >= geometry.blockSize &&
    offset + offsetSize(format.layout) * 2 ** bits < size;
  if (!isPlace || size % geometry.blockSize !== 0) return undefined;
  const entries = new Float64Array(2 ** bits);
  for (let slot = 0; slot < entries.length; slot++) {
    const owner = claims.ownerOf(hashOfSlot(slot, entries.length));
    if (owner === undefined) return undefined;
    entries[slot] = sites[owner].offset;
  }
  const changes = [
    { offset: 0, bytes: await correctedHeader({ ...db, geometry: { ...geometry, directory } }, size) },
    { offset, bytes: encodeDirectory(entries, format.layout, format.byteOrder) },
  ];
  const database = withChanges(source, changes, size);
  const proved = await openProved(database);
  return proved && patchOf(changes, database, proved.checked, checked);
}

/** A patch, if it makes the database sound without the loss of a record. */
function patchOf(
  changes: readonly Change[],
  database: Source,
  checked: CheckResult,
  { records: before }: CheckResult,
): Patch | undefined {
  const { verdict, libgdbm, records } = checked;
  const isWhole = records.count === before.count && records.bytes === before.bytes;
  return verdict === 'healthy' && libgdbm === null && isWhole ? { changes, database, checked } : undefined;
}

/** Bytes of the patched file: what is behind `next_block` is of an allocation that was never finished. */
function sizeOf({ source, header, headerLost }: Database): number {
  return headerLost ? source.size : Math.min(header.next_block, source.size);
}

/** The header block with correct fields; its table of free space stays. */
async function correctedHeader(
  { source, format, geometry, header }: Database,
  size: number,
): Promise<Uint8Array> {
  const { layout, byteOrder } = format;
  const block = Uint8Array.from(await source.read(0, geometry.blockSize));
  const fields = headerFieldsOf(geometry, offsetSize(layout));
  const corrected = { ...header, ...fields, magic: magicOf(format), next_block: size };
  block.set(encodeHeader(corrected, layout, byteOrder));
  return block;
}

/** A new header block, whose table lists the largest ranges that nothing claims. */
function lostHeader(
  { format, geometry, extended }: Database,
  { space }: CheckResult,
  size: number,
): Uint8Array {
  const { blockSize, bucketSize, directory } = geometry;
  const spec = { format, blockSize, bucketSize, ...(extended && { numsync: extended.numsync }) };
  const ranges = space!.gaps.map(({ offset, length }) => ({ av_adr: offset, av_size: length }));
  const { offset, bits } = directory!;
  return headerBlock(spec, { dir: offset, dirBits: bits, size }, freeElements(ranges, spec));
}

/** The first `size` bytes of a source, with changes. */
function withChanges(source: Source, changes: readonly Change[], size: number): Source {
  const changed: Source = {
    size,
    async read(offset, length) {
      requireRange(changed, offset, length);
      const bytes = new Uint8Array(length);
      await changed.readInto!(offset, bytes);
      return bytes;
    },
    async readInto(offset, into) {
      requireRange(changed, offset, into.length);
      await readInto(source, offset, into);
      for (const { offset: at, bytes } of changes) {
        const from = Math.max(at, offset);
        const to = Math.min(at + bytes.length, offset + into.length);
        if (from < to) into.set(bytes.subarray(from - at, to - at), from - offset);
      }
    },
  };
  return changed;
}
