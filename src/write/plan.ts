import { eachKept } from '../check/marks.js';
import type { Examination } from '../check/examination.js';
import { sameKey, SMALL_KEY, startOf } from '../check/element.js';
import type { BucketWords } from '../format/bucketwords.js';
import { rangeOf } from '../database/claims.js';
import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { KEY_START } from '../format/bucket.js';
import { HASH_BITS, HASH_RANGE } from '../format/hash.js';
import { firstAfter } from '../numbers.js';
import type { Elements } from './copy.js';
import { partitionHashes, RecordIndex } from './recordindex.js';

interface HashRangeOfBucket {
  /** The lowest hash of its range. */
  readonly first: number;
  /** Leading bits that its hashes share. */
  readonly bits: number;
}

/** A bucket of a copy: one of the database's, by its number in the survey, or a new one with records of several. */
export type PlannedBucket = HashRangeOfBucket &
  ({ readonly site: number } | { readonly elements: () => Promise<Elements> });

/** Records of new buckets at most; with more, the copy is made record by record. */
const MAX_LOOSE = 1 << 18;
/** Keys of new buckets that are compared at most; the builder compares many of one hash in less time. */
const MAX_COMPARED = 1 << 16;
const NO_START = new Uint8Array(0);

/**
 * Plans the buckets of a copy, in order of their hashes. A bucket whose elements all belong to one range of hashes, in which
 * no other bucket has any, keeps it; the records of all others, and hashes that no bucket covers, get new ones.
 *
 * @param maxBits the deepest split
 * @returns undefined where records must be looked at one by one: a key is or may be there twice, too many records are in the
 *   wrong place, or the buckets would be larger than the file
 */
export async function planBuckets(
  db: Database,
  survey: Survey,
  { marks }: Examination,
  maxBits: number,
): Promise<readonly PlannedBucket[] | undefined> {
  const own = await ownRanges(db, survey, marks);
  if (own === undefined) return undefined;
  // 1. Buckets whose ranges overlap give them up.
  const order = [...own.keys()].filter((s) => own[s] !== undefined).sort((a, b) => own[a]! - own[b]!);
  const end = (s: number) => own[s]! + 2 ** (HASH_BITS - survey.sites[s].bits);
  const shared = new Set<number>();
  for (let n = 1, last = 0; n < order.length; n++) {
    if (own[order[n]]! < end(order[last])) shared.add(order[n]).add(order[last]);
    if (end(order[n]) >= end(order[last])) last = n;
  }
  for (const s of order) if (survey.sites[s].bits > maxBits) shared.add(s);
  // 2. So does a bucket in whose range another one has records.
  const firsts = Float64Array.from(order, (s) => own[s]!);
  const guests = await guestsOf(db, survey, marks, own, shared, (hash) => {
    const s = order[firstAfter(firsts, hash) - 1] as number | undefined;
    return s !== undefined && hash < end(s) ? s : undefined;
  });
  for (const s of guests) shared.add(s);

  // 3. All other records go into new buckets.
  const loose = new RecordIndex();
  let areFew = true;
  await eachKept(db, survey, marks, (words, i, s) => {
    if (own[s] !== undefined && !shared.has(s)) return;
    areFew &&= loose.count < MAX_LOOSE;
    if (!areFew) return;
    loose.add(words.hash(i), words.pointer(i), words.keySize(i), words.dataSize(i), NO_START, 0, 0);
  });
  if (!areFew) return undefined;
  const byHash = loose.orderByHash();
  const numbers = byHash.numbers();
  if (await hasTwins(db, loose, numbers)) return undefined;
  const hashes = byHash.hashes();
  const planned: PlannedBucket[] = [];
  const division = { capacity: marks.elements, maxBits };
  let at = 0;
  let done = 0;
  const addNewUpTo = (limit: number): boolean => {
    let until = done;
    while (until < hashes.length && hashes[until] < limit) until++;
    const parts = at < limit ? partitionHashes(hashes.subarray(done, until), division, at, limit) : [];
    if (parts === undefined) return false;
    for (const { first, bits, from, to } of parts) {
      const records = numbers.subarray(done + from, done + to);
      planned.push({ first, bits, elements: () => elementsOf(db, loose, records) });
    }
    done = until;
    return true;
  };
  for (const s of order) {
    if (shared.has(s)) continue;
    if (!addNewUpTo(own[s]!)) return undefined;
    planned.push({ first: own[s]!, bits: survey.sites[s].bits, site: s });
    at = end(s);
  }
  if (!addNewUpTo(HASH_RANGE)) return undefined;
  // Real buckets have neighbours; those made to be far apart would need many empty ones between them.
  if (planned.length * db.geometry.bucketSize > db.source.size) return undefined;
  return planned;
}

async function elementsOf(db: Database, index: RecordIndex, records: Uint32Array): Promise<Elements> {
  const column = (value: (i: number) => number) => Int32Array.from(records, value);
  const starts = new Int32Array(records.length);
  for (const [n, i] of records.entries()) {
    starts[n] = startOf(await db.source.read(index.offset(i), Math.min(KEY_START, index.keySize(i))));
  }
  return {
    used: Uint32Array.from(records.keys()),
    usedCount: records.length,
    hashes: column((i) => index.hash(i)),
    pointers: Float64Array.from(records, (i) => index.offset(i)),
    keySizes: column((i) => index.keySize(i)),
    dataSizes: column((i) => index.dataSize(i)),
    starts,
  };
}

/**
 * The lowest hash of each site's range, where all its elements that prove a record are of that range.
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
  // Their keys were all read, so that no more of them exist than fit into twice the file.
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

/** The sites in whose range other sites have records. */
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

/** True if a key of a new bucket is there twice, or too many keys of one hash would have to be compared. */
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
