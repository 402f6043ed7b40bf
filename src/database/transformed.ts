import type { Source } from '../source/source.js';
import { readUpTo } from '../source/source.js';
import type { Transform } from '../source/transforms.js';
import { CRLF, TRANSFORMS, UTF8 } from '../source/transforms.js';
import { databasesIn, HEADLESS_SEARCHED } from './databases.js';

/** Bytes of a file that are looked at for marks of a transform. */
export const LOOKED_AT = 1 << 20;
/** Bytes at the beginning in which a header may begin: some programs put a mark or a header of their own before a file. */
const HEADER_WITHIN = [{ offset: 0, length: 513 }];
/** Marks of UTF-8 needed as evidence. Of a copy in text mode one is enough: a file may have few line feeds. */
const MIN_UTF8 = 16;
/** Share of bytes that speak against a transform that is tolerated: a damaged sector has some. */
const TOLERATED = 1 / 16;
/** Minimum share of zero words in a file whose bytes may be swapped: no text and nothing compressed has so many. */
const MIN_ZEROS = 1 / 64;

/**
 * The transforms of which a file has marks. They are cheap to find and prove nothing: the records that the undone file
 * proves decide.
 *
 * @param isLastResort true if the file as it is proves next to no record, so that bytes may be swapped though no header
 *   shows it
 * @throws SourceError if the source cannot be read
 */
export async function likelyTransforms(source: Source, isLastResort = false): Promise<Transform[]> {
  const head = await readUpTo(source, 0, LOOKED_AT);
  const { lines, crlf, high, utf8, zeros } = marksOf(head);
  const plain = await headerScore(source);
  const isSparse = isLastResort && source.size <= HEADLESS_SEARCHED && 4 * zeros >= head.length * MIN_ZEROS;
  const isMarked = (marks: number, all: number) => marks > 0 && all - marks <= all * TOLERATED;
  const found: Transform[] = [];
  for (const transform of TRANSFORMS) {
    const { name, isSwap } = transform;
    const isLikely = isSwap
      ? // Swapped words of a file with 32-bit offsets have a header of the other byte order.
        isSparse || (await headerScore(await transform.undo(source))) > plain
      : name === 'crlf'
        ? isMarked(crlf, lines)
        : utf8 >= MIN_UTF8 && isMarked(2 * utf8, high);
    if (isLikely) found.push(transform);
  }
  return found;
}

/** Score of the best header at the beginning of a file, more if it leads to buckets; 0 if there is none. */
async function headerScore(source: Source): Promise<number> {
  let best = 0;
  for await (const { score, isWhole } of databasesIn(source, { within: HEADER_WITHIN })) {
    best = Math.max(best, score + (isWhole ? 1 : 0));
  }
  return best;
}

/** Counts of what transforms leave in a file. */
interface Marks {
  /** Line feeds. */
  readonly lines: number;
  /** Line feeds behind a carriage return. */
  readonly crlf: number;
  /** Bytes from 0x80 on. */
  readonly high: number;
  /** Pairs of them that encode a byte of Latin-1 as UTF-8. */
  readonly utf8: number;
  /** U+FFFD in UTF-8: a decoder replaced bytes that were none. */
  readonly replaced: number;
  /** Words of four bytes that are zero. */
  readonly zeros: number;
}

export function marksOf(bytes: Uint8Array): Marks {
  const marks = { lines: 0, crlf: 0, high: 0, utf8: 0, replaced: 0, zeros: 0 };
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte >= 0x80) {
      marks.high++;
      if (UTF8.join(byte, bytes[i + 1]) >= 0) marks.utf8++;
      else if (byte === 0xef && bytes[i + 1] === 0xbf && bytes[i + 2] === 0xbd) marks.replaced++;
    } else if (byte === 10) {
      marks.lines++;
      if (i > 0 && CRLF.join(bytes[i - 1], byte) >= 0) marks.crlf++;
    }
  }
  for (let i = 0; i + 4 <= bytes.length; i += 4) {
    if ((bytes[i] | bytes[i + 1] | bytes[i + 2] | bytes[i + 3]) === 0) marks.zeros++;
  }
  return marks;
}
