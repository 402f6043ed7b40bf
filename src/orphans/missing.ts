import type { Database } from '../database/database.js';
import { openDatabase } from '../database/database.js';
import type { FoundDatabase } from '../database/databases.js';
import { databasesOf, HEADLESS_SEARCHED, HEADLESS_SEARCHED_FOR_ONE } from '../database/databases.js';
import { exact } from '../source/source.js';
import { bucketElementCount, BucketView, elementsStart } from '../format/bucket.js';
import type { Format } from '../format/format.js';
import { FREE_HASH, hashKey } from '../format/hash.js';
import { LAYOUTS } from '../format/format.js';
import { Layout } from '../source/layout.js';
import type { Range } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { CandidateList } from './candidatelist.js';
import { findKeys, LONGEST } from './findkeys.js';
import { BucketFilter } from './heads.js';
import { inferByKeys } from './infer.js';
import { Votes } from './votes.js';
import { OffsetList } from '../numbers.js';
import type { Progress } from '../source/sweep.js';
import { coveredPlaces, lastPlace, sweep } from '../source/sweep.js';
import { weights } from '../weights.js';

/** Minimum size in bytes of a key that is tested: the hash of one byte is weak evidence. */
const LEAST = 2;
/** Unit in bytes in which a drive or a copy loses or repeats data. */
const SECTOR = 512;
/** Number of buckets that is enough to determine a format, and maximum number of keys that are searched for. */
interface Sample {
  readonly buckets: number;
  readonly keys: number;
}

const SMALL_SAMPLE: Sample = { buckets: 64, keys: 2000 };
/** A sample in which one record is looked for: the one with another database in its value. */
const LARGE_SAMPLE: Sample = { buckets: 1 << 12, keys: 1 << 16 };
/** Maximum number of keys tested at some distances: many may be too short for a search. */
const MAX_ASKED = 64;
/** Maximum number of distances taken from the keys that were found. */
const TRIED = 16;
/** Numbers of missing or inserted bytes that are tried without evidence from keys. */
const SECTORS = Array.from({ length: 32 }, (_, n) => (n % 2 === 0 ? 1 : -1) * SECTOR * (1 + (n >> 1)));

/**
 * Finds how to read a file that does not begin with its header:
 *
 * 1. by its elements, if they point at their keys;
 * 2. by a header that stands elsewhere: bytes were put before the file, or it is in an image;
 * 3. if the beginning is gone, by its buckets and by the present places of their keys.
 *
 * A database in the value of a record has a header, too. Buckets are therefore looked for outside of the databases that
 * have one; if a record of those buckets has such a database in its value, the outer one is read.
 *
 * @returns undefined if there is no evidence of a GDBM file, and for an image of several databases, because the file
 *   is none of them
 */
export async function inferByScan(source: Source, progress?: Progress): Promise<Database | undefined> {
  const inPlace = await inferByKeys(source, progress);
  // The empty key matches at every place, so a few elements are no proof.
  if (inPlace !== undefined && inPlace.confidence > 0.9) return inPlace;
  const databases = await databasesOf(exact(source), progress);
  const headed = databases[0]?.offset === 0 ? [] : databases;
  const sample = headed.length === 0 ? SMALL_SAMPLE : LARGE_SAMPLE;
  const beginning = await findBeginning(source, outsideOf(headed, source.size), sample, progress);
  if (beginning !== undefined && (headed.length === 0 || (await hasInValue(source, beginning, headed)))) {
    const { missing } = beginning;
    const layout = Layout.shifted(source, missing);
    const before = await inferByKeys(layout.source, progress);
    if (before !== undefined) return { ...before, layout };
  }
  if (headed.length > 1) return undefined;
  for (const { offset } of headed) {
    const layout = Layout.shifted(source, -offset);
    const opened = await openDatabase(layout.source);
    if (opened !== undefined) return { ...opened, layout };
  }
  return inPlace;
}

/** The place at which a file began, and the keys that tell it. */
interface Beginning {
  /** Bytes that are missing at the beginning; negative for bytes that were put before it. */
  readonly missing: number;
  readonly keys: readonly RecordKey[];
}

/** A key as its element describes it. */
interface RecordKey {
  readonly hash: number;
  /** Bytes. */
  readonly size: number;
  /** File offset at which the key belongs. */
  readonly pointer: number;
  /** The first four bytes as one number, the first byte in the most significant place. */
  readonly start: number;
  /** Bytes of key and value. */
  readonly bytes: number;
}

/** The ranges of a file outside of its whole databases. */
function outsideOf(databases: readonly FoundDatabase[], size: number): Range[] {
  const ranges: Range[] = [];
  let from = 0;
  for (const { offset, size: length, isWhole } of databases) {
    if (!isWhole) continue;
    if (offset > from) ranges.push({ offset: from, length: offset - from });
    from = offset + length;
  }
  if (size > from) ranges.push({ offset: from, length: size - from });
  return ranges;
}

/** Returns true if a record whose key is there has one of some databases in its value. */
async function hasInValue(
  source: Source,
  { missing, keys }: Beginning,
  databases: readonly FoundDatabase[],
): Promise<boolean> {
  for (const { pointer, size, bytes, hash } of keys) {
    const at = pointer - missing;
    const isAround = databases.some(
      ({ offset, size: length }) => offset >= at + size && offset + length <= at + bytes,
    );
    if (isAround && (await isKeyAt(source, at, size, hash))) return true;
  }
  return false;
}

/** Finds the number of bytes by which the file is shifted; undefined without evidence. */
async function findBeginning(
  source: Source,
  within: readonly Range[],
  sample: Sample,
  progress?: Progress,
): Promise<Beginning | undefined> {
  // A bucket with one element may be chance, but in a file most of whose records were deleted, buckets have no more.
  for (const [least, lookedAt] of [
    [2, HEADLESS_SEARCHED],
    [1, HEADLESS_SEARCHED_FOR_ONE],
  ]) {
    const keys = await findBuckets(source, within, sample, least, lookedAt, progress);
    const missing = keys.length === 0 ? undefined : await findDistance(source, keys, progress);
    if (missing !== undefined) return { missing, keys };
  }
  return undefined;
}

/** Keys of the format whose first whole buckets have the most elements. */
async function findBuckets(
  source: Source,
  within: readonly Range[],
  sample: Sample,
  least: number,
  lookedAt: number,
  progress?: Progress,
): Promise<RecordKey[]> {
  let best: { format: Format; elements: number; found: OffsetList; used: number } | undefined;
  for (const byteOrder of ['little', 'big'] as const) {
    for (const layout of LAYOUTS) {
      for (let bucketSize = 512; bucketSize <= 65536; bucketSize *= 2) {
        const format: Format = { byteOrder, layout, variant: 'standard' };
        const filter = new BucketFilter(format, bucketSize, source.size);
        const found = new OffsetList();
        for await (const window of sweep(source, bucketSize, progress, within)) {
          const end = lastPlace(window, bucketSize);
          for (const [from, to] of coveredPlaces(window, within)) {
            filter.find(window.view, from, Math.min(to, end), window.base, found, least);
          }
          if (found.length >= sample.buckets || filter.isExhausted || window.base >= lookedAt) break;
        }
        const used = await usedIn(source, format, found);
        if (used > (best?.used ?? 0)) {
          best = { format, elements: bucketElementCount(layout, bucketSize), found, used };
        }
      }
    }
  }
  if (best === undefined) return [];
  const { format, elements, found } = best;
  const keys: RecordKey[] = [];
  for (const offset of found.values()) {
    const first = new BucketView(new Uint8Array(0), format, 0).elementOffset(elements);
    const bucket = new BucketView(
      await source.read(offset, Math.min(first, source.size - offset)),
      format,
      elements,
    );
    for (let i = 0; i < elements && keys.length < sample.keys; i++) {
      const hash = bucket.hash(i);
      const size = bucket.keySize(i);
      if (hash === FREE_HASH || size < LEAST || size > LONGEST) continue;
      const { buffer, byteOffset } = bucket.keyStart(i);
      const start = new DataView(buffer, byteOffset).getUint32(0);
      keys.push({ hash, size, pointer: bucket.dataPointer(i), start, bytes: size + bucket.dataSize(i) });
    }
  }
  return keys;
}

/** Sum of the elements in use that buckets count. */
async function usedIn(source: Source, format: Format, found: OffsetList): Promise<number> {
  let used = 0;
  for (const offset of found.values()) {
    const head = await source.read(offset, Math.min(elementsStart(format), source.size - offset));
    used += new BucketView(head, format, 0).count;
  }
  return used;
}

/** Finds the distance from their place at which most keys are. */
async function findDistance(
  source: Source,
  wanted: readonly RecordKey[],
  progress?: Progress,
): Promise<number | undefined> {
  const keys = new CandidateList();
  for (const { hash, pointer, size, start } of wanted) keys.push(0, hash, pointer, size, start);
  const { length, at, offsets } = await findKeys(source, keys, progress);
  const votes = new Votes();
  for (let n = 0; n < length; n++) votes.add(offsets[n] - at[n]);
  const sorted = votes.all().sort(([, a], [, b]) => b - a);
  const [best] = sorted;
  if (best !== undefined && best[0] !== 0 && best[1] >= weights.reading.agreeingKeys)
    return best[0] > -source.size ? best[0] : undefined;
  const told = sorted.slice(0, TRIED).map(([missing]) => missing);
  return bestOf(source, wanted.slice(0, MAX_ASKED), [0, ...told, ...SECTORS]);
}

/** The distance at which most of some keys are; undefined if they are in place, or if too few agree. */
async function bestOf(
  source: Source,
  wanted: readonly RecordKey[],
  distances: readonly number[],
): Promise<number | undefined> {
  let best = { missing: 0, there: 0, inside: 0 };
  for (const missing of new Set(distances)) {
    let there = 0;
    let inside = 0;
    for (const { pointer, size, hash } of wanted) {
      const at = pointer - missing;
      if (at < 0 || at + size > source.size) continue;
      inside++;
      if (await isKeyAt(source, at, size, hash)) there++;
    }
    if (there > best.there) best = { missing, there, inside };
  }
  const { missing, there, inside } = best;
  const isTold =
    there >= weights.reading.agreeingKeys
      ? 2 * there > inside
      : there >= weights.reading.agreeingAll && there === wanted.length;
  return missing !== 0 && isTold ? missing : undefined;
}

/**
 * Returns true if a range of a source is a key with this hash, in either flavour.
 *
 * @param offset file offset
 * @param size bytes; a key longer than {@link LONGEST} is not read and counts as absent
 */
async function isKeyAt(source: Source, offset: number, size: number, hash: number): Promise<boolean> {
  const isInside = offset >= 0 && size >= 0 && size <= LONGEST && offset + size <= source.size;
  if (!isInside) return false;
  const key = await source.read(offset, size);
  return hashKey(key, 'signed') === hash || hashKey(key, 'unsigned') === hash;
}
