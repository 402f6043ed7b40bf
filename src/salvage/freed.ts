import { fromHome, KEY_START } from '../format/bucket.js';
import { startOf } from '../check/element.js';
import { rangeOf } from '../database/claims.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { isPlaced, isReadable, ownRange, roomForBucket } from '../database/survey.js';
import type { BucketView } from '../format/bucket.js';
import { FREE_HASH, KeyHasher } from '../format/hash.js';
import { RangeReader } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { readInto } from '../source/source.js';
import type { InForcePart } from './inforcepart.js';
import { PlaceSet } from './placeset.js';
import type { SalvagedRecord } from './salvage.js';

/** A free element, with the fields of the record that it once stood for. */
export interface FreedElement extends SalvagedRecord {
  /** The key's first bytes as the element has them, at most 4, as {@link startOf} gives them. */
  readonly keyStart: number;
  /** True if the key begins with these bytes; if not, the key is overwritten, and `hash` is −1. */
  readonly keyFits: boolean;
  /** True if the key's hash is in the bucket's own range; undefined if that range is not known. */
  readonly belongs: boolean | undefined;
  /**
   * −log2 of the probability that a key which is not the element's own has its home so near to the element's place.
   */
  readonly homeBits: number;
}

/** Longer keys of free elements are not read: the fields of an element that was never used may hold anything. */
const MAX_KEY = 1 << 20;
/**
 * Bytes of keys that are read for each byte of the file: elements that all point at one long key must not multiply
 * it.
 */
const KEY_BUDGET = 2;
/** Elements whose keys are read together, and the total length of these keys. */
const TOGETHER = 1 << 14;
const TOGETHER_BYTES = 4 << 20;

/** Evidence that the key gives about a free element. */
type Evidence = Pick<FreedElement, 'keyFits' | 'belongs' | 'homeBits'>;

/** Selection of free elements. */
export interface FreedOptions {
  /**
   * A part of the file with its records in force: a free element equal to one of these is a copy of a moved element.
   */
  readonly part?: Pick<InForcePart, 'from' | 'to' | 'has'>;
  /** Filter by the evidence of the key; there may be as many free elements as records, most of them of no use. */
  readonly isWanted?: (evidence: Evidence) => boolean;
  /** Bytes of keys that may still be read; each read reduces it. */
  readonly budget?: { bytes: number };
}

/** Budget for reading keys, for all parts of a file together. */
export function freedBudget({ source }: Database): { bytes: number } {
  return { bytes: KEY_BUDGET * source.size };
}

/** All of a file. */
const WHOLE = { from: 0, to: Infinity, has: () => false };

/**
 * Yields the records that free elements of buckets still describe, in batches. libgdbm frees an element by setting
 * its hash to −1 and leaves the other fields. A file with many changes has three kinds of free elements (measured,
 * libgdbm 1.23):
 *
 * 1. Deleted records, whose key has a hash of the bucket's range.
 * 2. Copies of elements that were moved to close the gap of a deleted one; a used element has the same place.
 * 3. Leftovers in the memory in which a split made a new bucket: elements of other buckets at the same index, of
 *    records in force, replaced or deleted.
 *
 * The hash is computed again from the bytes that the element points at.
 */
export async function* freedElements(
  db: Database,
  sites: readonly BucketSite[],
  { part = WHOLE, isWanted = () => true, budget = freedBudget(db) }: FreedOptions = {},
): AsyncGenerator<FreedElement[]> {
  const { source, geometry } = db;
  const reader: BucketReader = { db, part, budget, room: roomForBucket(db), places: new PlaceSet() };
  const waiting = new WaitingElements(geometry.bucketElements);
  for (const site of sites) {
    await takeFreeOf(reader, site, waiting);
    if (!waiting.isFull) continue;
    yield await judged(source, waiting, isWanted);
    waiting.clear();
  }
  if (waiting.length > 0) yield await judged(source, waiting, isWanted);
}

async function judged(
  source: Source,
  waiting: WaitingElements,
  isWanted: (evidence: Evidence) => boolean,
): Promise<FreedElement[]> {
  const found: FreedElement[] = [];
  const judge = new Judge(waiting);
  const offsets = waiting.offsets.subarray(0, waiting.length);
  await new RangeReader(source).read(offsets, waiting.keySizes, (n, window, at) => {
    judge.look(n, window, at);
    if (isWanted(judge)) found.push(judge.told(n));
  });
  return found;
}

/** Free elements whose fields are possible, before their keys are read, as columns. */
class WaitingElements {
  length = 0;
  /** Bytes of their keys. */
  #bytes = 0;
  /** Elements of a bucket. */
  readonly elements: number;
  readonly offsets: Float64Array;
  readonly keySizes: Int32Array;
  readonly dataSizes: Int32Array;
  readonly keyStarts: Uint32Array;
  /** File offset of each element's bucket, and its index there. */
  readonly buckets: Float64Array;
  readonly numbers: Int32Array;
  readonly bits: Uint8Array;
  /** First hash of the bucket's own range; −1 where that is not known. */
  readonly owns: Float64Array;

  constructor(elements: number) {
    const room = TOGETHER + elements;
    this.elements = elements;
    this.offsets = new Float64Array(room);
    this.keySizes = new Int32Array(room);
    this.dataSizes = new Int32Array(room);
    this.keyStarts = new Uint32Array(room);
    this.buckets = new Float64Array(room);
    this.numbers = new Int32Array(room);
    this.bits = new Uint8Array(room);
    this.owns = new Float64Array(room);
  }

  /** True if there may be no room for the elements of another bucket. */
  get isFull(): boolean {
    return this.length >= TOGETHER || this.#bytes >= TOGETHER_BYTES;
  }

  clear(): void {
    this.length = 0;
    this.#bytes = 0;
  }

  /** Takes a free element of a bucket. */
  add(bucket: BucketView, i: number, place: { offset: number; bits: number; own: number }): void {
    const n = this.length++;
    const keySize = bucket.keySize(i);
    this.#bytes += keySize;
    this.offsets[n] = bucket.dataPointer(i);
    this.keySizes[n] = keySize;
    this.dataSizes[n] = bucket.dataSize(i);
    this.keyStarts[n] = startOf(bucket.keyStart(i).subarray(0, keySize));
    this.buckets[n] = place.offset;
    this.numbers[n] = i;
    this.bits[n] = place.bits;
    this.owns[n] = place.own;
  }
}

/** State for reading one bucket after the other. */
interface BucketReader {
  readonly db: Database;
  readonly part: NonNullable<FreedOptions['part']>;
  readonly budget: { bytes: number };
  readonly room: BucketView;
  readonly places: PlaceSet;
}

async function takeFreeOf(
  { db, part, budget, room: bucket, places }: BucketReader,
  site: BucketSite,
  waiting: WaitingElements,
): Promise<void> {
  const { source, geometry } = db;
  if (!isReadable(site) || site.offset < 0 || site.offset + geometry.bucketSize > source.size) return;
  // In a headless bucket the free elements are in no list, so its bytes are read as they are.
  await readInto(source, site.offset, bucket.bytes);
  const isPossible = (i: number) => {
    if (bucket.hash(i) !== FREE_HASH) return false;
    const offset = bucket.dataPointer(i);
    if (offset < part.from || offset >= part.to) return false;
    const keySize = bucket.keySize(i);
    const dataSize = bucket.dataSize(i);
    // A key may be empty. Without any byte, nothing shows whether a record is in force.
    const isRecord = keySize >= 0 && dataSize >= 0 && keySize + dataSize > 0;
    const possible = offset >= geometry.blockSize && isRecord;
    return possible && offset + keySize + dataSize <= source.size;
  };
  let first = 0;
  while (first < bucket.elements && !isPossible(first)) first++;
  if (first === bucket.elements) return;
  places.clear();
  let some: number | undefined;
  for (let i = 0; i < bucket.elements; i++) {
    if (bucket.hash(i) === FREE_HASH) continue;
    some ??= bucket.hash(i);
    places.add(bucket.dataPointer(i), bucket.keySize(i), bucket.dataSize(i));
  }
  const own = firstHashOf(db, site, some);
  const place = { offset: site.offset, bits: own < 0 ? 0 : site.bits, own };
  for (let i = first; i < bucket.elements; i++) {
    if (!isPossible(i)) continue;
    const [offset, keySize, dataSize] = [bucket.dataPointer(i), bucket.keySize(i), bucket.dataSize(i)];
    // An element that moved to close gaps leaves a copy at each former index.
    if (!places.add(offset, keySize, dataSize) || part.has(offset, keySize, dataSize)) continue;
    if (keySize > Math.min(MAX_KEY, budget.bytes)) continue;
    budget.bytes -= keySize;
    waiting.add(bucket, i, place);
  }
}

/**
 * First hash of a bucket's own range; −1 if that is not known. If all records were deleted, no hash gives the range,
 * but the directory does if exactly the bucket's slots lead there.
 *
 * @param hash of an element in use, if there is any
 */
function firstHashOf({ directory }: Database, site: BucketSite, hash: number | undefined): number {
  if (site.state !== 'sound') return -1;
  if (hash !== undefined) return rangeOf(hash, site.bits).first;
  return isPlaced(site) ? ownRange(site, directory.length).first : -1;
}

/** Compares free elements with the keys that they point at, one after the other. */
class Judge {
  keyFits = false;
  belongs: boolean | undefined;
  homeBits = 0;
  #hash = FREE_HASH;
  #hashChar: SalvagedRecord['hashChar'] = 'either';
  readonly #waiting: WaitingElements;
  readonly #key = new KeyHasher();

  constructor(waiting: WaitingElements) {
    this.#waiting = waiting;
  }

  /** Compares an element with its key, which begins at index `at` of `bytes`. */
  look(n: number, bytes: Uint8Array, at: number): void {
    const { keySizes, keyStarts, numbers, bits, owns, elements } = this.#waiting;
    const key = this.#key;
    const end = at + keySizes[n];
    this.keyFits = keyStarts[n] === startOf(bytes.subarray(at, Math.min(end, at + KEY_START)));
    let most = -1;
    key.takeBytes(bytes, at, end);
    for (const flavour of BOTH) {
      const hash = key.hash(flavour);
      // Deleting moves later elements of a run towards their home, never away from it.
      const distance = fromHome(numbers[n], hash, elements);
      const homeBits = Math.log2(elements / (distance + 1));
      const belongs = owns[n] < 0 ? undefined : rangeOf(hash, bits[n]).first === owns[n];
      const worth = homeBits + (belongs === true ? bits[n] : 0);
      if (worth > most) {
        most = worth;
        this.#hash = hash;
        this.#hashChar = key.portable ? 'either' : flavour;
        this.belongs = belongs;
        this.homeBits = homeBits;
      }
      if (key.portable) break;
    }
    if (!this.keyFits) this.#hash = FREE_HASH;
  }

  /** The element whose key was looked at last. */
  told(n: number): FreedElement {
    const { offsets, keySizes, dataSizes, keyStarts, buckets, numbers } = this.#waiting;
    return {
      hash: this.#hash,
      hashChar: this.#hashChar,
      offset: offsets[n],
      keySize: keySizes[n],
      dataSize: dataSizes[n],
      bucket: buckets[n],
      element: numbers[n],
      provenance: 'deleted',
      keyStart: keyStarts[n],
      keyFits: this.keyFits,
      belongs: this.belongs,
      homeBits: this.homeBits,
    };
  }
}

const BOTH = ['signed', 'unsigned'] as const;
