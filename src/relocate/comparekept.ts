import { KEPT } from '../check/marks.js';
import { SiteReader } from '../check/sitereader.js';
import { BucketWords } from '../check/sound/bucketwords.js';
import type { Database } from '../database/database.js';
import { slotOf } from '../format/directory.js';
import { FREE_HASH } from '../format/hash.js';
import { readInto } from '../source/source.js';
import { firstOtherBytes } from './compare.js';
import type { KeptRecords } from './kept.js';
import { Places } from './places.js';

/**
 * Compares a fresh copy with the damaged database that it is of: every byte of every record, and that a lookup by the
 * hash of each element that proves a record comes to an element that leads to just that record. Reads both.
 *
 * @returns what differs; undefined where nothing does
 */
export async function firstKeptDifference(
  { db, survey, examination, runs }: KeptRecords,
  fresh: Database,
): Promise<string | undefined> {
  const { source, geometry, directory, format } = fresh;
  const bytes = await firstOtherBytes(db.source, runs, fresh);
  if (bytes !== undefined) return bytes;
  const places = new Places(runs, geometry.blockSize);
  const { flags, kept, elements } = examination.marks;
  const reader = new SiteReader(db);
  const read = new Uint8Array(geometry.bucketSize);
  const copy = new BucketWords(format, geometry.bucketSize, geometry.bucketElements);
  const directoryBits = Math.log2(directory.length);
  let loaded = -1;
  // Where the last element was found, and its hash: the next one with it mostly stands behind it.
  let last = { hash: FREE_HASH, place: 0 };
  for (const [s, site] of survey.sites.entries()) {
    if (kept[s] === 0) continue;
    const words = await reader.read(site);
    for (let i = 0, at = s * elements; i < elements; i++, at++) {
      if ((flags[at] & KEPT) === 0) continue;
      const hash = words.hash(i);
      const offset = directory[slotOf(hash, directoryBits)];
      if (offset !== loaded) {
        await readInto(source, offset, read);
        copy.load(read);
        loaded = offset;
        last = { hash: FREE_HASH, place: 0 };
      }
      const [keySize, dataSize] = [words.keySize(i), words.dataSize(i)];
      const wanted = { hash, keySize, dataSize, pointer: places.of(words.pointer(i), keySize + dataSize) };
      const next = hash === last.hash ? placeOf(copy, wanted, (last.place + 1) % elements) : undefined;
      const place = next ?? placeOf(copy, wanted, hash % elements);
      if (place === undefined) return `no element for element ${i} of the bucket at offset ${site.offset}`;
      last = { hash, place };
    }
  }
  return undefined;
}

/** Where a lookup that begins at a place comes by an element with just these fields; undefined where it does not. */
function placeOf(
  bucket: BucketWords,
  wanted: { hash: number; keySize: number; dataSize: number; pointer: number },
  from: number,
): number | undefined {
  const { elements } = bucket;
  for (let n = 0, i = from; n < elements; n++, i = i + 1 === elements ? 0 : i + 1) {
    if (bucket.isFree(i)) return undefined;
    const isIt =
      bucket.hash(i) === wanted.hash &&
      bucket.keySize(i) === wanted.keySize &&
      bucket.dataSize(i) === wanted.dataSize &&
      bucket.pointer(i) === wanted.pointer;
    if (isIt) return i;
  }
  return undefined;
}
