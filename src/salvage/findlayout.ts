import { accountFor } from '../check/account.js';
import { judgeSites } from '../check/bucket.js';
import type { Examination } from '../check/examination.js';
import { examine } from '../check/examination.js';
import type { Database } from '../database/database.js';
import { missingAtStart, openDatabase, placeNow, withoutLayout } from '../database/database.js';
import { HEADER_BYTES, weighHeader } from '../database/evidence.js';
import { readHead } from '../database/infer.js';
import { MAX_DIRECTORY_BITS, MIN_DIRECTORY_BITS, slotOf } from '../format/directory.js';
import { offsetSize } from '../format/format.js';
import type { DirectoryPlace, Header } from '../format/header.js';
import { headerStruct } from '../format/header.js';
import { viewOf } from '../format/struct.js';
import { firstAfter, firstIndex, salted } from '../numbers.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { CandidateList } from '../orphans/candidatelist.js';
import { findKeys, SHORTEST } from '../orphans/findkeys.js';
import { Votes } from '../orphans/votes.js';
import type { Layout } from '../source/layout.js';
import type { RangeList } from '../source/ranges.js';
import { firstEndingAfter } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import type { Progress } from '../source/sweep.js';
import { joinRanges } from '../source/sweep.js';
import type { Core } from './align.js';
import {
  coresOf,
  inFileOrder,
  isMoved,
  layOut,
  MOST_PIECES,
  presentEnd,
  presentStart,
  remainder,
  SECTOR,
} from './align.js';
import type { Anchors, Distances } from './anchors.js';
import {
  anchorsOf,
  BucketPlaces,
  findElements,
  isInBucket,
  placeElements,
  placeEntries,
  placeKeys,
} from './anchors.js';
import { weights } from '../weights.js';

/*
 * Finds the layout of a damaged database.
 *
 * 1. Ask whether keys that are not in their place stand elsewhere; in nearly every damaged file they do not.
 * 2. Find the keys that elements name, wherever they stand, and align them (`align.ts`). Of very many elements a sample
 *    is used first, and then all that lead to the seams.
 * 3. Read the directory through that layout, and add the elements of buckets, the directory's entries, short keys and
 *    whole buckets: they lie between the keys. Align all of them, and do so once more.
 */

/** Number of times that buckets and directory are placed. */
const ROUNDS = 2;
/** Maximum number of distances, or of sectors, that are tried between those of two neighbours. */
const MOST_BETWEEN = 64;
/** Maximum number of distances of displaced keys that are tried in a sector. */
const MOST_AT_SECTOR = 4;
/** Number of elements, and of lost keys, from which a sample is taken. */
const SAMPLED = 1 << 14;
/** Bytes beside the places between two cores in which keys are searched for. */
const AROUND = 1 << 16;

/**
 * Finds the layout of a damaged database, if keys that are not in their place stand elsewhere.
 *
 * @throws SourceError if the source cannot be read
 */
export async function findLayout(
  { db, survey }: { readonly db: Database; readonly survey: SearchedSurvey },
  progress?: Progress,
): Promise<Layout | undefined> {
  const source = withoutLayout(db);
  const examination = survey.examination ?? (await examine(db, survey));
  if (isInPlace(db, survey, examination)) return undefined;
  const { format } = db;
  const { size } = source;
  const [{ header, score }] = weighHeader(await readHead(source), size);
  const hasHeader = score >= weights.reading.header && size >= HEADER_BYTES;
  // Behind the last key, the size that the header gives tells how many bytes are missing.
  const told = hasHeader && header.next_block <= 2 * size ? header.next_block - size : undefined;
  const end = hasHeader ? Math.min(Math.max(size, header.next_block), 2 * size) : 2 * size;
  const lost = await lostKeys(db, survey, examination);
  // The account of all bytes is made only where keys are searched for.
  let unused: Promise<RangeList> | undefined;
  const freeRanges = async () =>
    db.layout === undefined ? (unused ??= unusedRanges(db, survey, examination)) : undefined;
  // If nothing is proved, the keys' elements may be elsewhere, too.
  const isRead = examination.records > 0;
  if (isRead && !(await mayHaveMoved(source, lost, missingAtStart(db), told, freeRanges, progress)))
    return undefined;
  // A sample of very many elements tells where the pieces are; all that lead to their ends then tell where these are.
  const used = [...survey.sites, ...survey.stale].reduce((sum, site) => sum + site.used, 0);
  const step = Math.max(1, Math.ceil(used / SAMPLED));
  const pointers = new Set(lost.offsets.subarray(0, lost.length));
  const isSampled = (_: number, pointer: number, hash: number) =>
    Math.abs(salted(hash)) % step === 0 || pointers.has(pointer);
  const all = await findElements(source, format, end, isSampled, progress);
  // If the header is in its place, so is the beginning of the file.
  const head: Anchors = {
    length: hasHeader ? 1 : 0,
    belongs: Float64Array.of(0),
    at: Float64Array.of(0),
    sizes: Int32Array.of(headerStruct(format.layout).size),
    elements: Int32Array.of(-1),
    weights: Float32Array.of(1),
  };
  const { elements, anchors } = named(all, anchorsOf(await findKeys(source, all, progress)));
  let keys = together(head, anchors);
  const free = await freeRanges();
  // An old copy of a record that was never written may stand there by chance, but not within another record.
  const isUsed = (offset: number) => {
    const next = free?.at(firstEndingAfter(free, offset));
    return free !== undefined && (next === undefined || next.offset > offset);
  };
  const isShown = ({ belongs, at, sizes }: Anchors, n: number) =>
    belongs[n] + sizes[n] <= size || isUsed(at[n]);
  /** The distance that the header gives, if two keys have it, or one that is no old copy. */
  const confirmed = (...found: Anchors[]) => {
    const all = found.flatMap((one) => {
      const own = Array.from(one.at.keys()).filter((n) => one.belongs[n] - one.at[n] === told);
      return own.map((n) => isShown(one, n));
    });
    return all.length > 1 || all.includes(true) ? told : undefined;
  };
  const goneBuckets = sectorsOfGone(db, survey);
  let cores = coresOf(keys, confirmed(keys));
  if (step > 1 && isMoved(cores)) {
    const isAtSeam = betweenCores(cores);
    const isNew = (at: number, pointer: number, hash: number) =>
      isAtSeam(at, pointer) && !isSampled(at, pointer, hash);
    const more = await findElements(source, format, end, isNew, progress);
    const found = named(more, anchorsOf(await findKeys(source, more, progress, rangesBetween(cores, size))));
    const first = elements.length;
    elements.append(found.elements);
    keys = together(keys, {
      ...found.anchors,
      elements: found.anchors.elements.map((n) => n + first),
    });
    cores = coresOf(keys, confirmed(keys));
  }
  // The keys alone tell where the records are. The buckets and the directory lie between them; where one of them is cut,
  // the other tells, so that a second round may find more.
  for (let round = 0; round < ROUNDS && cores.length > 0 && cores.length <= MOST_PIECES; round++) {
    const layout = await layOut(source, cores);
    const { geometry, directory } = (await openDatabase(layout.source)) ?? db;
    const places = new BucketPlaces(format, geometry.bucketElements);
    const distances = likelyDistances(cores, elements, directory, places, told);
    const bits = Math.log2(directory.length);
    const isInForce = (n: number) =>
      directory.length === 0 ||
      isInBucket(elements, n, directory[slotOf(elements.hashes[n], bits)], places, distances);
    const belonging = distancesBelonging(cores, told);
    const displaced = new Displaced(keys, elements, isInForce, belonging, goneBuckets);
    const short = await placeKeys(source, elements, (offset) => [
      ...new Set([...belonging(offset), ...displaced.distancesAt(offset)]),
    ]);
    const structures: Anchors[] = [];
    // If the directory is not read from its place yet, the header tells where it belongs.
    const place = geometry.directory ?? (hasHeader ? directoryOfHeader(header) : undefined);
    if (place !== undefined) {
      const likely = distancesIn(cores, place.offset, 2 ** place.bits * offsetSize(format.layout));
      structures.push(await placeEntries(source, format, place, elements, places, distances, likely));
    }
    if (directory.length > 0) {
      structures.push(
        placeElements(elements, directory, places, distances),
        placeBuckets(db, survey, elements, directory, places, end, displaced),
      );
    }
    // A key that showed that a block moved is in its place from then on.
    keys = { ...keys, weights: keys.weights.map((weight, n) => Math.max(weight, displaced.weights[n])) };
    const distance = confirmed(keys, short);
    if (distance === undefined) {
      // A single key, which may be an old copy, is no evidence.
      for (let n = 0; n < short.length; n++)
        if (short.belongs[n] - short.at[n] === told) short.weights[n] = 0;
    }
    cores = coresOf([short, ...structures].reduce(together, keys), distance);
  }
  return isMoved(cores) ? layOut(source, cores) : undefined;
}

/**
 * Finds the whole buckets that a scan found and of which the directory leads all slots, and no others, to a place where
 * no bucket is. An old bucket of the same hashes had more of them: it was split since.
 */
function placeBuckets(
  db: Database,
  { sites, stale }: SearchedSurvey,
  { at, hashes, length }: CandidateList,
  directory: Float64Array,
  places: BucketPlaces,
  end: number,
  displaced: Displaced,
): Anchors {
  const bits = Math.log2(directory.length);
  const taken = new Set<number>();
  for (const { origin, state, used, offset } of sites) {
    if (origin === 'directory' && state === 'sound' && used > 0) taken.add(offset);
  }
  const found: { at: number; belongs: number }[] = [];
  for (const site of [...sites, ...stale]) {
    const { origin, state, used, offset } = site;
    if (origin !== 'scan' || state !== 'sound' || used === 0 || site.bits > bits) continue;
    const now = placeNow(db, offset);
    let element = firstIndex(0, length, (n) => at[n] >= now);
    const isBehind = () => element === length || at[element] >= now + db.geometry.bucketSize;
    while (!isBehind() && !places.has(now, hashes[element], at[element])) element++;
    if (isBehind()) continue;
    const slots = 2 ** (bits - site.bits);
    const first = Math.floor(slotOf(hashes[element], bits) / slots) * slots;
    const belongs = directory[first];
    const areOwn = directory.subarray(first, first + slots).every((entry) => entry === belongs);
    const areOthers = directory[first - 1] !== belongs && directory[first + slots] !== belongs;
    const isInside = belongs > 0 && belongs + db.geometry.bucketSize <= end;
    if (isInside && areOwn && areOthers && !taken.has(belongs)) found.push({ at: now, belongs });
  }
  return {
    length: found.length,
    belongs: Float64Array.from(found, ({ belongs }) => belongs),
    at: Float64Array.from(found, ({ at }) => at),
    sizes: new Int32Array(found.length).fill(db.geometry.bucketSize),
    elements: new Int32Array(found.length).fill(-1),
    weights: Float32Array.from(found, ({ at }) => (displaced.isGone(at) ? weights.align.blockAlone : 1)),
  };
}

/**
 * Keys that are not where their elements say, but elsewhere, whole sectors away. One such key may be an old copy of a lost
 * record, which is whole sectors away by chance only. It shows that a block moved if a short key agrees, or if what belongs
 * where it stands is not there either: a block that moved is in the place of another one.
 */
class Displaced {
  /** Present sectors at which something in force belongs that is not there. */
  readonly #gone: Set<number>;
  /** The distances of such keys, by the sector in which the key belongs. */
  readonly #distances = new Map<number, number[]>();
  /** Weight of each anchor: more than 1 for such a key that stands in one of the sectors, and in no other. */
  readonly weights: Float32Array;

  constructor(
    { length, belongs, at, elements: named }: Anchors,
    elements: CandidateList,
    isInForce: (element: number) => boolean,
    belonging: Distances,
    goneBuckets: Iterable<number>,
  ) {
    this.#gone = new Set(goneBuckets);
    const isInPlace = new Uint8Array(elements.length);
    for (let n = 0; n < length; n++) {
      if (named[n] >= 0 && belonging(belongs[n]).includes(belongs[n] - at[n])) isInPlace[named[n]] = 1;
    }
    const isLost = new Uint8Array(elements.length);
    for (let n = 0; n < elements.length; n++) {
      if (elements.sizes[n] < SHORTEST || isInPlace[n] === 1 || !isInForce(n)) continue;
      isLost[n] = 1;
      const { offsets } = elements;
      for (const distance of belonging(offsets[n])) this.#gone.add(sectorOf(offsets[n] - distance));
    }
    const times = new Uint8Array(elements.length);
    const isOne = Uint8Array.from({ length }, (_, n) => {
      if (named[n] < 0 || isLost[named[n]] === 0) return 0;
      return belonging(belongs[n]).some((one) => remainder(belongs[n] - at[n] - one) === 0) ? 1 : 0;
    });
    for (let n = 0; n < length; n++) {
      if (isOne[n] === 0) continue;
      if (this.isGone(at[n]) && times[named[n]] < 2) times[named[n]]++;
      const sector = sectorOf(belongs[n]);
      this.#distances.set(
        sector,
        [...(this.#distances.get(sector) ?? []), belongs[n] - at[n]].slice(-MOST_AT_SECTOR),
      );
    }
    this.weights = Float32Array.from({ length }, (_, n) =>
      isOne[n] === 1 && this.isGone(at[n]) && times[named[n]] === 1 ? weights.align.blockAlone : 1,
    );
  }

  /** Returns true if something in force belongs in the sector of a present offset that is not there. */
  isGone(offset: number): boolean {
    return this.#gone.has(sectorOf(offset));
  }

  /** Distances of such keys in the sector in which an offset belongs. */
  distancesAt(offset: number): readonly number[] {
    return this.#distances.get(sectorOf(offset)) ?? [];
  }
}

const sectorOf = (offset: number) => Math.floor(offset / SECTOR);

/** The sectors, by their present offsets, in which the directory leads to a bucket that is not there. */
function sectorsOfGone(db: Database, { sites }: SearchedSurvey): Set<number> {
  const sectors = new Set<number>();
  for (const { origin, state, offset } of sites) {
    if (origin !== 'directory' || state === 'sound' || state === 'unread') continue;
    for (let at = 0; at < db.geometry.bucketSize; at += SECTOR) {
      sectors.add(sectorOf(placeNow(db, offset + at)));
    }
  }
  return sectors;
}

/** Returns the distances that are likely where bytes belong: those of the core there, or of the two around it. */
function distancesBelonging(cores: readonly Core[], told: number | undefined): Distances {
  const starts = Float64Array.from(cores, ({ start }) => start);
  return (offset) => {
    const n = firstAfter(starts, offset) - 1;
    const some = n >= 0 && offset < cores[n].end ? [cores[n]] : cores.slice(Math.max(0, n), n + 2);
    const own = some.map(({ distance }) => distance);
    return n + 1 === cores.length && told !== undefined ? [...new Set([...own, told])] : [...new Set(own)];
  };
}

function directoryOfHeader({ dir, dir_bits: bits }: Header): DirectoryPlace | undefined {
  const isPossible = dir > 0 && bits >= MIN_DIRECTORY_BITS && bits <= MAX_DIRECTORY_BITS;
  return isPossible ? { offset: dir, bits } : undefined;
}

/** The keys of elements in use that are not in their place, of very many the first. */
async function lostKeys(
  db: Database,
  survey: SearchedSurvey,
  examination: Examination,
): Promise<CandidateList> {
  const lost = new CandidateList();
  for await (const { rejected } of judgeSites(db, survey, examination)) {
    for (const { hash, keySize, keyStart, offset } of rejected) {
      if (hash < 0 || keySize < SHORTEST || !(offset > 0)) continue;
      lost.push(0, hash, offset, keySize, viewOf(keyStart).getUint32(0));
    }
    if (lost.length >= SAMPLED) break;
  }
  return lost;
}

/** Ranges of a file that are not those of records and buckets in force. */
async function unusedRanges(
  db: Database,
  survey: SearchedSurvey,
  examination: Examination,
): Promise<RangeList> {
  const { account } = await accountFor(db, survey, examination);
  return [...account.unused()];
}

/**
 * Returns true if two lost keys stand elsewhere by one distance, or one by whole sectors, or if the file is whole sectors
 * shorter than its header says, or longer. Old copies of lost keys stand anywhere.
 *
 * @param missing distance of the bytes that are in place
 * @param told distance of the end of the file, if the header gives it
 * @param free gives the ranges of which nothing is in force, where bytes that moved stand; undefined if they are not known
 */
async function mayHaveMoved(
  source: Source,
  lost: CandidateList,
  missing: number,
  told: number | undefined,
  free: () => Promise<RangeList | undefined>,
  progress?: Progress,
): Promise<boolean> {
  const isToldBySectors = told !== undefined && told !== 0 && told % SECTOR === 0;
  if (lost.length >= SAMPLED || isToldBySectors) return true;
  if (lost.length === 0) return false;
  const { length, belongs, at, elements } = anchorsOf(await findKeys(source, lost, progress, await free()));
  const places = new Uint8Array(lost.length);
  for (const n of elements) if (places[n] < 255) places[n]++;
  const distances = new Set<number>();
  for (let n = 0; n < length; n++) {
    const distance = belongs[n] - at[n] - missing;
    // A key that stands at many places, such as a number, is at one of them by chance.
    if (distance === 0 || places[elements[n]] > weights.align.likelyPlaces) continue;
    if (distance % SECTOR === 0 || distances.has(distance)) return true;
    distances.add(distance);
  }
  return false;
}

/** Ranges of the file between two cores, and as much beside them as a core may have too much. */
function rangesBetween(cores: readonly Core[], size: number): RangeList {
  const inFile = inFileOrder(cores);
  const ranges = inFile.flatMap((core, n) => {
    const next = inFile[n + 1];
    const from = Math.max(0, presentEnd(core) - AROUND);
    const to = Math.min(size, (next === undefined ? size : presentStart(next)) + AROUND);
    return to > from ? [{ offset: from, length: to - from }] : [];
  });
  const to = Math.min(size, presentStart(inFile[0]) + AROUND);
  return joinRanges([{ offset: 0, length: to }, ...ranges]);
}

/** Returns true for an element between two cores, or whose key belongs between two cores. */
function betweenCores(cores: readonly Core[]): (at: number, pointer: number) => boolean {
  const inFile = inFileOrder(cores);
  const [ends, presentEnds] = [
    Float64Array.from(cores, (one) => one.end),
    Float64Array.from(inFile, presentEnd),
  ];
  return (at, pointer) => {
    const [here, there] = [inFile[firstAfter(presentEnds, at)], cores[firstAfter(ends, pointer)]];
    return here === undefined || at < presentStart(here) || there === undefined || pointer < there.start;
  };
}

/**
 * Distances that the bytes of a range may have: those of the cores there and beside it, and those between the
 * lowest and the highest of them, by sectors if they differ by whole sectors.
 */
function distancesIn(cores: readonly Core[], offset: number, length: number): number[] {
  const before = cores.filter(({ start }) => start <= offset).length - 1;
  const behind = cores.filter(({ start }) => start < offset + length).length;
  const own = cores.slice(Math.max(0, before), behind + 1).map(({ distance }) => distance);
  const [least, most] = [Math.min(...own), Math.max(...own)];
  const between: number[] = [];
  const unit = (most - least) % SECTOR === 0 ? SECTOR : 1;
  if (most - least <= MOST_BETWEEN * unit) {
    for (let one = least; one < most; one += unit) between.push(one);
  }
  return [...new Set([...own, ...between])];
}

function together(a: Anchors, b: Anchors): Anchors {
  const join = <T extends Float64Array | Float32Array | Int32Array>(into: T, one: T, other: T): T => {
    into.set(one.subarray(0, a.length));
    into.set(other.subarray(0, b.length), a.length);
    return into;
  };
  const length = a.length + b.length;
  return {
    length,
    belongs: join(new Float64Array(length), a.belongs, b.belongs),
    at: join(new Float64Array(length), a.at, b.at),
    sizes: join(new Int32Array(length), a.sizes, b.sizes),
    elements: join(new Int32Array(length), a.elements, b.elements),
    weights: join(new Float32Array(length), a.weights, b.weights),
  };
}

/**
 * Returns the distances that are likely at each file offset: in a core its own, and between two cores those of both and
 * those between them on which some elements there agree, as where bytes are missing at two places of one bucket.
 *
 * @param told distance of the end of the file, if the header gives it
 */
function likelyDistances(
  cores: readonly Core[],
  elements: CandidateList,
  directory: Float64Array,
  places: BucketPlaces,
  told: number | undefined,
): Distances {
  const bits = Math.log2(directory.length);
  const inFile = inFileOrder(cores);
  const starts = Float64Array.from(inFile, presentStart);
  const votes = inFile.map(() => new Votes());
  // Between pieces that changed their order, no distance lies between theirs.
  const follower = new Map(cores.map((core, n) => [core, cores[n + 1]]));
  const coreBefore = (offset: number) => firstAfter(starts, offset) - 1;
  for (let n = 0; n < elements.length; n++) {
    const at = elements.at[n];
    const before = coreBefore(at);
    if (before < 0 || before + 1 === inFile.length || at < presentEnd(inFile[before])) continue;
    const { distance: a } = inFile[before];
    const { distance: b } = inFile[before + 1];
    if (directory.length === 0 || inFile[before + 1] !== follower.get(inFile[before])) continue;
    const hash = elements.hashes[n];
    for (const place of places.near(directory[slotOf(hash, bits)], hash)) {
      const distance = place - at;
      if (distance > Math.min(a, b) && distance < Math.max(a, b)) votes[before].add(distance);
    }
  }
  const between = votes.map((some, n) => [
    inFile[n].distance,
    ...inFile.slice(n + 1, n + 2).map(({ distance }) => distance),
    ...(n + 1 === inFile.length && told !== undefined ? [told] : []),
    ...some.all().flatMap(([distance, count]) => (count > 1 ? [distance] : [])),
  ]);
  return (offset) => {
    const before = coreBefore(offset);
    if (before < 0) return [inFile[0].distance];
    return offset < presentEnd(inFile[before]) ? [inFile[before].distance] : between[before];
  };
}

/** The elements whose key stands somewhere, and those whose key is too short for a search; the others are hardly any. */
function named(all: CandidateList, anchors: Anchors): { elements: CandidateList; anchors: Anchors } {
  const isNamed = new Uint8Array(all.length);
  for (const n of anchors.elements) isNamed[n] = 1;
  const numbers = new Int32Array(all.length);
  const elements = new CandidateList();
  for (let n = 0; n < all.length; n++) {
    if (isNamed[n] === 0 && all.sizes[n] >= SHORTEST) continue;
    numbers[n] = elements.length;
    elements.push(all.at[n], all.hashes[n], all.offsets[n], all.sizes[n], all.starts[n]);
  }
  return { elements, anchors: { ...anchors, elements: anchors.elements.map((n) => numbers[n]) } };
}

/** Returns true if no structure is missing from its place, and the header confirms the file's size. */
function isInPlace(
  { source, header, headerLost }: Database,
  { sites, stale, claims }: SearchedSurvey,
  { hasMisfit }: Examination,
): boolean {
  const isOrphaned =
    claims.open().next().done !== true ||
    stale.some(({ state }) => state === 'sound') ||
    sites.some(({ state }) => state !== 'sound');
  return !hasMisfit && !isOrphaned && !headerLost && header.next_block <= source.size;
}
