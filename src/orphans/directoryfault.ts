import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/survey.js';
import { readSite, roomForBucket } from '../database/survey.js';
import { decodeDirectory, slotOf } from '../format/directory.js';
import { FREE_HASH } from '../format/hash.js';
import { offsetSize } from '../format/layout.js';
import type { Source } from '../source/source.js';
import type { FaultEvidence } from './faultplace.js';

/**
 * Asks the entries of the directory that the header names whether they are in front of a fault or behind it: an entry leads
 * to a bucket of its slot's hashes, which may itself be behind the fault.
 */
export async function askDirectory(
  db: Database,
  sites: readonly BucketSite[],
  missing: number,
  evidence: FaultEvidence,
): Promise<void> {
  const { source, format, header, headerLost } = db;
  const width = offsetSize(format.layout);
  const bits = header.dir_bits;
  if (headerLost || header.dir <= 0 || header.dir_size !== width * 2 ** bits) return;
  if (header.dir + header.dir_size > source.size + Math.abs(missing)) return;
  const buckets = await hashesOf(db, sites);
  const isRight = (slot: number, entry: number) =>
    [entry, entry - missing].some((at) => {
      const own = buckets.get(at);
      return (
        own !== undefined && own.bits <= bits && slotOf(own.hash, own.bits) === slot >>> (bits - own.bits)
      );
    });
  const asIs = await entriesAt(source, header.dir, header.dir_size, db);
  const shifted = await entriesAt(source, header.dir - missing, header.dir_size, db);
  for (let slot = 0; slot < 2 ** bits; slot++) {
    const [here, there] = [isRight(slot, asIs[slot]), isRight(slot, shifted[slot])];
    if (here === there) continue;
    const at = header.dir + slot * width;
    if (here) evidence.before(at + width);
    else evidence.behind(at, missing);
  }
}

/** Entries as they stand at a place; those outside of the file lead nowhere. */
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

/** The depth of each whole bucket that is not empty, and a hash of it, by where it is now. */
async function hashesOf(
  db: Database,
  sites: readonly BucketSite[],
): Promise<Map<number, { bits: number; hash: number }>> {
  const found = new Map<number, { bits: number; hash: number }>();
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
