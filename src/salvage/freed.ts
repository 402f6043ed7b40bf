import { startOf } from '../check/key.js';
import { rangeOf } from '../database/claims.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/survey.js';
import { isReadable, roomForBucket } from '../database/survey.js';
import type { BucketView } from '../format/bucket.js';
import { FREE_HASH, hashKey, isPortableKey } from '../format/hash.js';
import { orderBySteps, readInOrder } from '../source/readinorder.js';
import type { Source } from '../source/source.js';
import { readInto } from '../source/source.js';
import type { InForcePart } from './inforcepart.js';
import { PlaceSet } from './placeset.js';
import type { SalvagedRecord } from './salvage.js';

/** What a free element still says of the record that it once stood for. */
export interface FreedElement extends SalvagedRecord {
  /** The key's first bytes as the element has them, at most 4, as {@link startOf} gives them. */
  readonly keyStart: number;
  /** Whether the bytes of the key begin so; if not, the key is overwritten, and `hash` is −1. */
  readonly keyFits: boolean;
  /** Whether the hash of the key is one of the bucket's own range; undefined where that range is not known. */
  readonly belongs: boolean | undefined;
  /** log2 of how unlikely it is that a key which is not the element's own has its home so near to the element's place. */
  readonly homeBits: number;
}

/** Longer keys of free elements are not read: the fields of an element that was never used may hold anything. */
const MAX_KEY = 1 << 20;
/** Bytes of keys that are read for each byte of the file: elements that all point at one long key must not multiply it. */
const KEY_BUDGET = 2;
/** Elements whose keys are read together, and what these may be long. */
const TOGETHER = 1 << 14;
const TOGETHER_BYTES = 4 << 20;

/** Which free elements are wanted. */
export interface FreedOptions {
  /** A part of the file, and what is in force there: a free element that says the same is only a copy of one that was moved. */
  readonly part?: Pick<InForcePart, 'from' | 'to' | 'has'>;
  /** Bytes of keys that may be read; what is read is taken away. */
  readonly budget?: { bytes: number };
}

/** What may be read of a file's keys, of all its parts together. */
export function freedBudget({ source }: Database): { bytes: number } {
  return { bytes: KEY_BUDGET * source.size };
}

/** All of a file. */
const WHOLE = { from: 0, to: Infinity, has: () => false };

/**
 * What the free elements of buckets say, in batches. libgdbm frees an element by setting its hash to −1 and leaves the
 * other fields. Three kinds of such elements are in a file that was much changed (measured, libgdbm 1.23): records that
 * were deleted, whose key then has a hash of the bucket's range; elements that were moved to close the gap of a deleted
 * one, so that a used element has the same place; and what stood in the memory in which a split made a new bucket, which
 * are elements of other buckets at the same index, of records in force, replaced or deleted. The hash is computed again
 * from the bytes that they point at.
 */
export async function* freedElements(
  db: Database,
  sites: readonly BucketSite[],
  { part = WHOLE, budget = freedBudget(db) }: FreedOptions = {},
): AsyncGenerator<FreedElement[]> {
  const { source } = db;
  const reader: BucketReader = { db, part, room: roomForBucket(db), places: new PlaceSet() };
  let waiting: Waiting[] = [];
  let bytes = 0;
  for (const site of sites) {
    for (const one of await freeOf(reader, site)) {
      if (one.keySize > Math.min(MAX_KEY, budget.bytes)) continue;
      budget.bytes -= one.keySize;
      bytes += one.keySize;
      waiting.push(one);
    }
    if (waiting.length < TOGETHER && bytes < TOGETHER_BYTES) continue;
    yield await judged(source, waiting);
    waiting = [];
    bytes = 0;
  }
  if (waiting.length > 0) yield await judged(source, waiting);
}

async function judged(source: Source, waiting: readonly Waiting[]): Promise<FreedElement[]> {
  const found: FreedElement[] = [];
  const offsets = Float64Array.from(waiting, ({ offset }) => offset);
  const sizeOf = (n: number) => waiting[n].keySize;
  const order = orderBySteps(offsets, source.size);
  await readInOrder(source, { offsets, sizeOf, order }, (n, window, at) => {
    found.push(judge(waiting[n], window.subarray(at, at + waiting[n].keySize)));
  });
  return found;
}

/** What buckets are read with, one after the other. */
interface BucketReader {
  readonly db: Database;
  readonly part: NonNullable<FreedOptions['part']>;
  readonly room: BucketView;
  readonly places: PlaceSet;
}

/** A free element whose fields are possible, before its key is read. */
interface Waiting {
  readonly offset: number;
  readonly keySize: number;
  readonly dataSize: number;
  readonly keyStart: number;
  readonly bucket: number;
  readonly element: number;
  readonly elements: number;
  readonly bits: number;
  /** First hash of the bucket's own range. */
  readonly own: number | undefined;
}

async function freeOf(
  { db, part, room: bucket, places }: BucketReader,
  site: BucketSite,
): Promise<Waiting[]> {
  const { source, geometry } = db;
  if (!isReadable(site) || site.offset < 0 || site.offset + geometry.bucketSize > source.size) return [];
  // Of a bucket without its head the free elements are not known to any list: the bytes are looked at.
  await readInto(source, site.offset, bucket.bytes);
  const isWanted = (i: number) => {
    if (bucket.hash(i) !== FREE_HASH) return false;
    const offset = bucket.dataPointer(i);
    if (offset < part.from || offset >= part.to) return false;
    const keySize = bucket.keySize(i);
    const dataSize = bucket.dataSize(i);
    const possible = offset >= geometry.blockSize && keySize > 0 && dataSize >= 0;
    return possible && offset + keySize + dataSize <= source.size;
  };
  let first = 0;
  while (first < bucket.elements && !isWanted(first)) first++;
  if (first === bucket.elements) return [];
  places.clear();
  let some: number | undefined;
  for (let i = 0; i < bucket.elements; i++) {
    if (bucket.hash(i) === FREE_HASH) continue;
    some ??= bucket.hash(i);
    places.add(bucket.dataPointer(i), bucket.keySize(i), bucket.dataSize(i));
  }
  const known = site.state === 'sound' && some !== undefined;
  const own = known ? rangeOf(some!, site.bits).first : undefined;
  const found: Waiting[] = [];
  for (let i = first; i < bucket.elements; i++) {
    if (!isWanted(i)) continue;
    const offset = bucket.dataPointer(i);
    const keySize = bucket.keySize(i);
    const dataSize = bucket.dataSize(i);
    // Closing a gap leaves an element at each place that it had.
    if (!places.add(offset, keySize, dataSize) || part.has(offset, keySize, dataSize)) continue;
    found.push({
      offset,
      keySize,
      dataSize,
      keyStart: startOf(bucket.keyStart(i).subarray(0, keySize)),
      bucket: site.offset,
      element: i,
      elements: bucket.elements,
      bits: known ? site.bits : 0,
      own,
    });
  }
  return found;
}

function judge(waiting: Waiting, key: Uint8Array): FreedElement {
  const { offset, keySize, dataSize, keyStart, bucket, element, elements, bits, own } = waiting;
  const keyFits = keyStart === startOf(key);
  const portable = isPortableKey(key);
  let hash = FREE_HASH;
  let hashChar: SalvagedRecord['hashChar'] = 'either';
  let belongs: boolean | undefined;
  let homeBits = 0;
  let most = -1;
  for (const flavour of portable ? EITHER : BOTH) {
    const its = hashKey(key, flavour);
    // Deleting moves later elements of a run towards their home, never away from it.
    const distance = (element - (its % elements) + elements) % elements;
    const isOwn = own === undefined ? undefined : rangeOf(its, bits).first === own;
    const bitsOfHome = Math.log2(elements / (distance + 1));
    const worth = bitsOfHome + (isOwn === true ? bits : 0);
    if (worth <= most) continue;
    most = worth;
    hash = its;
    hashChar = portable ? 'either' : flavour;
    belongs = isOwn;
    homeBits = bitsOfHome;
  }
  if (!keyFits) hash = FREE_HASH;
  const place = { hash, hashChar, offset, keySize, dataSize, bucket, element };
  return { ...place, provenance: 'deleted', keyStart, keyFits, belongs, homeBits };
}

const EITHER = ['signed'] as const;
const BOTH = ['signed', 'unsigned'] as const;
