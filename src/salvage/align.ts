import { accountFor } from '../check/account.js';
import { judgeSites } from '../check/bucket.js';
import { examine } from '../check/examination.js';
import type { Database } from '../database/database.js';
import { HEADER_BYTES, weighHeader } from '../database/evidence.js';
import { missingAtStart, openDatabase, placeNow, withoutLayout } from '../database/database.js';
import { CandidateList } from '../orphans/candidatelist.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { Votes } from '../orphans/votes.js';
import { MAX_DIRECTORY_BITS, MIN_DIRECTORY_BITS, slotOf } from '../format/directory.js';
import type { DirectoryPlace, Header } from '../format/header.js';
import { offsetSize } from '../format/format.js';
import { viewOf } from '../format/struct.js';
import { headerStruct } from '../format/header.js';
import { firstAfter, firstIndex, salted } from '../numbers.js';
import type { Piece, Seam } from '../source/layout.js';
import { Layout } from '../source/layout.js';
import type { Range, RangeList } from '../source/ranges.js';
import { firstEndingAfter } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { readUpTo } from '../source/source.js';
import type { Progress } from '../source/sweep.js';
import { joinRanges } from '../source/sweep.js';
import type { Anchors, Distances } from './anchors.js';
import {
  BucketPlaces,
  findElements,
  findKeys,
  placeElements,
  placeEntries,
  placeKeys,
  SHORTEST,
} from './anchors.js';

/*
 * Finds the places of a file's bytes after some were lost, put in or moved.
 *
 * 1. Each anchor has a distance: the offset at which its bytes belong, less the offset at which they stand. Distances of
 *    a single anchor are dropped: an old copy of a key stands anywhere.
 * 2. In the order of the file, the anchors are chosen whose weights, less a cost for each change of the distance, sum up
 *    to the most. From these, the same is chosen in the order in which the bytes belong, so that no two runs of bytes
 *    belong at one place.
 * 3. Runs of anchors with one distance are the cores of the pieces. All bytes of a core are proved to be in their place.
 * 4. Between two cores that belong one behind the other lies a seam. Its place is known as far as the cores allow, and
 *    to a multiple of a sector if the distances differ by whole sectors. The bytes about whose place the possible seams
 *    differ are in doubt.
 */

/** Weight of an anchor that makes up for one change of the distance and a half; measured on a file in 5 to 60 pieces. */
const CHANGE = 1.5;
/** The same for a change by whole sectors, by which a key is displaced by chance only. */
const CHANGE_BY_SECTORS = 0.75;
/** Weight of a key that shows alone that a block moved: more than two changes by sectors. */
const ALONE = 1.6;
/** Unit in bytes in which a drive or a copy loses, repeats or moves data. */
const SECTOR = 512;
/** Score of a header, of at most 19, from which the file is taken to begin with it. */
const BELIEVED = 12;
/** Number of elements that make a distance likely. */
const AGREEING = 3;
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
/** Maximum number of places of a key of which one may be its own. */
const MOST_LIKELY = 2;
/** Maximum number of pieces. */
const MOST_PIECES = 1 << 12;
/** Maximum number of bytes between two cores that are compared as either piece gives them. */
const MOST_COMPARED = 1 << 20;

/** Bytes that are proved to be displaced by one distance. */
interface Core {
  /** First offset at which they belong. */
  readonly start: number;
  /** Offset after the last one. */
  readonly end: number;
  /** Offset at which a byte belongs, less its present file offset. */
  readonly distance: number;
}

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
  if (isInPlace(db, survey)) return undefined;
  const { format } = db;
  const { size } = source;
  const [{ header, score }] = weighHeader(await firstBytes(source), size);
  const hasHeader = score >= BELIEVED && size >= HEADER_BYTES;
  // Behind the last key, the size that the header gives tells how many bytes are missing.
  const told = hasHeader && header.next_block <= 2 * size ? header.next_block - size : undefined;
  const end = hasHeader ? Math.min(Math.max(size, header.next_block), 2 * size) : 2 * size;
  const lost = await lostKeys(db, survey);
  const free = db.layout === undefined ? await unusedRanges(db, survey) : undefined;
  // If nothing is proved, the keys' elements may be elsewhere, too.
  const isRead = (survey.examination?.records ?? 0) > 0;
  if (isRead && !(await mayHaveMoved(source, lost, missingAtStart(db), told, free, progress)))
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
  const { elements, anchors } = named(all, await findKeys(source, all, progress));
  let keys = together(head, anchors);
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
    const found = named(more, await findKeys(source, more, progress, rangesBetween(cores, size)));
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
    const isInForce = (n: number) => {
      if (directory.length === 0) return true;
      const [at, hash] = [elements.at[n], elements.hashes[n]];
      const bucket = directory[slotOf(hash, bits)];
      return distances(at).some((distance) => places.has(bucket, hash, at + distance));
    };
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
      // Such a key alone is no evidence.
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
    weights: Float32Array.from(found, ({ at }) => (displaced.isGone(at) ? ALONE : 1)),
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
  /** For each anchor 1 if it is such a key and stands in one of the sectors. */
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
      isOne[n] === 1 && this.isGone(at[n]) && times[named[n]] === 1 ? ALONE : 1,
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
      sectors.add(Math.floor(placeNow(db, offset + at) / SECTOR));
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

/**
 * Finds the layout that explains most of some anchors.
 *
 * @returns undefined if all bytes are in their places, as far as the anchors tell
 */
export async function alignAnchors(source: Source, anchors: Anchors): Promise<Layout | undefined> {
  const cores = coresOf(anchors);
  return isMoved(cores) ? layOut(source, cores) : undefined;
}

/** The keys of elements in use that are not in their place, of very many the first. */
async function lostKeys(db: Database, survey: SearchedSurvey): Promise<CandidateList> {
  const examination = survey.examination ?? (await examine(db, survey));
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
async function unusedRanges(db: Database, survey: SearchedSurvey): Promise<RangeList> {
  const examination = survey.examination ?? (await examine(db, survey));
  const { account } = await accountFor(db, survey, examination);
  return [...account.unused()];
}

/**
 * Returns true if two lost keys stand elsewhere by one distance, or one by whole sectors, or if the file is whole sectors
 * shorter than its header says, or longer. Old copies of lost keys stand anywhere.
 *
 * @param missing distance of the bytes that are in place
 * @param free ranges of which nothing is in force, where bytes that moved stand
 */
async function mayHaveMoved(
  source: Source,
  lost: CandidateList,
  missing: number,
  told = 0,
  free?: RangeList,
  progress?: Progress,
): Promise<boolean> {
  if (lost.length >= SAMPLED || (told !== 0 && told % SECTOR === 0)) return true;
  if (lost.length === 0) return false;
  const { length, belongs, at, elements } = await findKeys(source, lost, progress, free);
  const places = new Uint8Array(lost.length);
  for (const n of elements) if (places[n] < 255) places[n]++;
  const distances = new Set<number>();
  for (let n = 0; n < length; n++) {
    const distance = belongs[n] - at[n] - missing;
    // A key that stands at many places, such as a number, is at one of them by chance.
    if (distance === 0 || places[elements[n]] > MOST_LIKELY) continue;
    if (distance % SECTOR === 0 || distances.has(distance)) return true;
    distances.add(distance);
  }
  return false;
}

/** Ranges of the file between two cores, and as much beside them as a core may have too much. */
function rangesBetween(cores: readonly Core[], size: number): RangeList {
  const inFile = [...cores].sort((a, b) => presentStart(a) - presentStart(b));
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
  const inFile = [...cores].sort((a, b) => presentStart(a) - presentStart(b));
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
  const inFile = [...cores].sort((a, b) => presentStart(a) - presentStart(b));
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
    ...some.all().flatMap(([distance, count]) => (count >= AGREEING ? [distance] : [])),
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

/** The bytes in which a header would be. */
async function firstBytes(source: Source): Promise<Uint8Array> {
  const head = new Uint8Array(HEADER_BYTES);
  head.set(await readUpTo(source, 0, HEADER_BYTES));
  return head;
}

/** Returns true if not all bytes are in their places. */
function isMoved(cores: readonly Core[]): boolean {
  return cores.length <= MOST_PIECES && cores.some(({ distance }) => distance !== 0);
}

/** Returns true if no structure is missing from its place, and the header confirms the file's size. */
function isInPlace({ source, header, headerLost }: Database, survey: SearchedSurvey): boolean {
  const { sites, stale, claims, examination } = survey;
  const isOrphaned =
    claims.open().next().done !== true ||
    stale.some(({ state }) => state === 'sound') ||
    sites.some(({ state }) => state !== 'sound');
  return examination?.hasMisfit === false && !isOrphaned && !headerLost && header.next_block <= source.size;
}

/**
 * Steps 1 to 3.
 *
 * @param told distance of the end of the file, if the header gives it: a single anchor may have it
 */
function coresOf({ length, belongs, at, sizes, weights }: Anchors, told = 0): Core[] {
  const votes = new Votes();
  for (let n = 0; n < length; n++) votes.add(belongs[n] - at[n]);
  const known = new Set([
    0,
    told,
    ...votes.all().flatMap(([distance, count]) => (count > 1 ? [distance] : [])),
  ]);
  for (let n = 0; n < length; n++) if (weights[n] > 1) known.add(belongs[n] - at[n]);
  const all = Uint32Array.from({ length }, (_, n) => n).filter((n) => known.has(belongs[n] - at[n]));
  const distanceOf = (n: number) => belongs[n] - at[n];
  const inFile = chain(all, at, distanceOf, weights);
  const chosen = chain(inFile, belongs, distanceOf, weights);

  const runs = runsOf(chosen, at, distanceOf);
  // Bytes that stand on both sides of a seam, each where they belong, do not tell where it is.
  const places = placesOfBytes(all, belongs, distanceOf);
  const isTwin = (n: number, distance: number) => places.get(belongs[n])?.includes(distance) === true;
  for (const [n, run] of runs.entries()) {
    const next = runs[n + 1];
    if (next === undefined) break;
    const [own, other] = [distanceOf(run[0]), distanceOf(next[0])];
    while (run.length > 1 && isTwin(run[run.length - 1], other)) run.pop();
    while (next.length > 1 && isTwin(next[0], own)) next.shift();
  }
  return runs.map((run, n) => {
    const end = run.reduce((last, one) => Math.max(last, belongs[one] + sizes[one]), 0);
    const next = runs[n + 1] === undefined ? Infinity : belongs[runs[n + 1][0]];
    // A core may name more bytes than are its own: the next one is where it is.
    return { start: belongs[run[0]], end: Math.min(end, next), distance: distanceOf(run[0]) };
  });
}

/** Anchors, in the order in which their bytes belong, in runs that have one distance and lie together in the file. */
function runsOf(chosen: Uint32Array, at: Float64Array, distanceOf: (anchor: number) => number): number[][] {
  const order = Uint32Array.from(chosen, (_, i) => i).sort((a, b) => at[chosen[a]] - at[chosen[b]]);
  const rank = new Uint32Array(chosen.length);
  for (const [place, i] of order.entries()) rank[i] = place;
  const runs: number[][] = [];
  for (const [i, n] of chosen.entries()) {
    const run = runs.at(-1);
    const isNext = run !== undefined && rank[i] === rank[i - 1] + 1;
    if (isNext && distanceOf(run[0]) === distanceOf(n)) run.push(n);
    else runs.push([n]);
  }
  return runs;
}

/** The distances of bytes that stand at several places, by the offset at which they belong. */
function placesOfBytes(
  some: Uint32Array,
  belongs: Float64Array,
  distanceOf: (anchor: number) => number,
): ReadonlyMap<number, readonly number[]> {
  const order = some.slice().sort((a, b) => belongs[a] - belongs[b]);
  const places = new Map<number, number[]>();
  for (const [i, n] of order.entries()) {
    if (i === 0 || belongs[order[i - 1]] !== belongs[n]) continue;
    const distances = places.get(belongs[n]) ?? [distanceOf(order[i - 1])];
    places.set(belongs[n], distances);
    if (!distances.includes(distanceOf(n))) distances.push(distanceOf(n));
  }
  return places;
}

/** Chooses those of some anchors that weigh most, less the cost of changes of the distance, in the order of `offsets`. */
function chain(
  some: Uint32Array,
  offsets: Float64Array,
  distanceOf: (anchor: number) => number,
  weights: Float32Array,
): Uint32Array {
  const order = some.slice().sort((a, b) => offsets[a] - offsets[b]);
  const sums = new Float64Array(order.length);
  const previous = new Int32Array(order.length);
  /** The best chain that ends with a distance, with one that differs from it by whole sectors, and with any. */
  const sameDistance = new Map<number, number>();
  const wholeSectors = new Map<number, number>();
  let best = -1;
  for (let from = 0, to: number; from < order.length; from = to) {
    const offset = offsets[order[from]];
    for (to = from; to < order.length && offsets[order[to]] === offset; to++) {
      const distance = distanceOf(order[to]);
      const part = remainder(distance);
      const ends: [number | undefined, number][] = [
        [sameDistance.get(distance), 0],
        [wholeSectors.get(part), CHANGE_BY_SECTORS],
        [best, CHANGE],
      ];
      let most = distance === 0 ? 0 : part === 0 ? -CHANGE_BY_SECTORS : -CHANGE;
      previous[to] = -1;
      for (const [n, cost] of ends) {
        if (n === undefined || n < 0 || sums[n] - cost < most) continue;
        most = sums[n] - cost;
        previous[to] = n;
      }
      sums[to] = most + weights[order[to]];
    }
    // At one place only one of them can be.
    for (let n = from; n < to; n++) {
      const distance = distanceOf(order[n]);
      const isBetter = (other: number | undefined) =>
        other === undefined || other < 0 || sums[n] > sums[other];
      if (isBetter(sameDistance.get(distance))) sameDistance.set(distance, n);
      if (isBetter(wholeSectors.get(remainder(distance)))) wholeSectors.set(remainder(distance), n);
      if (isBetter(best)) best = n;
    }
  }
  const chosen: number[] = [];
  for (let n = best; n >= 0; n = previous[n]) chosen.push(order[n]);
  return Uint32Array.from(chosen.reverse());
}

/** Step 4. */
async function layOut(source: Source, known: readonly Core[]): Promise<Layout> {
  const cores = closeCircles(known, source.size);
  const grown = growToSeams(cores, source.size);
  const seams = seamsOf(grown, source.size);
  const pieces: Piece[] = [];
  const doubts: Range[] = [];
  const room = new Room(grown, source.size);
  let start = Math.max(0, grown[0].start - room.before(0));
  if (start > 0) doubts.push({ offset: 0, length: start });
  for (const [n, one] of grown.entries()) {
    const seam = seams[n];
    const end = seam?.first ?? one.end + room.behindLast(pieces[0]?.at);
    pieces.push({ start, at: start - one.distance, length: end - start });
    if (seam === undefined) break;
    const gone = Math.max(0, seam.missing);
    start = seam.first + gone;
    doubts.push(...(await doubtsAt(source, one, grown[n + 1], seam, gone)));
  }
  return new Layout(source, pieces, seams, joined(doubts));
}

/** The bytes beside cores that are in no other core. */
class Room {
  readonly #cores: readonly Core[];
  /** Indexes of the cores in the order of the file. */
  readonly #inFile: Int32Array;
  /** For each core its place in that order. */
  readonly #placeOf: Int32Array;
  readonly #size: number;

  constructor(cores: readonly Core[], size: number) {
    this.#cores = cores;
    this.#size = size;
    this.#inFile = Int32Array.from(cores, (_, n) => n).sort(
      (a, b) => presentStart(cores[a]) - presentStart(cores[b]),
    );
    this.#placeOf = new Int32Array(cores.length);
    for (const [place, n] of this.#inFile.entries()) this.#placeOf[n] = place;
  }

  before(n: number): number {
    const place = this.#placeOf[n];
    const end = place === 0 ? 0 : presentEnd(this.#cores[this.#inFile[place - 1]]);
    return Math.max(0, presentStart(this.#cores[n]) - end);
  }

  behind(n: number): number {
    const next = this.#inFile[this.#placeOf[n] + 1];
    const start = next === undefined ? this.#size : presentStart(this.#cores[next]);
    return Math.max(0, start - presentEnd(this.#cores[n]));
  }

  /**
   * Room behind the core that belongs last.
   *
   * @param first present start of the first piece, which may stand behind the last one
   */
  behindLast(first: number | undefined): number {
    const n = this.#cores.length - 1;
    const isBesideFirst = this.#inFile[this.#placeOf[n] + 1] === 0;
    return first !== undefined && isBesideFirst ? first - presentEnd(this.#cores[n]) : this.behind(n);
  }

  /** Returns true if the next core in the order in which bytes belong is the next one in the file. */
  isBesideNext(n: number): boolean {
    return this.#placeOf[n + 1] === this.#placeOf[n] + 1;
  }
}

function seamsOf(cores: readonly Core[], size: number): Seam[] {
  const room = new Room(cores, size);
  return cores
    .slice(1)
    .map((other, n) =>
      seamBetween(cores[n], other, room.isBesideNext(n), room.behind(n), room.before(n + 1)),
    );
}

/**
 * The same cores, and those of blocks that moved in a circle and of which the others are known: the block that belongs
 * at a gap stands where the circle ends.
 */
function closeCircles(cores: readonly Core[], size: number): readonly Core[] {
  const grown = growToSeams(cores, size);
  const found: Core[] = [];
  for (const [n, { first, last, missing }] of seamsOf(grown, size).entries()) {
    const { distance } = grown[n];
    if (missing <= 0 || first !== last || grown[n + 1].distance !== distance) continue;
    const ownerOf = (offset: number) =>
      grown.find((core) => presentStart(core) <= offset && offset < presentEnd(core));
    let free = first - distance;
    let owner = ownerOf(free);
    for (let steps = 0; owner !== undefined && steps < grown.length; steps++) {
      free += owner.distance - distance;
      owner = ownerOf(free);
    }
    const isInside = free >= 0 && free + missing <= size;
    const isFree = grown.every((one) => presentEnd(one) <= free || presentStart(one) >= free + missing);
    const isMoved = free !== first - distance;
    if (isInside && isFree && isMoved)
      found.push({ start: first, end: first + missing, distance: first - free });
  }
  return [...cores, ...found].sort((a, b) => a.start - b.start);
}

/** The cores up to the seams whose place is known. These tell which of the bytes beside the cores are others'. */
function growToSeams(cores: readonly Core[], size: number): readonly Core[] {
  let grown = cores;
  for (let round = 0; round < ROUNDS; round++) grown = grow(grown, seamsOf(grown, size));
  return grown;
}

/** The same cores, each up to the seams whose place is known and at which nothing is missing. */
function grow(cores: readonly Core[], seams: readonly Seam[]): Core[] {
  const at = seams.map(({ first, last, missing }) => (first === last && missing === 0 ? first : undefined));
  return cores.map(({ start, end, distance }, n) => ({
    start: at[n - 1] ?? start,
    end: at[n] ?? end,
    distance,
  }));
}

const presentStart = ({ start, distance }: Core) => start - distance;
const presentEnd = ({ end, distance }: Core) => end - distance;

/**
 * Finds the places at which the bytes that belong to one core may end.
 *
 * @param isBeside whether no other core lies between them in the file
 * @param behind bytes behind the first core that are in no other one
 * @param before bytes in front of the second core that are in no other one
 */
function seamBetween(one: Core, other: Core, isBeside: boolean, behind: number, before: number): Seam {
  const between = other.start - one.end;
  const change = other.distance - one.distance;
  // A piece that moved leaves no gap, unless neither core has bytes for all that is between them.
  const missing =
    isBeside && other.distance !== one.distance ? change : Math.max(0, between - behind - before);
  const gone = Math.max(0, missing);
  const first = Math.max(one.end, other.start - gone - before);
  const last = Math.max(first, Math.min(other.start - gone, one.end + behind));
  if (change % SECTOR !== 0) return { first, last, missing };
  // Sectors may be those of the file as it was, or of the file as it is.
  const phases = [0, remainder(one.distance)];
  const starts = phases.map((phase) => Math.ceil((first - phase) / SECTOR) * SECTOR + phase);
  const ends = phases.map((phase) => Math.floor((last - phase) / SECTOR) * SECTOR + phase);
  const [from, to] = [Math.min(...starts), Math.max(...ends)];
  return from > to ? { first, last, missing } : { first: from, last: to, missing };
}

/** Bytes by which a distance is more than whole sectors. */
const remainder = (distance: number) => ((distance % SECTOR) + SECTOR) % SECTOR;

/** Bytes about whose place the possible places of a seam differ. */
async function doubtsAt(
  source: Source,
  one: Core,
  other: Core,
  { first, last }: Seam,
  gone: number,
): Promise<Range[]> {
  if (first === last && gone === 0) return [];
  const all = { offset: first, length: last + gone - first };
  if (gone > 0 || all.length > MOST_COMPARED) return [all];
  const mine = await source.read(first - one.distance, all.length);
  const others = await source.read(first - other.distance, all.length);
  const found: Range[] = [];
  for (let i = 0; i < all.length; i++) {
    if (mine[i] !== others[i]) found.push({ offset: first + i, length: 1 });
  }
  return found;
}

/** Ranges that touch as one. */
function joined(ranges: readonly Range[]): Range[] {
  const all: { offset: number; length: number }[] = [];
  for (const { offset, length } of ranges) {
    const last = all.at(-1);
    if (last !== undefined && offset <= last.offset + last.length) {
      last.length = Math.max(last.length, offset + length - last.offset);
    } else all.push({ offset, length });
  }
  return all;
}
