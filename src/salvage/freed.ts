import { rangeOf } from '../database/claims.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/survey.js';
import { isReadable } from '../database/survey.js';
import { BucketView } from '../format/bucket.js';
import { KEY_START } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import { FREE_HASH, hashKey, isPortableKey } from '../format/hash.js';
import { gather } from '../source/gather.js';
import type { SalvagedRecord } from './salvage.js';

/** What a free element still says of the record that it once stood for. */
export interface FreedElement extends SalvagedRecord {
  /** The key's first bytes as the element has them, at most 4. */
  readonly keyStart: Uint8Array;
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
/** Buckets whose keys are read together. */
const SITES = 256;

/** Whether just this record is in force: then the element is only a copy of one that was moved. */
export type IsInForce = (offset: number, keySize: number, dataSize: number) => boolean;

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
  isInForce: IsInForce = () => false,
): AsyncGenerator<FreedElement[]> {
  let budget = KEY_BUDGET * db.source.size;
  for (let from = 0; from < sites.length; from += SITES) {
    const waiting: Waiting[] = [];
    for (const site of sites.slice(from, from + SITES)) waiting.push(...(await freeOf(db, site, isInForce)));
    const affordable = waiting.filter(({ keySize }) => {
      const fits = keySize <= Math.min(MAX_KEY, budget);
      if (fits) budget -= keySize;
      return fits;
    });
    const found: FreedElement[] = [];
    const ranges = affordable.map(({ offset, keySize }) => ({ offset, length: keySize }));
    await gather(db.source, ranges, (n, key) => found.push(judge(affordable[n], key)));
    yield found;
  }
}

/** A free element whose fields are possible, before its key is read. */
interface Waiting {
  readonly offset: number;
  readonly keySize: number;
  readonly dataSize: number;
  readonly keyStart: Uint8Array;
  readonly bucket: number;
  readonly element: number;
  readonly elements: number;
  readonly bits: number;
  /** First hash of the bucket's own range. */
  readonly own: number | undefined;
}

async function freeOf(db: Database, site: BucketSite, isInForce: IsInForce): Promise<Waiting[]> {
  const { source, format, geometry } = db;
  const { bucketSize, bucketElements, blockSize } = geometry;
  if (!isReadable(site) || site.offset < 0 || site.offset + bucketSize > source.size) return [];
  // Of a bucket without its head the free elements are not known to any list: the bytes are looked at.
  const bucket = new BucketView(await source.read(site.offset, bucketSize), format, bucketElements);
  const used = new Set<string>();
  let some: number | undefined;
  for (let i = 0; i < bucket.elements; i++) {
    if (bucket.hash(i) === FREE_HASH) continue;
    some ??= bucket.hash(i);
    used.add(placeName(bucket.dataPointer(i), bucket.keySize(i), bucket.dataSize(i)));
  }
  const known = site.state === 'sound' && some !== undefined;
  const own = known ? rangeOf(some!, site.bits).first : undefined;
  const found: Waiting[] = [];
  for (let i = 0; i < bucket.elements; i++) {
    if (bucket.hash(i) !== FREE_HASH) continue;
    const offset = bucket.dataPointer(i);
    const keySize = bucket.keySize(i);
    const dataSize = bucket.dataSize(i);
    const possible = offset >= blockSize && keySize > 0 && dataSize >= 0;
    if (!possible || offset + keySize + dataSize > source.size) continue;
    const name = placeName(offset, keySize, dataSize);
    if (used.has(name) || isInForce(offset, keySize, dataSize)) continue;
    // Closing a gap leaves an element at each place that it had.
    used.add(name);
    const keyStart = bucket.keyStart(i).slice(0, Math.min(KEY_START, keySize));
    const place = { offset, keySize, dataSize, bucket: site.offset, element: i };
    found.push({ ...place, keyStart, elements: bucket.elements, bits: known ? site.bits : 0, own });
  }
  return found;
}

function judge({ elements, bits, own, keyStart, ...place }: Waiting, key: Uint8Array): FreedElement {
  const keyFits = equalBytes(keyStart, key.subarray(0, keyStart.length));
  const provenance = 'deleted' as const;
  const portable = isPortableKey(key);
  const hashes = portable ? (['signed'] as const) : (['signed', 'unsigned'] as const);
  let best: FreedElement | undefined;
  let most = -1;
  for (const flavour of hashes) {
    const hash = hashKey(key, flavour);
    // Deleting moves later elements of a run towards their home, never away from it.
    const distance = (place.element - (hash % elements) + elements) % elements;
    const belongs = own === undefined ? undefined : rangeOf(hash, bits).first === own;
    const homeBits = Math.log2(elements / (distance + 1));
    const worth = homeBits + (belongs === true ? bits : 0);
    const hashChar = portable ? ('either' as const) : flavour;
    if (worth <= most) continue;
    most = worth;
    best = { ...place, hash, hashChar, provenance, keyStart, keyFits, belongs, homeBits };
  }
  return keyFits ? best! : { ...best!, hash: FREE_HASH };
}

/** A name for a record's place, for sets of places. */
export function placeName(offset: number, keySize: number, dataSize: number): string {
  return `${offset}+${keySize}+${dataSize}`;
}
