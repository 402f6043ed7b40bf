import type { Database } from '../database/database.js';
import { isBlockSize } from '../database/evidence.js';
import { bucketElementCount, elementStruct, elementsStart } from '../format/bucket.js';
import type { Format, ByteOrder, Layout } from '../format/format.js';
import { decodeHeader, headerStruct } from '../format/header.js';
import { LAYOUT_32, LAYOUT_64, LAYOUT_64_PACKED } from '../format/format.js';
import { viewOf } from '../format/struct.js';
import type { Source } from '../source/source.js';
import { fill, readUpTo } from '../source/source.js';
import { ElementFilter } from './elements.js';
import { BucketFilter } from './heads.js';
import { LooseList } from './loose.js';
import { OffsetList } from '../numbers.js';
import type { Progress } from '../source/sweep.js';
import { lastPlace, sampleSweep } from '../source/sweep.js';
import { weights } from '../weights.js';

/** Number of proved elements that is enough to determine the format. */
const ENOUGH = 2000;
/** Maximum number of places at which a bucket is read to determine the bucket size. */
const LOOKED_AT = 64;
/** Bytes of a place that are read first. */
const BEGINNING = 512;
/** Minimum key size of an element that determines the format: the hash of the empty key is a common number. */
const LEAST_KEY = 1;
/** Bucket sizes that libgdbm uses by default and with any sensible setting. */
const BUCKET_SIZES = Array.from({ length: 12 }, (_, i) => 512 << i);

/** Format and geometry of a file whose header is lost. */
export interface Inferred {
  readonly db: Database;
  /** File offsets of some of its whole buckets. */
  readonly buckets: readonly number[];
}

/** Cached results by source: a caller asks a second time if nothing could be proved. */
const known = new WeakMap<Source, Promise<Inferred | undefined>>();

/** Returns the database of {@link inferWithBuckets}. */
export async function inferByKeys(source: Source, progress?: Progress): Promise<Database | undefined> {
  return (await inferWithBuckets(source, progress))?.db;
}

/**
 * Finds how to read a file whose header is lost. One pass finds the byte order and offset width with which elements
 * point at keys that give their hash. The bucket size is then the one with which those elements stand in buckets.
 *
 * @returns undefined if no element is proved
 */
export function inferWithBuckets(source: Source, progress?: Progress): Promise<Inferred | undefined> {
  const before = known.get(source);
  if (before !== undefined) return before;
  const found = infer(source, progress);
  known.set(source, found);
  return found;
}

async function infer(source: Source, progress?: Progress): Promise<Inferred | undefined> {
  // Nearly all elements have an unambiguous hash. A search for the rest takes long in a file full of zeroes.
  const elements = (await proveSome(source, 0, progress)) ?? (await proveSome(source, undefined, progress));
  if (elements === undefined) return undefined;
  const { byteOrder, loose } = elements;
  let best: { format: Format; bucketSize: number; score: number; whole: number[] } | undefined;
  for (const layout of elements.layouts) {
    const format: Format = { byteOrder, layout, variant: 'standard' };
    const least = best === undefined ? 0 : best.score + weights.reading.layoutAhead;
    let bestOfLayout: typeof best;
    for (const bucketSize of BUCKET_SIZES) {
      const agreed = await agreement(source, format, bucketSize, loose);
      if (agreed.score >= least && agreed.score > (bestOfLayout?.score ?? -1))
        bestOfLayout = { format, bucketSize, ...agreed };
    }
    best = bestOfLayout ?? best;
  }
  if (best === undefined) return undefined;
  const { format, bucketSize, whole: buckets } = best;
  const head = new Uint8Array(headerStruct(format.layout).size);
  head.set(await readUpTo(source, 0, head.length));
  const header = decodeHeader(head, format.layout, byteOrder);
  // libgdbm makes both sizes equal; a header that still has a valid block size is right.
  const blockSize =
    isBlockSize(header.block_size) && header.block_size <= bucketSize ? header.block_size : bucketSize;
  const db: Database = {
    source,
    format,
    header,
    headerLost: true,
    layout: undefined,
    extended: undefined,
    geometry: {
      blockSize,
      bucketSize,
      bucketElements: bucketElementCount(format.layout, bucketSize),
      directory: undefined,
    },
    directory: new Float64Array(0),
    confidence: loose.length / (loose.length + 1),
  };
  return { db, buckets };
}

interface ProvedSome {
  readonly byteOrder: ByteOrder;
  /** Layouts that have such elements: two layouts differ only in the bytes before the elements. */
  readonly layouts: readonly Layout[];
  readonly loose: LooseList;
}

/** Collects elements of each byte order and width, until one kind has enough. */
async function proveSome(
  source: Source,
  untelling: number | undefined,
  progress?: Progress,
): Promise<ProvedSome | undefined> {
  const kinds: (ProvedSome & { filter: ElementFilter })[] = [];
  for (const layouts of [[LAYOUT_64, LAYOUT_64_PACKED], [LAYOUT_32]]) {
    for (const byteOrder of ['little', 'big'] as const) {
      const filter = new ElementFilter(layouts[0], byteOrder, source.size, untelling, LEAST_KEY);
      const loose = new LooseList(source);
      kinds.push({ byteOrder, layouts, loose, filter });
    }
  }
  const { size } = elementStruct(LAYOUT_64);
  let windows = 0;
  for await (const window of sampleSweep(source, size, progress)) {
    windows++;
    // The keys are anywhere in the file. To prove them takes a pass, so it is done after 1, 2, 4, 8... windows.
    const isTime = (windows & (windows - 1)) === 0;
    for (const { filter, loose } of kinds) {
      filter.find(window.view, 0, lastPlace(window, filter.size), window.base, loose.waiting);
      await loose.settle(isTime && loose.waiting.length > 0);
      if (loose.length >= ENOUGH) return { ...kinds.find((kind) => kind.loose === loose)! };
    }
  }
  for (const { loose } of kinds) await loose.settle(true);
  const best = kinds.sort((a, b) => b.loose.length - a.loose.length)[0];
  return best.loose.length > 0 ? best : undefined;
}

/**
 * Scores a format and bucket size by the elements that stand in one bucket with others or in a whole bucket. Returns
 * the offsets of the whole buckets too.
 */
async function agreement(
  source: Source,
  format: Format,
  bucketSize: number,
  loose: LooseList,
): Promise<{ score: number; whole: number[] }> {
  const elements = bucketElementCount(format.layout, bucketSize);
  const buckets: number[] = [];
  if (elements < 1) return { score: -1, whole: buckets };
  const stride = elementStruct(format.layout).size;
  const first = elementsStart(format);
  const votes = new Map<number, number>();
  for (let i = 0; i < Math.min(loose.length, ENOUGH); i++) {
    const base = loose.at(i) - first - stride * (loose.hash(i) % elements);
    votes.set(base, (votes.get(base) ?? 0) + 1);
  }
  const filter = new BucketFilter(format, bucketSize, source.size);
  // Hundreds of reads share this buffer: a bucket may have 1 MiB.
  const room = new Uint8Array(source.readInto === undefined ? 0 : bucketSize);
  let score = 0;
  for (const n of votes.values()) score += n - 1;
  for (const [base, n] of [...votes].sort(([, a], [, b]) => b - a).slice(0, LOOKED_AT)) {
    if (base < 0 || base + bucketSize > source.size) continue;
    const whole = new OffsetList();
    // With a wrong size nearly all of these places are no bucket's, which their beginning shows.
    for (let length = Math.min(BEGINNING, bucketSize), isLikely = true; isLikely; length *= 8) {
      const view = viewOf(await fill(source, base, Math.min(length, bucketSize), room));
      if (length >= bucketSize) filter.find(view, 0, 1, 0, whole, 1);
      isLikely = length < bucketSize && filter.mayBegin(view);
    }
    if (whole.length === 0) continue;
    score += n + 2;
    buckets.push(base);
  }
  return { score, whole: buckets };
}
