import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { readSite, roomForBucket } from '../database/survey.js';
import { decodeDirectory, slotOf } from '../format/directory.js';
import { FREE_HASH } from '../format/hash.js';
import { offsetSize } from '../format/format.js';
import type { Source } from '../source/source.js';
import type { Between, FaultEvidence } from './faultplace.js';

/** The directory that the header names, read as if it lay before the fault, and as if it lay after it. */
export interface TwoDirectories {
  readonly offset: number;
  readonly asIs: Float64Array;
  readonly shifted: Float64Array;
}

/** @returns undefined if the header does not give the directory's place */
export async function readTwice(db: Database, missing: number): Promise<TwoDirectories | undefined> {
  const { source, format, header, headerLost } = db;
  const { dir: offset, dir_size: size, dir_bits: bits } = header;
  const isTold = !headerLost && offset > 0 && size === offsetSize(format.layout) * 2 ** bits;
  if (!isTold || offset + size > source.size + Math.abs(missing)) return undefined;
  const asIs = await entriesAt(source, offset, size, db);
  return { offset, asIs, shifted: await entriesAt(source, offset - missing, size, db) };
}

/** The directory as it was before the fault. Entries in the range of the fault may be from either side. */
export function entriesAround(
  { format }: Database,
  { offset, asIs, shifted }: TwoDirectories,
  { first }: Between,
): Float64Array {
  const width = offsetSize(format.layout);
  return asIs.map((entry, slot) => (offset + slot * width < first ? entry : shifted[slot]));
}

/**
 * Finds out from the entries of the directory whether they lie before a fault or after it. An entry leads to a bucket
 * of its slot's hashes, which may itself lie after the fault. If no bucket is whole, for example because the only one
 * is cut, the only test is that an entry leads into the file.
 */
export async function askDirectory(
  db: Database,
  { offset, asIs, shifted }: TwoDirectories,
  sites: readonly BucketSite[],
  missing: number,
  evidence: FaultEvidence,
): Promise<void> {
  const width = offsetSize(db.format.layout);
  const bits = Math.log2(asIs.length);
  const buckets = await hashesOf(db, sites);
  const { blockSize, bucketSize } = db.geometry;
  const isInside = (entry: number) => entry >= blockSize && entry + bucketSize <= db.source.size + missing;
  const isOwn = (slot: number, at: number) => owns(buckets.get(at), slot, bits);
  const leadsToOwn = (slot: number, entry: number) => isOwn(slot, entry) || isOwn(slot, entry - missing);
  const isRight = (slot: number, entry: number) =>
    isInside(entry) && (buckets.size === 0 || leadsToOwn(slot, entry));
  for (let slot = 0; slot < asIs.length; slot++) {
    const [here, there] = [isRight(slot, asIs[slot]), isRight(slot, shifted[slot])];
    if (here === there) continue;
    const at = offset + slot * width;
    // This value may be the entry of an earlier slot that leads to the same bucket, and this slot's own entry may be
    // gone.
    const other = slot - missing / width;
    if (here) evidence.before(at + width);
    else if (asIs[other] !== shifted[slot] || !isRight(other, asIs[other])) evidence.behind(at, missing);
  }
}

/** Returns true if an entry's bucket is not at its offset, but `missing` bytes before it. */
export async function isBucketBefore(
  db: Database,
  sites: readonly BucketSite[],
  missing: number,
): Promise<boolean> {
  const bits = Math.log2(db.directory.length);
  const buckets = await hashesOf(db, sites);
  const isOwn = (slot: number, at: number) => owns(buckets.get(at), slot, bits);
  return db.directory.some((entry, slot) => !isOwn(slot, entry) && isOwn(slot, entry - missing));
}

/** Entries as they stand at a place; entries outside of the file are zero. */
async function entriesAt(
  source: Source,
  offset: number,
  length: number,
  { format }: Database,
): Promise<Float64Array> {
  const bytes = new Uint8Array(length);
  const from = Math.max(0, offset);
  const to = Math.min(source.size, offset + length);
  if (to > from) bytes.set(await source.read(from, to - from), from - offset);
  return decodeDirectory(bytes, format.layout, format.byteOrder);
}

/** Depth and hash of a bucket that is not empty. */
interface Own {
  readonly bits: number;
  /** Hash of any of its elements. */
  readonly hash: number;
}

/** Returns true if a slot of a directory with `bits` bits belongs to a bucket's hashes. */
function owns(bucket: Own | undefined, slot: number, bits: number): boolean {
  if (bucket === undefined || bucket.bits > bits) return false;
  return slotOf(bucket.hash, bucket.bits) === slot >>> (bits - bucket.bits);
}

/** Depth and hash of each whole bucket that is not empty, by its present offset. */
async function hashesOf(db: Database, sites: readonly BucketSite[]): Promise<Map<number, Own>> {
  const found = new Map<number, Own>();
  const room = roomForBucket(db);
  for (const site of sites) {
    if (site.state !== 'sound') continue;
    const bucket = await readSite(db, site, room);
    let i = 0;
    while (i < bucket.elements && (bucket.hash(i) === FREE_HASH || bucket.hash(i) < 0)) i++;
    if (i < bucket.elements) found.set(site.offset, { bits: site.bits, hash: bucket.hash(i) });
  }
  return found;
}
