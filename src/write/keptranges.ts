import type { Partition } from './partition.js';
import { partitionHashes } from './partition.js';
import { RecordIndex } from './recordindex.js';
import type { Examination } from '../check/examination.js';
import { sameKey, SMALL_KEY } from '../check/key.js';
import { eachKept } from '../check/marks.js';
import { rangeOf } from '../database/claims.js';
import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { HASH_BITS, HASH_RANGE } from '../format/hash.js';
import { firstAfter } from '../numbers.js';
import type { BucketWords } from '../format/bucketwords.js';

/** A bucket of the copy: one of the database's for the same hashes, or a new one of records from elsewhere. */
export interface KeptRange {
  /** The lowest hash of its range. */
  readonly first: number;
  /** Leading bits that its hashes share. */
  readonly bits: number;
  /** The number of the site whose elements go into it; undefined for a new one. */
  readonly site: number | undefined;
  /** Of a new one its records in {@link KeptPlan.loose}, from here to before `to`. */
  readonly from: number;
  readonly to: number;
}

/** Which buckets a copy has, in order of their hashes. */
export interface KeptPlan {
  readonly ranges: readonly KeptRange[];
  /** The records of new buckets, where they are in the database, and their numbers in order of their hashes. */
  readonly loose: RecordIndex;
  readonly order: Uint32Array;
}

/** Records of new buckets, at most: they are few, or the copy is made record by record. */
const MAX_LOOSE = 1 << 18;
/** Keys of new buckets held against each other, at most: a builder tells more of one hash apart in less time. */
const MAX_COMPARED = 1 << 16;
const NO_START = new Uint8Array(0);

/**
 * Plans the buckets of a copy: a bucket whose elements all belong to one range of hashes, in which no other has any, keeps
 * it; the records of all others, and hashes of which no bucket is left, get new ones.
 *
 * @param maxBits the deepest split
 * @returns undefined where a key is or may be there twice, too many records are in the wrong place, or the buckets would
 *   be larger than the file, so that records must be looked at one by one
 */
export async function planKept(
  db: Database,
  survey: Survey,
  { marks }: Examination,
  maxBits: number,
): Promise<KeptPlan | undefined> {
  const own = await ownRanges(db, survey, marks);
  if (own === undefined) return undefined;
  // 1. Ranges that lie in each other are nobody's.
  const order = [...own.keys()].filter((s) => own[s] !== undefined).sort((a, b) => own[a]! - own[b]!);
  const end = (s: number) => own[s]! + 2 ** (HASH_BITS - survey.sites[s].bits);
  const shared = new Set<number>();
  for (let n = 1, last = 0; n < order.length; n++) {
    if (own[order[n]]! < end(order[last])) shared.add(order[n]).add(order[last]);
    if (end(order[n]) >= end(order[last])) last = n;
  }
  for (const s of order) if (survey.sites[s].bits > maxBits) shared.add(s);
  // 2. Neither is one in which another bucket has records.
  const firsts = Float64Array.from(order, (s) => own[s]!);
  const guests = await guestsOf(db, survey, marks, own, shared, (hash) => {
    const s = order[firstAfter(firsts, hash) - 1] as number | undefined;
    return s !== undefined && hash < end(s) ? s : undefined;
  });
  for (const s of guests) shared.add(s);

  // 3. New buckets for all that is not in one that stays.
  const loose = new RecordIndex();
  let few = true;
  await eachKept(db, survey, marks, (words, i, s) => {
    if (own[s] !== undefined && !shared.has(s)) return;
    few &&= loose.count < MAX_LOOSE;
    if (!few) return;
    loose.add(words.hash(i), words.pointer(i), words.keySize(i), words.dataSize(i), NO_START, 0, 0);
  });
  if (!few) return undefined;
  const byHash = loose.orderByHash();
  const looseOrder = byHash.numbers();
  if (await hasTwins(db, loose, looseOrder)) return undefined;
  const hashes = byHash.hashes();
  const ranges: KeptRange[] = [];
  let at = 0;
  let done = 0;
  const fill = (to: number): boolean => {
    let until = done;
    while (until < hashes.length && hashes[until] < to) until++;
    const parts: Partition[] | undefined =
      at < to ? partitionHashes(hashes.subarray(done, until), marks.elements, maxBits, at, to) : [];
    if (parts === undefined) return false;
    for (const { first, bits, from, to: end } of parts)
      ranges.push({ first, bits, site: undefined, from: done + from, to: done + end });
    done = until;
    return true;
  };
  for (const s of order) {
    if (shared.has(s)) continue;
    if (!fill(own[s]!)) return undefined;
    ranges.push({ first: own[s]!, bits: survey.sites[s].bits, site: s, from: 0, to: 0 });
    at = end(s);
  }
  if (!fill(HASH_RANGE)) return undefined;
  // Honest buckets have others beside them; those made to be far apart would need many empty ones between.
  if (ranges.length * db.geometry.bucketSize > db.source.size) return undefined;
  return { ranges, loose, order: looseOrder };
}

/**
 * Of each site the lowest hash of its range, where all its elements that prove a record are of that range.
 *
 * @returns undefined where two keys may be the same that are too large for the examination to have told them apart
 */
async function ownRanges(
  db: Database,
  survey: Survey,
  marks: Examination['marks'],
): Promise<(number | undefined)[] | undefined> {
  const own = new Array<number | undefined>(survey.sites.length).fill(undefined);
  const mixed = new Uint8Array(survey.sites.length);
  // They were all read, so there are no more of them than have room in twice the file.
  const large = new Set<string>();
  let isLargeTwice = false;
  await eachKept(db, survey, marks, (words: BucketWords, i: number, s: number) => {
    const size = words.keySize(i);
    if (size > SMALL_KEY) {
      const name = `${words.hash(i)} ${size}`;
      isLargeTwice ||= large.has(name);
      large.add(name);
    }
    const { state, bits } = survey.sites[s];
    if (state !== 'sound' || bits > HASH_BITS || mixed[s] === 1) return;
    const { first } = rangeOf(words.hash(i), bits);
    if (own[s] === undefined) own[s] = first;
    else if (own[s] !== first) mixed[s] = 1;
  });
  return isLargeTwice ? undefined : own.map((first, s) => (mixed[s] === 1 ? undefined : first));
}

/** The sites in whose range others have records. */
async function guestsOf(
  db: Database,
  survey: Survey,
  marks: Examination['marks'],
  own: readonly (number | undefined)[],
  shared: ReadonlySet<number>,
  siteOf: (hash: number) => number | undefined,
): Promise<Set<number>> {
  const found = new Set<number>();
  if (own.every((first, s) => (first !== undefined && !shared.has(s)) || marks.kept[s] === 0)) return found;
  await eachKept(db, survey, marks, (words, i, s) => {
    if (own[s] !== undefined && !shared.has(s)) return;
    const other = siteOf(words.hash(i));
    if (other !== undefined && other !== s) found.add(other);
  });
  return found;
}

/** Whether a key of a new bucket is there twice, or there are too many of one hash to tell. */
async function hasTwins({ source }: Database, loose: RecordIndex, order: Uint32Array): Promise<boolean> {
  const key = (i: number) => ({
    offset: loose.offset(i),
    length: loose.keySize(i),
    hash: loose.hash(i),
    whole: true,
  });
  let compared = 0;
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && loose.hash(order[to]) === loose.hash(order[from])) to++;
    for (let a = from; a < to; a++) {
      for (let b = a + 1; b < to; b++) {
        if (loose.keySize(order[a]) !== loose.keySize(order[b])) continue;
        if (++compared > MAX_COMPARED || loose.keySize(order[a]) > 1 << 20) return true;
        if (await sameKey(source, key(order[a]), key(order[b]))) return true;
      }
    }
    from = to;
  }
  return false;
}
