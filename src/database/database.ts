import type { Format } from '../format/format.js';
import type { DirectoryPlace, Geometry, ExtendedHeader, Header } from '../format/header.js';
import { decodeExtendedHeader, extendedHeaderOffset, extendedHeaderStruct } from '../format/header.js';
import type { Fault, Rearrangement } from '../source/views.js';
import { BlockGrid, shifted } from '../source/views.js';
import { exact } from '../source/source.js';
import type { Source } from '../source/source.js';
import { inferFormat } from './infer.js';
import { readDirectory } from './readdirectory.js';
import type { Range } from '../source/ranges.js';

/** A GDBM file that is open for reading: how it is read, and its directory. */
export interface Database {
  readonly source: Source;
  readonly format: Format;
  readonly geometry: Geometry;
  /** The header as it stands in the file, right or wrong. */
  readonly header: Header;
  /** Whether nothing of the header can be believed, so that the format comes from what else is in the file. */
  readonly headerLost: boolean;
  /**
   * Bytes of the file's beginning that are gone, or, negative, that were put before it. The source is as it was
   * before, with zeroes for what is gone.
   */
  readonly missing: number;
  /** Where bytes are gone from the file's middle, or were put into it; the source is as it was before. */
  readonly fault: Fault | undefined;
  /**
   * Where blocks stand at other places than their own; the source has them where they belong. Offsets are those of the
   * file with what is missing.
   */
  readonly rearrangement: Rearrangement | undefined;
  /** Hashes of elements that are wrong in the file; the source has the right ones. */
  readonly corrected?: CorrectedHashes;
  /** Only in a numsync file. */
  readonly extended: ExtendedHeader | undefined;
  /** The directory's entries, file offsets of buckets, right or wrong; empty where none was found. */
  readonly directory: Float64Array;
  /** How much of the evidence for this reading agrees, 0 to 1. */
  readonly confidence: number;
}

/** Elements of which nothing but the hash is wrong. */
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
    missing: 0,
    fault: undefined,
    rearrangement: undefined,
    extended: await readExtendedHeader(source, format),
    directory: await directoryOf(source, format, geometry),
  };
}

/** What of a file is not where it was. */
export type MovedBytes = Pick<Database, 'missing' | 'fault' | 'rearrangement'>;

/** The source as the file is, where it is read as it was. */
export function asItIs({ source: read, corrected, missing, fault, rearrangement }: Database): Source {
  const source = corrected?.original ?? read;
  if (fault !== undefined) return fault.original;
  const whole = rearrangement === undefined ? source : rearrangement.undone(source);
  return missing === 0 ? whole : shifted(whole, -missing);
}

/** Where the byte that belongs at `offset` is in the file as it is now; negative where it is gone. */
export function placeNow({ missing, fault, rearrangement }: MovedBytes, offset: number): number {
  const arranged = rearrangement?.whereIs(offset) ?? offset;
  return fault === undefined ? arranged - missing : fault.whereIs(arranged);
}

/** Whether what was at an offset is gone from the file. */
export function isGone(moved: MovedBytes, offset: number): boolean {
  return mayBeCut(moved, offset, offset + 1);
}

/** What a fault may do to a range of the file without its rearrangement. */
export type Hits = (fault: Fault, from: number, to: number) => boolean;

/** Pieces of a range that are asked for: more are hardly of a record, but of a size that is none. */
const MAX_PIECES = 256;
const mayHit: Hits = (fault, from, to) => fault.mayHit(from, to);

/**
 * Whether bytes of what lies from `offset` to before `end` may be gone, or others may have been put into its middle.
 */
export function mayBeCut(
  { missing, fault, rearrangement }: MovedBytes,
  offset: number,
  end: number,
  hits = mayHit,
): boolean {
  if (missing <= 0 && fault === undefined) return false;
  const isCut = (from: number, to: number) =>
    from < missing || (fault !== undefined && hits(fault, from, to));
  if (rearrangement === undefined) return isCut(offset, end);
  // Bytes were lost from the file as it lies there: what belongs to a lost place may stand at another one.
  let asked = 0;
  for (const now of rearrangement.pieces(offset, end - offset)) {
    if (++asked > MAX_PIECES || isCut(now.offset, now.offset + now.length)) return true;
  }
  return false;
}

/** The blocks that the file has now; where a part of one is missing at its beginning they are not those that it had. */
export function blocksNow({ missing, geometry }: Database): BlockGrid {
  const { blockSize } = geometry;
  const cut = ((missing % blockSize) + blockSize) % blockSize;
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

/**
 * Where a range is in the file as it lies there; in pieces where blocks changed places or bytes are gone from the middle, and
 * before 0 where the beginning is gone.
 */
export function* placesNow(db: Database, offset: number, length: number): Generator<Range> {
  const { fault, rearrangement } = db;
  if (fault !== undefined) {
    if (rearrangement === undefined) yield* fault.pieces(offset, length);
    else {
      for (const piece of rearrangement.pieces(offset, length))
        yield* fault.pieces(piece.offset, piece.length);
    }
    return;
  }
  if (rearrangement === undefined) {
    yield { offset: placeNow(db, offset), length };
    return;
  }
  for (const piece of rearrangement.pieces(offset, length))
    yield { offset: piece.offset - db.missing, length: piece.length };
}
