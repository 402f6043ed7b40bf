import { availBlockStruct, decodeAvailHead } from '../format/avail.js';
import { bucketElementCount } from '../format/bucket.js';
import { directorySizeFor } from '../format/directory.js';
import { magicMeaning, offsetSize } from '../format/format.js';
import { headerAvailOffset } from '../format/header.js';
import type { Source } from '../source/source.js';
import { exact, readUpTo } from '../source/source.js';
import type { Database } from './database.js';
import { missingAtStart } from './database.js';
import { likelyTransforms, LOOKED_AT, marksOf } from './transformed.js';

/** Replacement characters needed as evidence that a decoder replaced bytes; a text has few. */
const MIN_REPLACED = 16;

/**
 * Names the most likely cause of the damage to a file in which almost nothing can be read.
 *
 * @param db the database as it was read, if it was
 * @returns undefined if there is no evidence
 */
export async function likelyCause(source: Source, db?: Database): Promise<string | undefined> {
  const [transform] = await likelyTransforms(source);
  if (transform !== undefined) return `${transform.what}; it is undone by: ${transform.command}`;
  if (marksOf(await readUpTo(source, 0, LOOKED_AT)).replaced >= MIN_REPLACED) {
    return 'it was decoded as UTF-8 text, and bytes that are none were replaced; they are lost';
  }
  if (db === undefined) return undefined;
  const missing = missingAtStart(db);
  if (missing < 0) {
    return (
      `what was read begins at byte ${-missing}: it may be the database of another program inside a value, or one of several ` +
      'in an image'
    );
  }
  return db.headerLost ? 'its header is lost, and next to nothing else is left' : undefined;
}

/** Blocks of a new database: the header, the directory, the bucket, and one of free space. */
const NEW_BLOCKS = 4;

/**
 * Returns true if an interrupted creation left the file, as on a full volume: the whole header of a new database,
 * followed at most by the written part of its directory. The first bucket's place is behind the end of the file, so
 * no record was stored.
 */
export async function isCreationInterrupted(db: Database): Promise<boolean> {
  const { source, format, header, headerLost, layout } = db;
  if (headerLost || layout !== undefined) return false;
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
