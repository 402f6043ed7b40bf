import { availBlockStruct, decodeAvailHead, headerAvailSize } from '../format/avail.js';
import { bucketElementCount } from '../format/bucket.js';
import { MAX_DIRECTORY_BITS, MIN_DIRECTORY_BITS } from '../format/directory.js';
import type { Format, Variant } from '../format/format.js';
import type { Header } from '../format/header.js';
import { decodeHeader, headerAvailOffset } from '../format/header.js';
import { LAYOUTS, offsetSize, magicMeaning } from '../format/format.js';

/** One way to read a file's first bytes, with its score. */
export interface Hypothesis {
  readonly format: Format;
  /** The header as this reading decodes it. */
  readonly header: Header;
  /** The first avail block's `size` as this reading decodes it. */
  readonly availSize: number;
  /** True if the magic is one that this reading expects. */
  readonly magicFits: boolean;
  /** Sum of the scores of all agreements; at most {@link MAX_SCORE}. */
  readonly score: number;
}

/** Score of each agreement. A relation between two fields counts more than a single plausible field. */
const WORTH = {
  magic: 4,
  blockSizePowerOfTwo: 1,
  bucketSizeIsBlockSize: 2,
  bucketElements: 3,
  directorySize: 3,
  directoryInside: 1,
  nextBlockAligned: 1,
  availSize: 3,
  availCount: 1,
};
export const MAX_SCORE = Object.values(WORTH).reduce((sum, worth) => sum + worth, 0);

/**
 * Score from which a reading is certain. All fields agree except possibly the places of the directory and of the end
 * of the file, which say nothing about the layout. Such a header fits no other layout, and neither does its number of
 * bucket elements. Damaged buckets are no evidence against it.
 */
export const CERTAIN = MAX_SCORE - WORTH.directoryInside - WORTH.nextBlockAligned;

/** Longest header: the header, the extended header and the head of the avail block. */
export const HEADER_BYTES = 128;

/**
 * Every reading of a file's first bytes, best first. Fields agree or not with each other in each of the three
 * layouts, both byte orders, with or without the extended header; no single field is trusted.
 *
 * @param head the first {@link HEADER_BYTES} bytes, padded with zeroes if the file is shorter
 * @param fileSize bytes
 */
export function weighHeader(head: Uint8Array, fileSize: number): Hypothesis[] {
  const found: Hypothesis[] = [];
  for (const byteOrder of ['little', 'big'] as const) {
    for (const layout of LAYOUTS) {
      for (const variant of ['standard', 'numsync'] as const) {
        found.push(weigh(head, fileSize, { byteOrder, layout, variant }));
      }
    }
  }
  return found.sort((a, b) => b.score - a.score);
}

function weigh(head: Uint8Array, fileSize: number, guess: Format): Hypothesis {
  const { layout, byteOrder } = guess;
  const header = decodeHeader(head, layout, byteOrder);
  const { variant, fits } = readMagic(header.magic, guess);
  const format: Format = { ...guess, variant };
  const avail = decodeAvailHead(head.subarray(headerAvailOffset(format)), layout, byteOrder);
  const { block_size, bucket_size, dir, dir_size, dir_bits, next_block } = header;
  const agreements: Record<keyof typeof WORTH, boolean> = {
    magic: fits,
    blockSizePowerOfTwo: isBlockSize(block_size),
    bucketSizeIsBlockSize: bucket_size === block_size && bucket_size > 0,
    bucketElements:
      header.bucket_elems > 0 && header.bucket_elems === bucketElementCount(layout, bucket_size),
    directorySize:
      dir_bits >= MIN_DIRECTORY_BITS &&
      dir_bits <= MAX_DIRECTORY_BITS &&
      dir_size === offsetSize(layout) * 2 ** dir_bits,
    directoryInside: dir > 0 && dir_size > 0 && dir + dir_size <= fileSize,
    nextBlockAligned: next_block > 0 && isBlockSize(block_size) && next_block % block_size === 0,
    availSize: avail.size > 0 && block_size > 0 && avail.size === headerAvailSize(format, block_size),
    availCount: avail.size > 0 && avail.count >= 0 && avail.count <= avail.size,
  };
  const score = (Object.keys(WORTH) as (keyof typeof WORTH)[])
    .filter((name) => agreements[name])
    .reduce((sum, name) => sum + WORTH[name], 0);
  return { format, header, availSize: avail.size, magicFits: fits, score };
}

function readMagic(magic: number, guess: Format): { variant: Variant; fits: boolean } {
  const meaning = magicMeaning(magic);
  if (meaning === undefined) return { variant: guess.variant, fits: false };
  const extended = meaning.variant === 'numsync';
  const fits =
    extended === (guess.variant === 'numsync') &&
    (meaning.offsetBits ?? guess.layout.offsetBits) === guess.layout.offsetBits;
  return fits ? { variant: meaning.variant, fits } : { variant: guess.variant, fits };
}

/**
 * The largest block that is believed. libgdbm takes the file system's preferred block size, of which none is
 * near this; without a limit one wrong field could ask for a bucket as large as the file.
 */
const MAX_BLOCK_SIZE = 0x4000000;

/** libgdbm rounds every block size up to a power of two, and does not go below 512. */
export function isBlockSize(value: number): boolean {
  return value >= 512 && value <= MAX_BLOCK_SIZE && (value & (value - 1)) === 0;
}

/**
 * The block size and bucket size that most of the header's fields agree on. Each field votes for the size that
 * it was computed from when the file was made.
 */
export function electSizes(hypothesis: Hypothesis): { blockSize: number; bucketSize: number } {
  const { format, header, availSize } = hypothesis;
  const fromAvail = smallestBlock((size) => headerAvailSize(format, size) === availSize);
  const fromElements = smallestBlock(
    (size) => bucketElementCount(format.layout, size) === header.bucket_elems,
  );
  const minimum = headerAvailOffset(format) + availBlockStruct(format.layout).size;
  const plausible = (size: number | undefined): size is number =>
    size !== undefined && size >= minimum && size <= MAX_BLOCK_SIZE;
  return {
    blockSize: elect([header.block_size, fromAvail, header.bucket_size, fromElements].filter(plausible)),
    bucketSize: elect([header.bucket_size, fromElements, header.block_size, fromAvail].filter(plausible)),
  };
}

/** The candidate with the most votes; with equal votes a usual size, or the first. */
function elect(votes: readonly number[]): number {
  const count = (size: number) => votes.filter((vote) => vote === size).length;
  const usual = (size: number) => Number(isBlockSize(size));
  return [...votes].sort((a, b) => count(b) - count(a) || usual(b) - usual(a))[0] ?? 4096;
}

function smallestBlock(fits: (size: number) => boolean): number | undefined {
  for (let size = 512; size <= MAX_BLOCK_SIZE; size *= 2) if (fits(size)) return size;
  return undefined;
}
