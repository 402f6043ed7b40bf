import { elementsStart, elementStruct } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import type { Format } from '../format/format.js';
import type { DirectoryPlace, Geometry, ExtendedHeader, Header } from '../format/header.js';
import { decodeExtendedHeader, extendedHeaderOffset, extendedHeaderStruct } from '../format/header.js';
import type { Layout } from '../source/layout.js';
import { BlockGrid } from '../source/views.js';
import { exact, readInto } from '../source/source.js';
import type { Source } from '../source/source.js';
import { inferFormat } from './infer.js';
import { readDirectory } from './readdirectory.js';
import type { Range } from '../source/ranges.js';
import type { Transform } from '../source/transforms.js';

/** A GDBM file that is open for reading: how it is read, and its directory. */
export interface Database {
  readonly source: Source;
  readonly format: Format;
  readonly geometry: Geometry;
  /** The header as it stands in the file, right or wrong. */
  readonly header: Header;
  /** True if nothing of the header is credible, so that the format comes from the rest of the file. */
  readonly headerLost: boolean;
  /**
   * Places of the file's bytes, if some are missing, were put in or moved: the source then shows the file as it was.
   * Undefined if every byte is in its place.
   */
  readonly layout: Layout | undefined;
  /** Elements with wrong hashes in the file; the source has the right ones. */
  readonly corrected?: CorrectedHashes;
  /** Changes of all bytes of the file, undone in the source; left out if there are none. All offsets are of the undone file. */
  readonly undone?: UndoneFile;
  /** Only in a numsync file. */
  readonly extended: ExtendedHeader | undefined;
  /** The directory's entries, file offsets of buckets, right or wrong; empty where none was found. */
  readonly directory: Float64Array;
  /** Share of the evidence that agrees with this reading, 0 to 1. */
  readonly confidence: number;
}

/** A file of which all bytes were changed. */
export interface UndoneFile {
  /** The file as it is. */
  readonly original: Source;
  /** The file with the changes undone, and with nothing else corrected. */
  readonly source: Source;
  /** The changes, the last one first. */
  readonly transforms: readonly Transform[];
}

/** Elements in which only the hash is wrong. */
export interface CorrectedHashes {
  /** The source with the hashes as they stand. */
  readonly original: Source;
  readonly hashes: readonly WrongHash[];
}

/** An element with a wrong hash. */
export interface WrongHash {
  /** File offset of the element, which begins with its hash. */
  readonly element: number;
  /** Its number in its bucket. */
  readonly index: number;
  /** The hash as it stands. */
  readonly found: number;
  /** The hash that its key gives. */
  readonly expected: number;
}

/**
 * Opens a GDBM file, sound or damaged: finds out how it is to be read and reads its directory.
 *
 * @returns undefined if nothing in the file speaks for the format
 * @throws SourceError if the source cannot be read
 */
export async function openDatabase(bytes: Source): Promise<Database | undefined> {
  const source = exact(bytes);
  const inference = await inferFormat(source);
  if (inference === undefined) return undefined;
  const { format, geometry } = inference;
  return {
    source,
    ...inference,
    headerLost: false,
    layout: undefined,
    extended: await readExtendedHeader(source, format),
    directory: await directoryOf(source, format, geometry),
  };
}

/** Differences between the places of bytes in the file and in the original. */
export type MovedBytes = Pick<Database, 'layout'>;

/** The file as it is now, without the corrections that the database's source applies. */
export function asItIs(db: Database): Source {
  return db.undone?.original ?? withoutLayout(db);
}

/** The source of a database in which missing bytes are not filled in, and moved ones stand where they are. */
export function withoutLayout({ source, corrected, layout }: Database): Source {
  return layout?.original ?? corrected?.original ?? source;
}

/** Present file offset of the byte that belongs at `offset`; negative if it is missing. */
export function placeNow({ layout }: MovedBytes, offset: number): number {
  return layout === undefined ? offset : layout.whereIs(offset);
}

/** Returns true if the byte that belongs at an offset may be missing from the file. */
export function isGone(moved: MovedBytes, offset: number): boolean {
  return mayBeCut(moved, offset, offset + 1);
}

/** Returns true if bytes from `offset` to before `end` may be missing, or others may be among them. */
export function mayBeCut({ layout }: MovedBytes, offset: number, end: number): boolean {
  return layout !== undefined && layout.mayHit(offset, end);
}

/**
 * Parts of a bucket that may have lost bytes or had bytes inserted. The bucket may look whole, because the bytes
 * behind move up.
 */
export interface CutElements {
  /** True if the head is affected. */
  readonly head: boolean;
  /** Returns true if element `i` is affected. */
  has(i: number): boolean;
}

/**
 * Finds the parts of a bucket that may have been cut.
 *
 * @returns undefined if no byte of the bucket is missing and none was inserted, which is nearly always so
 */
export function cutElements(db: Database, bucket: number): CutElements | undefined {
  if (!mayBeCut(db, bucket, bucket + db.geometry.bucketSize)) return undefined;
  const { size } = elementStruct(db.format.layout);
  const first = bucket + elementsStart(db.format);
  return {
    head: mayBeCut(db, bucket, first),
    has: (i) => mayBeCut(db, first + i * size, first + (i + 1) * size),
  };
}

/** Bytes that are missing at the file's beginning; negative for bytes that were put before it. */
export function missingAtStart({ layout }: MovedBytes): number {
  return layout?.missingAtStart ?? 0;
}

/** Block grid of the file as it is now; it is shifted if a part of a block is missing at the beginning. */
export function blocksNow(db: Database): BlockGrid {
  const { blockSize } = db.geometry;
  const cut = ((missingAtStart(db) % blockSize) + blockSize) % blockSize;
  return new BlockGrid(blockSize, cut === 0 ? 0 : cut - blockSize);
}

/** The same database with each element's hash as it stands in the file. */
export function withHashesAsStored(db: Database): Database {
  return db.corrected === undefined ? db : { ...db, source: db.corrected.original };
}

/** The same database with its directory at another place. */
export async function withDirectory(db: Database, place: DirectoryPlace): Promise<Database> {
  const geometry = { ...db.geometry, directory: place };
  return { ...db, geometry, directory: await directoryOf(db.source, db.format, geometry) };
}

/** The same database as if its directory were lost. */
export function withoutDirectory(db: Database): Database {
  return {
    ...db,
    geometry: { ...db.geometry, directory: undefined },
    directory: new Float64Array(0),
  };
}

async function readExtendedHeader(source: Source, format: Format): Promise<ExtendedHeader | undefined> {
  const at = extendedHeaderOffset(format.layout);
  const { size } = extendedHeaderStruct(format.layout);
  if (format.variant !== 'numsync' || at + size > source.size) return undefined;
  return decodeExtendedHeader(await source.read(at, size), format.layout, format.byteOrder);
}

async function directoryOf(source: Source, format: Format, { directory }: Geometry): Promise<Float64Array> {
  return directory === undefined ? new Float64Array(0) : readDirectory(source, format, directory);
}

/** Present ranges of the file that hold an original range, in order; missing bytes are left out. */
export function placesNow({ layout }: MovedBytes, offset: number, length: number): Iterable<Range> {
  return layout === undefined ? [{ offset, length }] : layout.places(offset, length);
}

/**
 * Returns true if a source has exactly these bytes at an offset.
 *
 * @param room memory for the read, used if it is large enough: millions of small allocations take longer than the
 *   reads
 * @throws SourceError if the source cannot be read there
 */
export async function equalAt(
  source: Source,
  offset: number,
  bytes: Uint8Array,
  room: Uint8Array,
): Promise<boolean> {
  if (bytes.length > room.length) return equalBytes(await source.read(offset, bytes.length), bytes);
  const there = room.subarray(0, bytes.length);
  await readInto(source, offset, there);
  return equalBytes(there, bytes);
}
