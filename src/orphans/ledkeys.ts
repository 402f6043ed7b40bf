import type { ExaminedSurvey } from '../check/examination.js';
import { READ, SIGNED, UNSIGNED } from '../check/marks.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { readSite, roomForBucket } from '../database/survey.js';
import { FREE_HASH } from '../format/hash.js';
import type { Between } from './faultplace.js';
import type { KeyRanges } from './keyhashes.js';
import { hashRanges } from './keyhashes.js';
import { MAX_LOCATED } from './locate.js';

/** Minimum size in bytes of a key that is tested: the hash of one byte is weak evidence. */
export const LEAST = 2;

/** Keys that elements in use lead to, as parallel lists; the places may be outside of the file. */
export interface LedKeys extends KeyRanges {
  readonly hashes: Int32Array;
  readonly starts: Uint32Array;
  /** The bucket and the number of the element that leads to each key. */
  readonly sites: readonly BucketSite[];
  readonly elements: Int32Array;
}

/**
 * Reads the keys that the elements of buckets lead to. Of many buckets it reads an evenly spaced sample. Memory: 32
 * bytes for each key.
 */
export async function readLedKeys(
  db: Database,
  sites: readonly BucketSite[],
  most: number,
): Promise<LedKeys> {
  const used = sites.reduce((sum, site) => sum + site.used, 0);
  const step = Math.max(1, Math.ceil(used / most));
  const some = sites.filter((_, n) => n % step === 0);
  const room = some.reduce((sum, site) => sum + site.used, 0);
  return readKeys(db, some, room, () => true);
}

/** Reads the keys of all buckets that begin within a range, up to a maximum number. */
export function readLedKeysWithin(
  db: Database,
  sites: readonly BucketSite[],
  { first, last }: Between,
  most: number,
): Promise<LedKeys> {
  return readKeys(db, sites, most, (offset) => offset >= first && offset <= last);
}

async function readKeys(
  db: Database,
  sites: readonly BucketSite[],
  room: number,
  isWanted: (offset: number) => boolean,
): Promise<LedKeys> {
  const offsets = new Float64Array(room);
  const sizes = new Int32Array(room);
  const hashes = new Int32Array(room);
  const starts = new Uint32Array(room);
  const elements = new Int32Array(room);
  const sitesOf: BucketSite[] = [];
  let length = 0;
  const bucket = roomForBucket(db);
  for (const site of sites) {
    await readSite(db, site, bucket);
    for (let i = 0; i < bucket.elements && length < room; i++) {
      const hash = bucket.hash(i);
      const size = bucket.keySize(i);
      if (hash === FREE_HASH || hash < 0 || size < LEAST || size > MAX_LOCATED) continue;
      const offset = bucket.dataPointer(i);
      if (!isWanted(offset)) continue;
      const { buffer, byteOffset } = bucket.keyStart(i);
      offsets[length] = offset;
      sizes[length] = size;
      hashes[length] = hash;
      elements[length] = i;
      sitesOf.push(site);
      starts[length++] = new DataView(buffer, byteOffset).getUint32(0);
    }
  }
  return { length, offsets, sizes, hashes, starts, elements, sites: sitesOf };
}

/** Marks the keys that are in place, as {@link keysThere} does; of most of them the examination has read the key. */
export async function keysInPlace(db: Database, keys: LedKeys, survey: ExaminedSurvey): Promise<Uint8Array> {
  const marks = survey.examination?.marks;
  if (marks === undefined) return keysThere(db, keys, 0);
  const numbers = new Map(survey.sites.map((site, s) => [site, s]));
  const there = new Uint8Array(keys.length);
  const unknown: number[] = [];
  for (let n = 0; n < keys.length; n++) {
    const s = numbers.get(keys.sites[n]);
    const flags = s === undefined ? 0 : marks.flags[s * marks.elements + keys.elements[n]];
    if ((flags & READ) === 0) unknown.push(n);
    else if ((flags & (SIGNED | UNSIGNED)) !== 0) there[n] = 1;
  }
  const others = {
    ...keys,
    length: unknown.length,
    offsets: Float64Array.from(unknown, (n) => keys.offsets[n]),
    sizes: Int32Array.from(unknown, (n) => keys.sizes[n]),
    hashes: Int32Array.from(unknown, (n) => keys.hashes[n]),
  };
  const found = await keysThere(db, others, 0);
  for (const [i, n] of unknown.entries()) there[n] = found[i];
  return there;
}

/**
 * Marks the keys that stand `shift` bytes before the place that their elements give: 1 for a key with its element's
 * hash.
 */
export async function keysThere(
  { source }: Database,
  { length, offsets, sizes, hashes }: Pick<LedKeys, 'length' | 'offsets' | 'sizes' | 'hashes'>,
  shift: number,
): Promise<Uint8Array> {
  const there = new Uint8Array(length);
  const places = new Float64Array(length);
  const lengths = new Int32Array(length);
  const numbers = new Uint32Array(length);
  let asked = 0;
  for (let n = 0; n < length; n++) {
    const place = offsets[n] - shift;
    if (!(place >= 0 && place + sizes[n] <= source.size)) continue;
    places[asked] = place;
    lengths[asked] = sizes[n];
    numbers[asked++] = n;
  }
  const { signed, unsigned } = await hashRanges(source, { length: asked, offsets: places, sizes: lengths });
  for (let i = 0; i < asked; i++) {
    const n = numbers[i];
    if (hashes[n] === signed[i] || hashes[n] === unsigned[i]) there[n] = 1;
  }
  return there;
}
