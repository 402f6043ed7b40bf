import type { Database } from '../database/database.js';
import { equalAt, isGone } from '../database/database.js';
import type { HashRange } from '../database/claims.js';
import { rangeOf } from '../database/claims.js';
import type { BucketSite } from '../database/site.js';
import { roomForBucket } from '../database/survey.js';
import { BUCKET_AVAIL, BucketView, elementsStart, KEY_START } from '../format/bucket.js';
import type { HashChar } from '../format/hash.js';
import { FREE_HASH, HASH_BITS } from '../format/hash.js';
import { readInto } from '../source/source.js';
import type { Fragment } from './fragments.js';
import { hashRanges } from './keyhashes.js';
import { weights } from '../weights.js';

/** A bucket that may be the one in force for its range of hashes. */
export interface Candidate {
  readonly site: BucketSite;
  /** Undefined if too little is left to tell. */
  readonly range: HashRange | undefined;
  /** Share of the sampled keys that give their element's hash, 0 to 1; 1 for a bucket without elements. */
  readonly proved: number;
}

/** Keys sampled to judge a bucket. */
const SAMPLE = 8;
/** Maximum number of deleted keys whose first bytes are compared, for the buckets of one batch. */
const MAX_LOOKS = 1 << 16;
/** Buckets judged together, in one pass through their keys. */
const BATCH = 1 << 14;

/** Judges the buckets that a scan found, by their heads and a sample of their keys. */
export async function judgeBuckets(db: Database, offsets: Float64Array): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (let from = 0; from < offsets.length; from += BATCH) {
    candidates.push(...(await judgeBatch(db, offsets.subarray(from, from + BATCH))));
  }
  return candidates;
}

interface Sampled {
  readonly site: BucketSite;
  /** Hash of any element in use. */
  readonly hash: number | undefined;
  /** Number of leading bits that all hashes share. */
  readonly sharedBits: number;
  /** First index of the bucket's keys in the list of all samples, and the index after its last one. */
  readonly from: number;
  readonly to: number;
}

async function judgeBatch(db: Database, offsets: Float64Array): Promise<Candidate[]> {
  const { source } = db;
  const buckets: Sampled[] = [];
  // One list per field of the keys: an object per key would take more memory than the buckets.
  const pointers = new Float64Array(offsets.length * SAMPLE);
  const sizes = new Int32Array(pointers.length);
  const own = new Int32Array(pointers.length);
  let length = 0;
  let looks = MAX_LOOKS;
  const bucket = roomForBucket(db);
  const room = new Uint8Array(KEY_START);
  for (const offset of offsets) {
    await readInto(source, offset, bucket.bytes);
    const from = length;
    let hash: number | undefined;
    let different = 0;
    const { count } = bucket;
    for (let i = 0; i < bucket.elements; i++) {
      const one = bucket.hash(i);
      if (one !== FREE_HASH) different |= one ^ (hash ??= one);
      if (length - from >= SAMPLE) continue;
      // A bucket whose records were all deleted is judged by the keys of its free elements.
      if ((one === FREE_HASH) !== (count === 0)) continue;
      const size = bucket.keySize(i);
      const pointer = bucket.dataPointer(i);
      // The bytes at a pointer into a part that was cut off are unknown.
      if (isGone(db, pointer)) continue;
      if (!(pointer > 0 && size >= 0 && size <= 0xffff && pointer + size <= source.size)) continue;
      // A deleted key may have been overwritten since.
      if (one === FREE_HASH && looks-- > 0) {
        const start = bucket.keyStart(i).subarray(0, size);
        if (!(await equalAt(source, pointer, start, room))) continue;
      }
      pointers[length] = pointer;
      sizes[length] = size;
      own[length++] = one;
    }
    const site = orphanSite(offset, bucket);
    const sharedBits = Math.min(Math.clz32(different) - 1, HASH_BITS);
    buckets.push({ site, hash, sharedBits, from, to: length });
  }
  const hashes = await hashRanges(source, { length, offsets: pointers, sizes });
  const flavours = flavoursOf(own.subarray(0, length), hashes);
  return buckets.map(({ site, hash, sharedBits, from, to }) => {
    const { bits } = site;
    if (hash === undefined) {
      const deleted = flavours.map((one) => mostCommonRange(hashes[one].subarray(from, to), bits));
      return { site, range: bits === 0 ? rangeOf(0, 0) : agreed(deleted), proved: 1 };
    }
    let proved = 0;
    for (let n = from; n < to; n++) {
      if (own[n] === hashes.signed[n] || own[n] === hashes.unsigned[n]) proved++;
    }
    // Hashes that share many more bits than the head says belong to a bucket whose head is wrong.
    const isHeadWrong = (sharedBits - bits) * (site.used - 1) > weights.bucket.chanceBits;
    return {
      site,
      range: rangeOf(hash, isHeadWrong ? sharedBits : bits),
      proved: to > from ? proved / (to - from) : 1,
    };
  });
}

function orphanSite(offset: number, bucket: BucketView): BucketSite {
  const { bits, count, availCount } = bucket;
  return {
    origin: 'scan',
    offset,
    firstSlot: -1,
    slots: 0,
    bits,
    count,
    availCount,
    used: count,
    ownFirst: -1,
    ownSlots: 0,
    state: 'sound',
  };
}

/** Hash flavours that match the keys of elements in use: both if no key distinguishes them. */
function flavoursOf(own: Int32Array, { signed, unsigned }: Record<HashChar, Int32Array>): HashChar[] {
  let more = 0;
  for (const [n, hash] of own.entries()) {
    if (signed[n] !== unsigned[n]) more += Number(hash === signed[n]) - Number(hash === unsigned[n]);
  }
  if (more === 0) return ['signed', 'unsigned'];
  return more > 0 ? ['signed'] : ['unsigned'];
}

/** The range with the most keys, the first one of equals. */
function agreed(told: readonly (Told | undefined)[]): HashRange | undefined {
  const [best] = told.filter((one) => one !== undefined).sort((a, b) => b.keys - a.keys);
  return best?.range;
}

/** A range and the number of keys whose hash lies in it. */
interface Told {
  readonly range: HashRange;
  readonly keys: number;
}

/** The range that more than half of the hashes lie in, and at least two of them. */
function mostCommonRange(hashes: Int32Array, bits: number): Told | undefined {
  const votes = new Map<number, number>();
  for (const hash of hashes) {
    const { first } = rangeOf(hash, bits);
    votes.set(first, (votes.get(first) ?? 0) + 1);
  }
  for (const [first, n] of votes)
    if (n >= 2 && n * 2 > hashes.length) return { range: { first, bits }, keys: n };
  return undefined;
}

/** A fragment as a bucket. Its range comes from its head or, if that is gone, from its hashes. */
export function judgeFragment(
  { base, elements, sharedBits, hash }: Fragment,
  headBits: number | undefined,
): Candidate {
  const nowhere = { firstSlot: -1, slots: 0, ownFirst: -1, ownSlots: 0 };
  const used = elements.length;
  const bits = headBits ?? Math.min(sharedBits, HASH_BITS);
  const site: BucketSite = {
    origin: 'scan',
    offset: base,
    ...nowhere,
    bits,
    count: used,
    availCount: 0,
    used,
    state: 'headless',
    elements,
  };
  const isTold = headBits !== undefined || used >= weights.bucket.tellingHashes;
  return { site, range: isTold ? rangeOf(hash, bits) : undefined, proved: 1 };
}

/**
 * Returns the bits in a fragment's head, if it can be the head of a bucket some of whose elements are gone or cut
 * off.
 */
export async function bitsOfHead(
  { source, format, geometry }: Database,
  { base, elements, sharedBits }: Fragment,
): Promise<number | undefined> {
  const size = elementsStart(format);
  if (base < geometry.blockSize || base + size > source.size) return undefined;
  const { bucketSize, bucketElements } = geometry;
  const isWhole = base + bucketSize <= source.size;
  const bytes = await source.read(base, isWhole ? bucketSize : size);
  const bucket = new BucketView(bytes, format, isWhole ? bucketElements : 0);
  const { bits, count, availCount } = bucket;
  // If all elements that the head counts are in use, none is gone. That contradicts the fragment.
  let used = 0;
  for (let i = 0; i < bucket.elements; i++) if (bucket.hash(i) !== FREE_HASH) used++;
  if (isWhole && used === count) return undefined;
  const isPossible =
    availCount >= 0 &&
    availCount <= BUCKET_AVAIL &&
    bits >= 0 &&
    bits <= sharedBits &&
    count >= elements.length &&
    count <= bucketElements;
  return isPossible ? bits : undefined;
}
