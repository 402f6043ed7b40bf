import { availBlockStruct, decodeAvailHead } from '../format/avail.js';
import { bucketElementCount } from '../format/bucket.js';
import { directorySizeFor } from '../format/directory.js';
import { magicMeaning, offsetSize } from '../format/format.js';
import { headerAvailOffset } from '../format/header.js';
import type { Source } from '../source/source.js';
import { exact, readUpTo } from '../source/source.js';
import type { Database } from './database.js';
import { CERTAIN, HEADER_BYTES, weighHeader } from './evidence.js';

/** Bytes of a file that are looked at for marks of a text-mode copy. */
const LOOKED_AT = 1 << 20;
/** Line ends needed as evidence: by chance, so many are all CRLF in one of 2^128 files. */
const MIN_LINES = 16;
/** Replacement characters needed as evidence that a decoder replaced bytes; a text has few. */
const MIN_REPLACED = 16;

const TEXT_MODE =
  'each line feed became a carriage return and a line feed, as a copy in text mode makes them; it is undone by: ' +
  "LC_ALL=C sed 's/\\r$//' FILE > COPY";

/** Ways in which whole files are changed byte by byte, each with its inverse. */
const CHANGES: readonly { what: string; undo: (bytes: Uint8Array) => Uint8Array | undefined }[] = [
  {
    what: "the bytes of each pair are swapped, as 'dd conv=swab' does; it is undone by: dd if=FILE of=COPY conv=swab",
    undo: (bytes) => swapped(bytes, 2),
  },
  { what: 'the bytes of each four are in reverse order', undo: (bytes) => swapped(bytes, 4) },
  {
    what: 'each byte was taken for a character of Latin-1 and encoded as UTF-8; it is undone by: iconv -f UTF-8 -t LATIN1 FILE > COPY',
    undo: utf8Undone,
  },
  {
    what: TEXT_MODE,
    undo: (bytes) => bytes.filter((byte, i) => !(byte === CR && bytes[i + 1] === LF)),
  },
];

const CR = 13;
const LF = 10;

/**
 * Names the change of every byte of a database whose inverse gives a whole header.
 *
 * @param head the file's first bytes
 * @param size of the file in bytes
 * @returns undefined if no inverse does, or the header is whole as it is
 */
export function changeOfAll(head: Uint8Array, size: number): string | undefined {
  if (isHeader(head, size)) return undefined;
  for (const { what, undo } of CHANGES) {
    // UTF-8 makes a header at most twice as long.
    const before = undo(head.subarray(0, 4 * HEADER_BYTES));
    if (before !== undefined && isHeader(before, size)) return what;
  }
  return undefined;
}

/**
 * Names the most likely cause of the damage to a file in which almost nothing can be read.
 *
 * @param db the database as it was read, if it was
 * @returns undefined if there is no evidence
 */
export async function likelyCause(source: Source, db?: Database): Promise<string | undefined> {
  const head = await readUpTo(source, 0, LOOKED_AT);
  const change = changeOfAll(head, source.size);
  if (change !== undefined) return change;
  const { lines, crlf, replaced } = countMarks(head);
  if (lines >= MIN_LINES && crlf === lines) return TEXT_MODE;
  if (replaced >= MIN_REPLACED) {
    return 'it was decoded as UTF-8 text, and bytes that are none were replaced; they are lost';
  }
  if (db === undefined) return undefined;
  if (db.missing < 0) {
    return (
      `what was read begins at byte ${-db.missing}: it may be the database of another program inside a value, or one of several ` +
      'in an image'
    );
  }
  return db.headerLost ? 'its header is lost, and next to nothing else is left' : undefined;
}

function isHeader(bytes: Uint8Array, size: number): boolean {
  const head = new Uint8Array(HEADER_BYTES);
  head.set(bytes.subarray(0, HEADER_BYTES));
  const [best] = weighHeader(head, size);
  return best.magicFits && best.score >= CERTAIN;
}

/** The bytes with those of each group in reverse order. */
function swapped(bytes: Uint8Array, group: 2 | 4): Uint8Array {
  return bytes.map((_, i) => bytes[i - (i % group) + group - 1 - (i % group)]);
}

/** Decodes UTF-8 to the bytes of Latin-1; undefined if the text has other characters or is not UTF-8. */
function utf8Undone(bytes: Uint8Array): Uint8Array | undefined {
  try {
    // The last character may be cut.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
    const codes = Array.from(text, (char) => char.codePointAt(0)!);
    return codes.every((code) => code < 256) ? Uint8Array.from(codes) : undefined;
  } catch {
    return undefined;
  }
}

/** Ends of lines, those among them with a carriage return, and U+FFFD in UTF-8. */
function countMarks(bytes: Uint8Array): { lines: number; crlf: number; replaced: number } {
  const marks = { lines: 0, crlf: 0, replaced: 0 };
  for (let i = 1; i < bytes.length; i++) {
    if (bytes[i] === LF) {
      marks.lines++;
      if (bytes[i - 1] === CR) marks.crlf++;
    } else if (bytes[i] === 0xbf && bytes[i + 1] === 0xbd && bytes[i - 1] === 0xef) marks.replaced++;
  }
  return marks;
}

/** Blocks of a new database: the header, the directory, the bucket, and one of free space. */
const NEW_BLOCKS = 4;

/**
 * Returns true if an interrupted creation left the file, as on a full volume: the whole header of a new database,
 * followed at most by the written part of its directory. The first bucket's place is behind the end of the file, so
 * no record was stored.
 */
export async function isCreationInterrupted(db: Database): Promise<boolean> {
  const { source, format, header, headerLost, missing, fault } = db;
  if (headerLost || missing !== 0 || fault !== undefined) return false;
  const { block_size, dir, dir_size, dir_bits, bucket_size, bucket_elems, next_block } = header;
  const at = headerAvailOffset(format);
  const headSize = availBlockStruct(format.layout).size;
  const directory = directorySizeFor(format.layout, block_size);
  const isNew =
    magicMeaning(header.magic) !== undefined &&
    dir === block_size &&
    dir_size === directory.size &&
    dir_bits === directory.bits &&
    bucket_size === block_size &&
    bucket_elems === bucketElementCount(format.layout, bucket_size) &&
    next_block === NEW_BLOCKS * block_size;
  const bucket = dir + dir_size;
  if (!isNew || source.size < at + headSize || source.size > bucket) return false;
  const bytes = await exact(source).read(0, source.size);
  const avail = decodeAvailHead(bytes.subarray(at), format.layout, format.byteOrder);
  if (avail.count !== 0 || avail.next_block !== 0) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const width = offsetSize(format.layout);
  const little = format.byteOrder === 'little';
  for (let entry = dir; entry + width <= source.size; entry += width) {
    // Bucket offsets of a new database are far below 4 GiB, so that the other half of a wide one is zero.
    const [low, high] = [little ? 0 : width - 4, little ? width - 4 : 0];
    const value = view.getUint32(entry + low, little);
    const isZeroAbove = width === 4 || view.getUint32(entry + high, little) === 0;
    if (!isZeroAbove || (value !== 0 && value !== bucket)) return false;
  }
  return true;
}
