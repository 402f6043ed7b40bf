import type { AvailElement } from '../format/avail.js';
import {
  availBlockStruct,
  availElementStruct,
  availTableOffset,
  decodeAvailHead,
  decodeAvailTable,
} from '../format/avail.js';
import { BUCKET_AVAIL, bucketElementCount, bucketStruct, BucketView } from '../format/bucket.js';
import { decodeDirectory, directorySizeFor } from '../format/directory.js';
import type { Format } from '../format/format.js';
import type { Header } from '../format/header.js';
import { decodeHeader, headerAvailOffset, headerStruct } from '../format/header.js';
import { LAYOUT_64, offsetSize } from '../format/layout.js';
import { magicMeaning, swap32 } from '../format/magic.js';
import { exact } from '../source/exact.js';
import type { Source } from '../source/source.js';
import { readChunks, readUpTo } from '../source/source.js';

/** libgdbm's own words, as programs show them to people. */
export const LIBGDBM_MESSAGES = [
  'Unexpected end of file',
  'Byte-swapped file',
  'File header assumes wrong off_t size',
  'Bad magic number',
  'Block size error',
  'Malformed database file header',
  'Malformed avail_block',
  'Database needs recovery',
  'Invalid directory entry',
  'Malformed bucket header',
] as const;
export type LibgdbmMessage = (typeof LIBGDBM_MESSAGES)[number];

/** The judge is libgdbm 1.23 on amd64. */
const LAYOUT = LAYOUT_64;
const ORDER = 'little';

/**
 * Predicts what libgdbm 1.23 on amd64 answers when a program opens the file for writing and then reads its record
 * count. The steps are in libgdbm's order, which decides the answer where a file has more than one fault; they
 * read what stands in the file, not what it should be. Held against the real library by a test.
 *
 * @param bucketsValid whether it is known of a file that the judge reads as it was written that the directory leads to
 *   buckets with possible heads and avail tables, so that they need not be read again
 * @returns the first error, or null where both calls work (also for an empty file, of which it makes a database)
 * @throws SourceError if the source cannot be read
 */
export async function predictLibgdbm(given: Source, bucketsValid = false): Promise<LibgdbmMessage | null> {
  const source = exact(given);
  if (source.size === 0) return null;
  const { size: headerSize } = headerStruct(LAYOUT);
  if (source.size < headerSize) return 'Unexpected end of file';
  const header = decodeHeader(await source.read(0, headerSize), LAYOUT, ORDER);

  // 1. The magic.
  const meaning = magicMeaning(header.magic);
  if (meaning === undefined) {
    return magicMeaning(swap32(header.magic)) === undefined ? 'Bad magic number' : 'Byte-swapped file';
  }
  if (meaning.offsetBits === 32) return 'File header assumes wrong off_t size';
  const format: Format = { byteOrder: ORDER, layout: LAYOUT, variant: meaning.variant };

  // 2. The header's fields; a low next_block is remembered and does not keep the file from opening.
  const refusal = judgeHeader(format, header, source.size);
  if (refusal !== null) return refusal;

  // 3. The rest of the header block, with the first avail block.
  if (source.size < header.block_size) return 'Unexpected end of file';
  const avail = await judgeHeaderAvail(source, format, header);
  if (avail !== null) return avail;

  // 4. Opened. Counting refuses at once where next_block was low, then reads each bucket.
  if (header.next_block < source.size) return 'Database needs recovery';
  return bucketsValid ? null : countBuckets(source, format, header);
}

/** Whether the judge reads a file of a format as it was written. */
export function isOfJudge({ byteOrder, layout }: Format): boolean {
  return byteOrder === ORDER && layout === LAYOUT;
}

function judgeHeader(format: Format, header: Header, fileSize: number): LibgdbmMessage | null {
  const { block_size, dir, dir_size, dir_bits, bucket_size, bucket_elems } = header;
  const before = headerAvailOffset(format);
  if (!(block_size > before && block_size - before >= availBlockStruct(LAYOUT).size)) {
    return 'Block size error';
  }
  const directoryInside = dir > 0 && dir < fileSize && dir_size > 0 && dir + dir_size < fileSize;
  if (
    !directoryInside ||
    dir_size < directorySizeFor(LAYOUT, block_size).size ||
    dir_bits !== directorySizeFor(LAYOUT, dir_size).bits ||
    bucket_size <= bucketStruct(LAYOUT).size ||
    bucket_elems !== bucketElementCount(LAYOUT, bucket_size)
  ) {
    return 'Malformed database file header';
  }
  return null;
}

async function judgeHeaderAvail(
  source: Source,
  format: Format,
  header: Header,
): Promise<LibgdbmMessage | null> {
  const at = headerAvailOffset(format);
  const head = decodeAvailHead(await source.read(at, availBlockStruct(LAYOUT).size), LAYOUT, ORDER);
  if (head.size !== tableRoom(header.block_size - at)) return 'Malformed database file header';
  if (!(head.size > 1 && head.count >= 0 && head.count <= head.size)) return 'Malformed avail_block';
  const width = availElementStruct(LAYOUT).size;
  const table = readChunks(source, at + availTableOffset(LAYOUT), head.count * width, 4096 * width);
  for await (const bytes of table) {
    const entries = decodeAvailTable(bytes, 0, bytes.length / width, LAYOUT, ORDER);
    if (!isTableValid(header, entries)) return 'Malformed avail_block';
  }
  return null;
}

/** Elements that fit an avail block of so many bytes. */
function tableRoom(bytes: number): number {
  return Math.floor((bytes - availBlockStruct(LAYOUT).size) / availElementStruct(LAYOUT).size) + 1;
}

/** Whether libgdbm takes an avail table. */
export function isTableValid(header: Header, table: readonly AvailElement[]): boolean {
  return table.every(
    ({ av_adr, av_size }) =>
      av_adr >= header.bucket_size && av_size >= 0 && av_adr + av_size <= header.next_block,
  );
}

async function countBuckets(source: Source, format: Format, header: Header): Promise<LibgdbmMessage | null> {
  const width = offsetSize(LAYOUT);
  const entries = Math.floor(header.dir_size / width);
  const valid = new Set<number>();
  let previous: number | undefined;
  for await (const bytes of readChunks(source, header.dir, entries * width)) {
    for (const offset of decodeDirectory(bytes, LAYOUT, ORDER)) {
      // libgdbm skips a run of equal entries, and keeps buckets that it has read.
      if (offset === previous) continue;
      previous = offset;
      if (offset < header.block_size) return 'Invalid directory entry';
      if (valid.has(offset)) continue;
      const refusal = await judgeBucket(source, format, header, offset);
      if (refusal !== null) return refusal;
      valid.add(offset);
    }
  }
  return null;
}

async function judgeBucket(
  source: Source,
  format: Format,
  header: Header,
  offset: number,
): Promise<LibgdbmMessage | null> {
  if (!(offset + header.bucket_size <= source.size)) return 'Unexpected end of file';
  const bytes = await readUpTo(source, offset, bucketStruct(LAYOUT).size);
  const bucket = new BucketView(bytes, format, 1);
  const { bits, count, availCount } = bucket;
  if (!(count >= 0 && count <= header.bucket_elems && bits >= 0 && bits <= header.dir_bits)) {
    return 'Malformed bucket header';
  }
  if (!(availCount >= 0 && availCount <= BUCKET_AVAIL) || !isTableValid(header, bucket.avail(availCount))) {
    return 'Malformed avail_block';
  }
  return null;
}
