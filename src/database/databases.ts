import { BUCKET_AVAIL, BucketView, elementsStart } from '../format/bucket.js';
import { decodeDirectory, endOfRun } from '../format/directory.js';
import type { Format } from '../format/format.js';
import type { Header } from '../format/header.js';
import { offsetSize } from '../format/format.js';
import type { RangeList } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { readUpTo } from '../source/source.js';
import type { Progress, Window } from '../source/sweep.js';
import { coveredPlaces, sweep } from '../source/sweep.js';
import { HEADER_BYTES, weighHeader } from './evidence.js';
import { weights } from '../weights.js';

/** A database that begins anywhere in a file. */
export interface FoundDatabase {
  /** File offset of its header. */
  readonly offset: number;
  /** Bytes, as its header and its directory say; at most those to the end of the file. */
  readonly size: number;
  readonly format: Format;
  /** True if its directory leads to buckets. If not, it may be a copy of a header, or its parts lie elsewhere. */
  readonly isWhole: boolean;
  /** Score of its header; see `weighHeader`. */
  readonly score: number;
}

interface DatabasesOptions {
  /** Ranges in which headers are looked for; by default the whole file. */
  readonly within?: RangeList | undefined;
  readonly progress?: Progress | undefined;
}

/**
 * Bytes of a file that are searched for buckets of a database without its beginning, and for such buckets with one
 * record. The search runs for each format, and a file of random bytes must not take minutes.
 */
export const HEADLESS_SEARCHED = 1 << 26;
export const HEADLESS_SEARCHED_FOR_ONE = 1 << 22;

/** Every magic has this byte in its middle: 13 57 9a xx, or in the other byte order xx 9a 57 13. */
const MAGIC_MIDDLE = 0x57;
const MAGIC_TOP = 0x13;
const MAGIC_THIRD = 0x9a;
/** Bytes of a directory that are read to follow it, and buckets of it that are sampled. */
const DIRECTORY_READ = 1 << 16;
const SAMPLE = 16;
/**
 * Budget for following headers: 4 bytes read for each byte of the file, and 16 MiB. Later headers are not followed.
 */
const FOLLOWED_PER_BYTE = 4;
const FOLLOWED_AT_LEAST = 16 << 20;

/**
 * Finds the databases in a file by their headers, at any offset, in order. Data inside a whole database, such as a
 * database in the value of a record, belong to it and are not given.
 *
 * Time: linear in the size of the file. Memory: one window of it.
 *
 * @throws SourceError if the source cannot be read
 */
export async function* databasesIn(
  source: Source,
  { within, progress }: DatabasesOptions = {},
): AsyncGenerator<FoundDatabase> {
  let budget = FOLLOWED_AT_LEAST + FOLLOWED_PER_BYTE * source.size;
  /** End of the last whole database. */
  let free = 0;
  for await (const window of sweep(source, HEADER_BYTES, progress, within)) {
    for (const at of magicsIn(window, within)) {
      const offset = window.base + at;
      if (offset < free) continue;
      const head = new Uint8Array(HEADER_BYTES);
      head.set(
        new Uint8Array(window.view.buffer, window.view.byteOffset, window.view.byteLength).subarray(
          at,
          at + HEADER_BYTES,
        ),
      );
      const [best] = weighHeader(head, source.size - offset).filter(({ magicFits }) => magicFits);
      if (best === undefined || best.score < weights.reading.header) continue;
      const { format, header } = best;
      const contents =
        budget > 0 ? await follow(source, offset, format, header) : { end: 0, isWhole: false, read: 0 };
      budget -= contents.read;
      const size = Math.min(Math.max(header.next_block, contents.end), source.size - offset);
      yield { offset, size, format, isWhole: contents.isWhole, score: best.score };
      if (contents.isWhole) free = offset + size;
    }
  }
}

/** Databases of one file that are remembered. */
export const MAX_DATABASES = 1024;

const known = new WeakMap<Source, Promise<readonly FoundDatabase[]>>();

/**
 * The first {@link MAX_DATABASES} databases of a file that are not inside another one. A database that claims most of
 * the file contains everything in its range even if its directory is damaged. The result is cached by source.
 */
export function databasesOf(source: Source, progress?: Progress): Promise<readonly FoundDatabase[]> {
  const before = known.get(source);
  if (before !== undefined) return before;
  const found = outermost(source, progress);
  known.set(source, found);
  return found;
}

async function outermost(source: Source, progress?: Progress): Promise<readonly FoundDatabase[]> {
  const found: FoundDatabase[] = [];
  let free = 0;
  for await (const one of databasesIn(source, { progress })) {
    if (one.offset < free) continue;
    if (found.push(one) === MAX_DATABASES) break;
    if (2 * one.size > source.size) free = one.offset + one.size;
  }
  return found;
}

/** The places in a window at which a magic stands. */
function* magicsIn(window: Window, within: RangeList | undefined): Generator<number> {
  const { view, base, places } = window;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const parts = within === undefined ? [[0, places]] : coveredPlaces({ base, places }, within);
  for (const [from, to] of parts) {
    for (let i = bytes.indexOf(MAGIC_MIDDLE, from); i >= 0; i = bytes.indexOf(MAGIC_MIDDLE, i + 1)) {
      // The magic begins one byte before, or two.
      if (i > to + 1) break;
      const isBig = bytes[i - 1] === MAGIC_TOP && bytes[i + 1] === MAGIC_THIRD;
      const isLittle = bytes[i - 1] === MAGIC_THIRD && bytes[i + 1] === MAGIC_TOP;
      if (!isBig && !isLittle) continue;
      const at = isBig ? i - 1 : i - 2;
      if (at >= from && at < to) yield at;
    }
  }
}

/**
 * Follows a header's directory. The database is whole if at least half of the sampled entries lead to buckets; `end`
 * is then the end of the last of these buckets or of the directory.
 */
async function follow(
  source: Source,
  offset: number,
  format: Format,
  { dir, dir_size, dir_bits, bucket_size, bucket_elems, block_size }: Header,
): Promise<{ end: number; isWhole: boolean; read: number }> {
  const width = offsetSize(format.layout);
  const nothing = { end: 0, isWhole: false, read: 0 };
  if (!(dir > 0 && dir_size >= width && offset + dir + width <= source.size)) return nothing;
  const bytes = await readUpTo(source, offset + dir, Math.min(dir_size, DIRECTORY_READ));
  const entries = decodeDirectory(bytes, format.layout, format.byteOrder);
  const isCut = bytes.length < dir_size;
  const runs: { address: number; slots: number }[] = [];
  for (let slot = 0, end: number; slot < entries.length; slot = end) {
    end = endOfRun(entries, slot);
    if (isCut && end === entries.length) break;
    runs.push({ address: entries[slot], slots: end - slot });
  }
  const headBytes = elementsStart(format);
  const step = Math.max(1, Math.floor(runs.length / SAMPLE));
  let looked = 0;
  let right = 0;
  let end = 0;
  for (let n = 0; n < runs.length; n += step) {
    const { address, slots } = runs[n];
    looked++;
    const length = Math.max(bucket_size, headBytes);
    if (!(address >= block_size && offset + address + length <= source.size)) continue;
    const head = new BucketView(await source.read(offset + address, headBytes), format, 0);
    const { bits, count, availCount } = head;
    const isBucket =
      slots === 2 ** (dir_bits - bits) &&
      count >= 0 &&
      count <= bucket_elems &&
      availCount >= 0 &&
      availCount <= BUCKET_AVAIL;
    if (!isBucket) continue;
    right++;
    end = Math.max(end, address + bucket_size);
  }
  const isWhole = right > 0 && 2 * right >= looked;
  return {
    end: isWhole ? Math.max(end, dir + dir_size) : 0,
    isWhole,
    read: bytes.length + looked * headBytes,
  };
}
