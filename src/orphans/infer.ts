import type { Database } from '../database/database.js';
import { isBlockSize } from '../database/evidence.js';
import { bucketElementCount, elementStruct, elementsStart } from '../format/bucket.js';
import type { Format, ByteOrder, Layout } from '../format/format.js';
import { decodeHeader, headerStruct } from '../format/header.js';
import { LAYOUT_32, LAYOUT_64, LAYOUT_64_PACKED } from '../format/format.js';
import type { Source } from '../source/source.js';
import { fill, readUpTo } from '../source/source.js';
import { ElementFilter } from './elements.js';
import { BucketFilter } from './heads.js';
import { LooseList } from './loose.js';
import { OffsetList } from '../numbers.js';
import type { Progress } from '../source/sweep.js';
import { lastPlace, sampleSweep } from '../source/sweep.js';

/** Elements that are proved are enough to tell the format by. */
const ENOUGH = 2000;
/** Places at which a bucket is looked for to tell its size by. */
const LOOKED_AT = 64;
/** Bytes of a key that tells a format, at least: the hash of the empty key is a number that stands in many a file. */
const LEAST_KEY = 1;
/**
 * By so much another layout must be ahead of that of nearly all machines, this one among them. The records are read alike in both, and of
 * few elements some agree by chance: up to 3 of 12 at one of 17 places.
 */
const CLEARLY_AHEAD = 3;
/** The sizes of buckets that libgdbm makes by itself and with any sensible setting. */
const BUCKET_SIZES = Array.from({ length: 12 }, (_, i) => 512 << i);

/** How a file is read whose header is lost. */
export interface Inferred {
  readonly db: Database;
  /** File offsets of some of its buckets that are whole. */
  readonly buckets: readonly number[];
}

/** What was found out of sources that are in use: it is asked for once more where nothing could be proved. */
const known = new WeakMap<Source, Promise<Inferred | undefined>>();

/** As {@link inferWithBuckets} finds it. */
export async function inferByKeys(source: Source, progress?: Progress): Promise<Database | undefined> {
  return (await inferWithBuckets(source, progress))?.db;
}

/**
 * Finds how to read a file whose header is lost: first, in one pass, the byte order and width of offsets by which
 * elements point at keys that give their hash, then the bucket size by which those elements stand in buckets.
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
  // Nearly all elements have a hash that tells, and the rest would be looked for in vain in a file full of zeroes.
  const elements = (await proveSome(source, 0, progress)) ?? (await proveSome(source, undefined, progress));
  if (elements === undefined) return undefined;
  const { byteOrder, loose } = elements;
  let best: { format: Format; bucketSize: number; score: number; whole: number[] } | undefined;
  for (const layout of elements.layouts) {
    const format: Format = { byteOrder, layout, variant: 'standard' };
    const least = best === undefined ? 0 : best.score + CLEARLY_AHEAD;
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
  // libgdbm makes both the same; where the header still says so, it is right.
  const blockSize =
    isBlockSize(header.block_size) && header.block_size <= bucketSize ? header.block_size : bucketSize;
  const db: Database = {
    source,
    format,
    header,
    headerLost: true,
    missing: 0,
    fault: undefined,
    rearrangement: undefined,
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
  /** Which of the layouts have such elements: two differ only in what is before them. */
  readonly layouts: readonly Layout[];
  readonly loose: LooseList;
}

/** Elements of each kind that there is, until one kind has enough. */
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
    // Their keys are anywhere in the file: proved after 1, 2, 4, 8... windows, so that it is not read once for each.
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

/** How many elements stand, by this format and size, in one bucket with others, or in one that is whole, and where those are. */
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
  // Hundreds of places are read, of what may be buckets of 1 MiB each.
  const room = new Uint8Array(source.readInto === undefined ? 0 : bucketSize);
  let score = 0;
  for (const n of votes.values()) score += n - 1;
  for (const [base, n] of [...votes].sort(([, a], [, b]) => b - a).slice(0, LOOKED_AT)) {
    if (base < 0 || base + bucketSize > source.size) continue;
    const bytes = await fill(source, base, bucketSize, room);
    const whole = new OffsetList();
    filter.find(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, 1, 0, whole, 1);
    if (whole.length === 0) continue;
    score += n + 2;
    buckets.push(base);
  }
  return { score, whole: buckets };
}
