import type { CheckResult } from '../check/check.js';
import { checkExamined } from '../check/proved.js';
import type { Database } from '../database/database.js';
import { openDatabase } from '../database/database.js';
import type { Proved } from '../examine.js';
import { offsetSize } from '../format/format.js';
import { magicOf } from '../format/format.js';
import { encodeHeader, headerFieldsOf } from '../format/header.js';
import type { Source } from '../source/source.js';
import { readInto, requireRange } from '../source/source.js';
import { freeElements, headerBlock } from './frame.js';

/**
 * A fresh database that is a copy of its source but for the header block and the end of the file. Most files that a killed
 * program leaves are damaged only there: the header does not fit the file, and all buckets and records are in order.
 */
export interface NewHeader {
  readonly block: Uint8Array;
  /** The fresh database before it is written: the new block, then the bytes of the source. */
  readonly database: Source;
  /** The check of {@link database}. */
  readonly checked: CheckResult;
  readonly records: number;
}

/**
 * Plans a new header for a database whose buckets and records were proved. Free space stays where it is.
 *
 * @returns undefined if a new header does not make the database sound
 */
export async function planNewHeader({ db, ordered, checked, proof }: Proved): Promise<NewHeader | undefined> {
  const { source, header, headerLost, geometry } = db;
  const { blockSize } = geometry;
  // Bytes behind `next_block` are of an allocation that was never finished.
  const size = headerLost ? source.size : Math.min(header.next_block, source.size);
  if (size % blockSize !== 0) return undefined;
  const block = headerLost ? lostHeader(db, checked, size) : await correctedHeader(db, size);
  const database = withFirstBytes(source, block, size);
  const fresh = await openDatabase(database);
  const isSameDirectory =
    fresh?.geometry.directory?.offset === geometry.directory?.offset &&
    fresh?.directory.length === db.directory.length &&
    fresh.geometry.blockSize === blockSize &&
    fresh.geometry.bucketSize === geometry.bucketSize;
  if (fresh === undefined || !isSameDirectory) return undefined;
  // The buckets and records are the same bytes at the same places, so their examination holds.
  const proved = await checkExamined(fresh, ordered);
  if (proved?.checked.verdict !== 'healthy' || proved.checked.libgdbm !== null) return undefined;
  return { block, database, checked: proved.checked, records: proof.records };
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

/** A source of `size` bytes that begins with other bytes. */
function withFirstBytes(source: Source, first: Uint8Array, size: number): Source {
  const changed: Source = {
    size,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      await changed.readInto!(offset, bytes);
      return bytes;
    },
    async readInto(offset, into) {
      requireRange(changed, offset, into.length);
      await readInto(source, offset, into);
      if (offset < first.length) into.set(first.subarray(offset, offset + into.length));
    },
  };
  return changed;
}
