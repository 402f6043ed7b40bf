import { isPlain } from '../check/examination.js';
import { startOf } from '../check/key.js';
import { KEPT, START } from '../check/marks.js';
import { SiteReader } from '../check/bucketreader.js';
import type { CopiedFrom } from '../check/prove.js';
import { BucketWords } from '../format/bucketwords.js';
import type { Database } from '../database/database.js';
import { KEY_START } from '../format/bucket.js';
import { slotOf } from '../format/directory.js';
import { FREE_HASH } from '../format/hash.js';
import { readInto } from '../source/source.js';
import { firstOtherBytes } from './compare.js';
import type { KeptRecords } from './kept.js';
import { Places } from './places.js';

/**
 * What a fresh copy must be of a damaged database: its records directly behind the header block, and as many elements as proved
 * one there. Which they are {@link firstKeptDifference} finds out; then each key is one that was proved, and none is there twice.
 */
export function copiedFromKept({ examination, runs }: KeptRecords, { geometry }: Database): CopiedFrom {
  const { records, signed, unsigned } = examination;
  const { bytes } = new Places(runs, geometry.blockSize);
  let elements = 0;
  return {
    records,
    bytes,
    flavours: { signed, unsigned, either: records - signed - unsigned },
    base: geometry.blockSize,
    isBucket({ availCount, usedCount }, run, buckets) {
      elements += usedCount;
      const isLast = run === buckets.length - 1;
      return Promise.resolve(availCount === 0 && (isLast ? elements === records : elements <= records));
    },
  };
}

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
      const [keySize, dataSize, pointer] = [words.keySize(i), words.dataSize(i), words.pointer(i)];
      // Of a damaged bucket it is not marked where an element's own beginning of its key is wrong.
      const start =
        isPlain(site) && (flags[at] & START) === 0
          ? words.starts[i]
          : startOf(await db.source.read(pointer, Math.min(KEY_START, keySize)));
      const wanted = { hash, keySize, dataSize, start, pointer: places.of(pointer, keySize + dataSize) };
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
  wanted: { hash: number; keySize: number; dataSize: number; start: number; pointer: number },
  from: number,
): number | undefined {
  const { elements } = bucket;
  // Of a shorter key what is behind it says nothing.
  const known = wanted.keySize < KEY_START ? (1 << (8 * wanted.keySize)) - 1 : -1;
  for (let n = 0, i = from; n < elements; n++, i = i + 1 === elements ? 0 : i + 1) {
    if (bucket.isFree(i)) return undefined;
    const isIt =
      bucket.hash(i) === wanted.hash &&
      bucket.keySize(i) === wanted.keySize &&
      bucket.dataSize(i) === wanted.dataSize &&
      bucket.pointer(i) === wanted.pointer &&
      ((bucket.starts[i] ^ wanted.start) & known) === 0;
    if (isIt) return i;
  }
  return undefined;
}
