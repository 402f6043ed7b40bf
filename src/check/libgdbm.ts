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
import type { Format, Layout } from '../format/format.js';
import type { Header } from '../format/header.js';
import { decodeHeader, headerAvailOffset, headerStruct } from '../format/header.js';
import { offsetSize, magicMeaning } from '../format/format.js';
import type { MachineFacts } from '../format/machines.js';
import { MACHINES } from '../format/machines.js';
import { swap32 } from '../format/bytes.js';
import { exact, readChunks, readUpTo } from '../source/source.js';
import type { Source } from '../source/source.js';

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
  'Malformed hash table',
  'Malformed bucket hash entry',
] as const;
/** Messages of libgdbm, as programs show them to people. */
export type LibgdbmMessage = (typeof LIBGDBM_MESSAGES)[number];

/** Machine whose libgdbm is predicted. */
export type Judge = Pick<MachineFacts, 'byteOrder' | 'layout' | 'hashChar'>;

/** A file that libgdbm opens, as it reads it. */
export interface Opened {
  readonly source: Source;
  readonly format: Format;
  readonly header: Header;
}

/**
 * Predicts the answer of libgdbm 1.23 to a program that opens the file for writing and then reads its record count.
 * The steps are in libgdbm's order, which decides the answer if a file has several faults. They read the bytes in the
 * file, not corrected ones. A test compares the predictions with the real library.
 *
 * @param judge the machine; amd64 by default
 * @param bucketsValid true if the judge reads the file as it was written and the directory is known to lead to
 *   buckets with possible heads and avail tables, so that they need not be read again
 * @returns the first error, or null if both calls work (also for an empty file, of which libgdbm makes a database)
 * @throws SourceError if the source cannot be read
 */
export async function predictLibgdbm(
  given: Source,
  judge: Judge = MACHINES.amd64,
  bucketsValid = false,
): Promise<LibgdbmMessage | null> {
  const source = exact(given);
  if (source.size === 0) return null;
  const opened = await openAsLibgdbm(source, judge);
  if (typeof opened === 'string') return opened;
  // Counting refuses at once where next_block was low, then reads each bucket.
  if (opened.header.next_block < source.size) return 'Database needs recovery';
  return bucketsValid ? null : countBuckets(opened);
}

/**
 * Opens a file as libgdbm does.
 *
 * @param source with an end, of at least a byte
 * @returns the error where it does not open
 */
export async function openAsLibgdbm(
  source: Source,
  { byteOrder, layout }: Judge,
): Promise<Opened | LibgdbmMessage> {
  const { size: headerSize } = headerStruct(layout);
  if (source.size < headerSize) return 'Unexpected end of file';
  const header = decodeHeader(await source.read(0, headerSize), layout, byteOrder);

  // 1. The magic.
  const meaning = magicMeaning(header.magic);
  if (meaning === undefined) {
    return magicMeaning(swap32(header.magic)) === undefined ? 'Bad magic number' : 'Byte-swapped file';
  }
  const { offsetBits = layout.offsetBits } = meaning;
  if (offsetBits !== layout.offsetBits) return 'File header assumes wrong off_t size';
  const format: Format = { byteOrder, layout, variant: meaning.variant };

  // 2. The header's fields; a low next_block is remembered and does not keep the file from opening.
  const refusal = judgeHeader(format, header, source.size);
  if (refusal !== null) return refusal;

  // 3. The rest of the header block, with the first avail block.
  if (source.size < header.block_size) return 'Unexpected end of file';
  const opened = { source, format, header };
  return (await judgeHeaderAvail(opened)) ?? opened;
}

/** Tells whether a judge reads a file of a format as it was written. */
export function isOfJudge({ byteOrder, layout }: Format, judge: Judge): boolean {
  return byteOrder === judge.byteOrder && layout === judge.layout;
}

function judgeHeader(format: Format, header: Header, fileSize: number): LibgdbmMessage | null {
  const { layout } = format;
  const { block_size, dir, dir_size, dir_bits, bucket_size, bucket_elems } = header;
  const before = headerAvailOffset(format);
  if (!(block_size > before && block_size - before >= availBlockStruct(layout).size)) {
    return 'Block size error';
  }
  const directoryInside = dir > 0 && dir < fileSize && dir_size > 0 && dir + dir_size < fileSize;
  if (
    !directoryInside ||
    dir_size < directorySizeFor(layout, block_size).size ||
    dir_bits !== directorySizeFor(layout, dir_size).bits ||
    bucket_size <= bucketStruct(layout).size ||
    bucket_elems !== bucketElementCount(layout, bucket_size)
  ) {
    return 'Malformed database file header';
  }
  return null;
}

async function judgeHeaderAvail({ source, format, header }: Opened): Promise<LibgdbmMessage | null> {
  const { byteOrder, layout } = format;
  const at = headerAvailOffset(format);
  const head = decodeAvailHead(await source.read(at, availBlockStruct(layout).size), layout, byteOrder);
  if (head.size !== tableRoom(header.block_size - at, layout)) return 'Malformed database file header';
  if (!(head.size > 1 && head.count >= 0 && head.count <= head.size)) return 'Malformed avail_block';
  const width = availElementStruct(layout).size;
  const table = readChunks(source, at + availTableOffset(layout), head.count * width, 4096 * width);
  for await (const bytes of table) {
    const entries = decodeAvailTable(bytes, 0, bytes.length / width, layout, byteOrder);
    if (!isTableValid(header, entries)) return 'Malformed avail_block';
  }
  return null;
}

/** Elements that fit an avail block of so many bytes. */
function tableRoom(bytes: number, layout: Layout): number {
  return Math.floor((bytes - availBlockStruct(layout).size) / availElementStruct(layout).size) + 1;
}

/** Tells whether libgdbm accepts an avail table. */
export function isTableValid(header: Header, table: readonly AvailElement[]): boolean {
  return table.every(
    ({ av_adr, av_size }) =>
      av_adr >= header.bucket_size && av_size >= 0 && av_adr + av_size <= header.next_block,
  );
}

async function countBuckets(opened: Opened): Promise<LibgdbmMessage | null> {
  const { source, format, header } = opened;
  const { byteOrder, layout } = format;
  const width = offsetSize(layout);
  const entries = Math.floor(header.dir_size / width);
  const valid = new Set<number>();
  let previous: number | undefined;
  for await (const bytes of readChunks(source, header.dir, entries * width)) {
    for (const offset of decodeDirectory(bytes, layout, byteOrder)) {
      // libgdbm skips a run of equal entries, and caches the buckets that it has read.
      if (offset === previous) continue;
      previous = offset;
      if (offset < header.block_size) return 'Invalid directory entry';
      if (valid.has(offset)) continue;
      const refusal = await judgeBucket(opened, offset);
      if (refusal !== null) return refusal;
      valid.add(offset);
    }
  }
  return null;
}

async function judgeBucket(
  { source, format, header }: Opened,
  offset: number,
): Promise<LibgdbmMessage | null> {
  if (!(offset + header.bucket_size <= source.size)) return 'Unexpected end of file';
  const bytes = await readUpTo(source, offset, bucketStruct(format.layout).size);
  return judgeBucketHead(header, new BucketView(bytes, format, 1));
}

/** Returns the error of libgdbm for the head of a bucket and its table of free space; null if it accepts both. */
export function judgeBucketHead(header: Header, bucket: BucketView): LibgdbmMessage | null {
  const { bits, count, availCount } = bucket;
  if (!(count >= 0 && count <= header.bucket_elems && bits >= 0 && bits <= header.dir_bits)) {
    return 'Malformed bucket header';
  }
  if (!(availCount >= 0 && availCount <= BUCKET_AVAIL) || !isTableValid(header, bucket.avail(availCount))) {
    return 'Malformed avail_block';
  }
  return null;
}
