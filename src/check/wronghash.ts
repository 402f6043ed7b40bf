import type { CorrectedHashes, Database, WrongHash } from '../database/database.js';
import { cutElements, equalAt, mayBeCut } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { isOutdated, readSite, roomForBucket, rulerOf } from '../database/survey.js';
import type { BucketView } from '../format/bucket.js';
import { KEY_START, fromHome, usedBefore } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import { slotOf } from '../format/directory.js';
import type { HashChar } from '../format/hash.js';
import { FREE_HASH, hashKey, isByteChange } from '../format/hash.js';
import { firstAfter } from '../numbers.js';
import { gather } from '../source/ranges.js';
import { patched } from '../source/views.js';
import { accountFor, freeRanges } from './account.js';
import { KEY_BUDGET, KeyBudget, SMALL_KEY } from './element.js';
import type { Examination } from './examination.js';
import type { Finding } from './finding.js';
import { finding } from './finding.js';
import { KEPT } from './marks.js';

/** Maximum number of corrected hashes, so that a crafted file cannot fill the memory. */
const MAX_CORRECTED = 1 << 16;
/**
 * Maximum number of nearly right hashes in one bucket; if there are more, none of them is corrected. Single wrong
 * bits are far fewer. Each one is compared with every other element, so that without a limit a large bucket takes
 * time by the square of its size.
 */
const MAX_IN_BUCKET = 32;
/** Size in bytes up to which libgdbm does not list the rest of a free range: IGNORE_SIZE of its gdbmconst.h. */
const IGNORED = 4;

/** Element that is whole except for its hash, as far as its bucket and its key show. */
interface Candidate extends WrongHash {
  /** File offset of the record, and of the byte behind it. */
  readonly from: number;
  readonly end: number;
}

/**
 * Finds elements whose hash alone is wrong, and returns the database with these hashes corrected. Such an element
 * meets all of these conditions:
 *
 * 1. Its key begins as `key_start` says, and the key's own hash differs from the element's in one bit.
 * 2. No byte of the key was changed: no key that differs from it in one byte, after those in `key_start`, has the
 *    element's hash. Or a lookup of the element's hash does not reach the element, so that it is the hash that is
 *    wrong.
 * 3. A lookup of the key's own hash reaches this bucket, and the element in it.
 * 4. No other element of the bucket has the key: a stale one never takes the place of the one in force.
 * 5. Nothing else has a byte of the record, and it ends where something else begins.
 *
 * Rate of errors: a key with one changed byte after the first four never passes. A key with more changed bytes passes
 * step 1 if its hash is one of the 31, of 2^31, that are next to the old one: once in 69 million such keys (26 bits).
 * Step 3 passes one in 1 to 50 of these, depending on how full the bucket is. Step 5 requires sizes that fit the
 * neighbours.
 *
 * @returns undefined if there is no such element
 * @throws SourceError if the source cannot be read
 */
export async function correctHashes(
  db: Database,
  survey: Survey,
  examination: Examination,
): Promise<Database | undefined> {
  if (db.corrected !== undefined) return undefined;
  const { marks, signed, unsigned } = examination;
  const flavours: HashChar[] = signed > 0 && unsigned === 0 ? ['signed'] : ['signed', 'unsigned'];
  if (unsigned > 0 && signed === 0) flavours.shift();
  const room = roomForBucket(db);
  const budget = new KeyBudget(KEY_BUDGET * db.source.size);
  const candidates: Candidate[] = [];
  for (const [s, site] of survey.sites.entries()) {
    if (marks.sites[s] === 0 || site.elements !== undefined) continue;
    if (site.state !== 'sound' && site.state !== 'malformed') continue;
    const bucket = await readSite(db, site, room);
    const cut = cutElements(db, site.offset);
    const doubtful: number[] = [];
    for (let i = 0; i < bucket.elements; i++) {
      if (bucket.hash(i) === FREE_HASH || cut?.has(i) === true) continue;
      if ((marks.flags[s * marks.elements + i] & KEPT) !== 0 || !hasPossibleFields(db, bucket, i)) continue;
      if (budget.allows(bucket.keySize(i))) doubtful.push(i);
    }
    const keys = doubtful.map((i) => ({ offset: bucket.dataPointer(i), length: bucket.keySize(i) }));
    const nearly: (NearbyHash & { i: number; key: Uint8Array })[] = [];
    await gather(db.source, keys, (n, key) => {
      const i = doubtful[n];
      // A bucket with too many of them is skipped, so that the rest is not needed.
      const near = nearly.length > MAX_IN_BUCKET ? undefined : nearbyHash(bucket, i, key, flavours);
      if (near !== undefined) nearly.push({ ...near, i, key: key.slice() });
    });
    if (nearly.length === 0 || nearly.length > MAX_IN_BUCKET) continue;
    const before = usedBefore(bucket);
    // Steps 2 and 3, then 4.
    for (const { i, key, hash, byKey } of nearly) {
      const isFoundHere = (wanted: number) =>
        wanted >= 0 && leadsTo(db, survey, s, wanted) && before[i] >= fromHome(i, wanted, bucket.elements);
      const isHashWrong = isFoundHere(hash) && (!byKey || !isFoundHere(bucket.hash(i)));
      if (!isHashWrong || (await hasKey(db, bucket, i, key, hash))) continue;
      const from = bucket.dataPointer(i);
      const end = from + key.length + bucket.dataSize(i);
      const element = site.offset + bucket.elementOffset(i);
      candidates.push({ element, index: i, found: bucket.hash(i), expected: hash, from, end });
      if (candidates.length === MAX_CORRECTED) break;
    }
    if (candidates.length === MAX_CORRECTED) break;
  }
  if (candidates.length === 0) return undefined;
  const hashes = await withPlaceOfTheirOwn(db, survey, examination, candidates);
  if (hashes.length === 0) return undefined;
  const corrected: CorrectedHashes = { original: db.source, hashes };
  const little = db.format.byteOrder === 'little';
  const patches = hashes.map(({ element, expected }) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, expected, little);
    return { offset: element, bytes };
  });
  return { ...db, source: patched(db.source, patches), corrected };
}

/** Returns a finding for each corrected hash. */
export function wrongHashFindings({ corrected }: Database): Finding[] {
  const hashes = corrected?.hashes ?? [];
  return hashes.map(({ element, index, found, expected }) =>
    finding(
      'element-hash-wrong',
      element,
      `element ${index}: hash ${found}`,
      `${expected}, as its key gives`,
    ),
  );
}

function hasPossibleFields(db: Database, bucket: BucketView, i: number): boolean {
  const [offset, keySize, dataSize] = [bucket.dataPointer(i), bucket.keySize(i), bucket.dataSize(i)];
  const end = offset + keySize + dataSize;
  const isInside = offset >= 0 && keySize > 0 && dataSize >= 0 && end <= db.source.size;
  return isInside && keySize <= SMALL_KEY && !mayBeCut(db, offset, end);
}

/** Hash of a key that is nearly the hash of its element. */
interface NearbyHash {
  readonly hash: number;
  /** True if a changed byte of the key may be the cause of the difference. */
  readonly byKey: boolean;
}

/**
 * Step 1: returns the hash of a key that begins as `key_start` says, if it differs from the element's in one bit at
 * most.
 */
function nearbyHash(
  bucket: BucketView,
  i: number,
  key: Uint8Array,
  flavours: readonly HashChar[],
): NearbyHash | undefined {
  const start = bucket.keyStart(i).subarray(0, Math.min(KEY_START, key.length));
  if (!equalBytes(start, key.subarray(0, start.length))) return undefined;
  const found = bucket.hash(i);
  for (const flavour of flavours) {
    const hash = hashKey(key, flavour);
    if (areNear(hash, found)) return { hash, byKey: isByteChange(key, KEY_START, hash, found, flavour) };
  }
  return undefined;
}

/** Tells whether two hashes differ in one bit at most. */
function areNear(a: number, b: number): boolean {
  const difference = a ^ b;
  return (difference & (difference - 1)) === 0;
}

/** Tells whether a lookup of a hash reaches a bucket, or would with a whole directory. */
function leadsTo({ directory }: Database, survey: Survey, s: number, hash: number): boolean {
  if (directory.length > 0) {
    const slot = slotOf(hash, Math.log2(directory.length));
    if (directory[slot] === survey.sites[s].offset && !isOutdated(survey, slot)) return true;
  }
  return rulerOf(survey, hash) === s;
}

/**
 * Step 4: tells whether another element in use of the bucket has the key. That element may have a wrong hash, too.
 */
async function hasKey(
  { source }: Database,
  bucket: BucketView,
  except: number,
  key: Uint8Array,
  hash: number,
): Promise<boolean> {
  const room = new Uint8Array(4096);
  for (let i = 0; i < bucket.elements; i++) {
    const found = bucket.hash(i);
    if (i === except || found === FREE_HASH || bucket.keySize(i) !== key.length) continue;
    const offset = bucket.dataPointer(i);
    if (!areNear(found, hash) || !(offset >= 0 && offset + key.length <= source.size)) continue;
    if (await equalAt(source, offset, key, room)) return true;
  }
  return false;
}

/**
 * Step 5: returns the candidates whose record shares no byte with anything else and ends where something else begins.
 */
async function withPlaceOfTheirOwn(
  db: Database,
  survey: Survey,
  examination: Examination,
  candidates: Candidate[],
): Promise<WrongHash[]> {
  const { account } = await accountFor(db, survey, examination);
  const free = await freeRanges(db, examination);
  free.sort((a, b) => a.offset - b.offset);
  const freeStarts = Float64Array.from(free, ({ offset }) => offset);
  /** Largest end of each free range and those before it. */
  const freeEnds = new Float64Array(free.length);
  for (const [n, { offset, length }] of free.entries())
    freeEnds[n] = Math.max(offset + length, n === 0 ? 0 : freeEnds[n - 1]);
  const isFree = (from: number, end: number) => {
    const before = firstAfter(freeStarts, end - 1);
    return before > 0 && freeEnds[before - 1] > from;
  };

  candidates.sort((a, b) => a.from - b.from);
  const starts = new Set(candidates.map(({ from }) => from));
  const beginsAt = (offset: number) =>
    offset >= db.source.size || account.isUsed(offset, 1) || isFree(offset, offset + 1) || starts.has(offset);
  const endsWell = (end: number) => {
    for (let left = 0; left <= IGNORED; left++) if (beginsAt(end + left)) return true;
    return false;
  };
  let last = 0;
  return candidates.filter(({ from, end }, n) => {
    const isAlone = last <= from && (n + 1 === candidates.length || candidates[n + 1].from >= end);
    last = Math.max(last, end);
    return isAlone && !account.isUsed(from, end - from) && !isFree(from, end) && endsWell(end);
  });
}
