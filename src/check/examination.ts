import { cutElementsOf } from '../database/cutelements.js';
import type { Database } from '../database/database.js';
import { mayBeCut } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import type { Survey } from '../database/survey.js';
import { isOutdated, rulerOf } from '../database/survey.js';
import { HASH_BITS } from '../format/hash.js';
import { examineByElement, isHeadTold, KEY_BUDGET } from './bucket.js';
import { KeyBudget } from './key.js';
import type { WaitingKeys } from './keymarks.js';
import { waitingKeys } from './keymarks.js';
import { APART, ElementMarks, KEPT, MARKED, READ, REPEATS, SIGNED, START, UNSIGNED } from './marks.js';
import { SiteReader } from './bucketreader.js';
import type { BucketWords } from '../format/bucketwords.js';
import { SHARED } from './parts.js';
import type { RecordRuns } from './space.js';
import { planRegions, RecordHistogram } from './regions.js';
import { SharedHashes, TwinFilter, RepeatFinder } from './duplicates.js';

/** Elements whose keys are read in one pass: 20 bytes each. */
const HELD = 1 << 19;

/** What looking at every bucket and the key of every element gave. */
export interface Examination {
  readonly marks: ElementMarks;
  /** Elements that prove a record. */
  readonly records: number;
  /** Bytes of their keys and values. */
  readonly bytes: number;
  /** Records whose key gives its hash with a signed char only, and with an unsigned one only. */
  readonly signed: number;
  readonly unsigned: number;
  /** Whether a key that was read does not give its element's hash. */
  readonly hasMisfit: boolean;
  /** Where the records are; undefined where two share a byte, or that was not found out. */
  readonly runs: RecordRuns | undefined;
}

/** A survey, with what was found out of its elements if they were examined. */
export interface ExaminedSurvey extends Survey {
  readonly examination?: Examination | undefined;
}

/** Whether a site is examined by lists of numbers; what is damaged is examined element by element. */
export function isPlain({ state }: BucketSite): boolean {
  return state === 'sound' || state === 'headless';
}

/**
 * Examines every bucket of a survey and each key against its element, and says of each element whether it proves a
 * record and whether there is anything to tell about it; {@link judgeSites} then tells it. The buckets are read in their
 * order, the keys in order of their offsets, and nothing is made for an element that is in order: a damaged file takes
 * little more time than a sound one. Memory: a byte and a bit
 * for each element of a bucket, 20 bytes for each of {@link HELD} elements, two for each that shares its hash.
 *
 * @param held elements remembered at a time, where fewer are wanted
 * @throws SourceError if the source cannot be read
 */
export async function examine(db: Database, survey: Survey, held = HELD): Promise<Examination> {
  const { sites } = survey;
  // One for all passes: its memory, for each part of a large file, would be garbage of some MiB.
  const reader = new SiteReader(db);
  const { elements } = reader;
  const marks = new ElementMarks(sites.length, elements);
  const plain = sites.reduce((sum, site) => sum + (isPlain(site) ? site.used : 0), 0);
  const ordinals = sites.length * elements;
  // More than are held at a time are taken by parts of the file.
  const waiting = plain <= held ? waitingKeys(db.source, plain, ordinals) : undefined;
  const histogram = new RecordHistogram(db.source.size);
  const shared = new SharedHashes(sites.length, elements);

  // 1. What the buckets say themselves.
  await readFields(db, survey, reader, { marks, keys: waiting, shared, histogram });

  // 2. The keys, a part of the file at a time.
  const twins = new TwinFilter(shared.count);
  let hasMisfit = false;
  const take = (at: number, flags: number, hash: number, digest: number): boolean => {
    const fits = (flags & (SIGNED | UNSIGNED)) !== 0;
    if (!fits) hasMisfit = true;
    marks.flags[at] |= !fits || (flags & START) !== 0 ? flags | MARKED : flags;
    if (fits && hash < 0) twins.add(hash & ~SHARED, digest);
    return fits && (marks.flags[at] & APART) === 0;
  };
  // Where more elements point at one place than are held there are no parts, and they are taken as they come.
  const regions = planRegions(histogram, Math.min(held, plain));
  const keys = waiting ?? waitingKeys(db.source, held, ordinals, regions && histogram.widest(regions));
  if (regions?.length === 1 && waiting?.length === histogram.records) await keys.read(take, true);
  else {
    keys.clear();
    for (const { from, to } of regions ?? [{ from: 0, to: db.source.size + 1 }]) {
      for (const [s, site] of sites.entries()) {
        if (!isPlain(site)) continue;
        const words = await reader.readBetween(site, from, to);
        for (let n = 0; n < words.usedCount; n++) {
          const i = words.used[n];
          const at = s * elements + i;
          if ((marks.flags[at] & READ) === 0) continue;
          if (keys.add(words, i, shared.has(s, i), at)) continue;
          await keys.read(take, false);
          keys.add(words, i, shared.has(s, i), at);
        }
      }
      await keys.read(take, regions !== undefined);
    }
  }

  // 3. Keys that are there twice, and what that makes of each element.
  const counted = { records: 0, bytes: 0, signed: 0, unsigned: 0 };
  const count = (flags: number, size: number) => {
    counted.records++;
    counted.bytes += size;
    if ((flags & (SIGNED | UNSIGNED)) === SIGNED) counted.signed++;
    if ((flags & (SIGNED | UNSIGNED)) === UNSIGNED) counted.unsigned++;
  };
  let { runs } = keys;
  const suspects = twins.suspects();
  const repeats = new RepeatFinder(db.source, marks, (hash) => suspects?.has(hash) ?? true);
  for (const [s, site] of sites.entries()) {
    if (!isPlain(site)) continue;
    const words = await reader.read(site);
    if (suspects?.size !== 0) await repeats.mark(s, words);
    for (let n = 0; n < words.usedCount; n++) {
      const i = words.used[n];
      const at = s * elements + i;
      const flags = marks.flags[at];
      if ((flags & READ) === 0 || (flags & (SIGNED | UNSIGNED)) === 0) continue;
      if ((flags & REPEATS) !== 0) runs = undefined;
      if ((flags & (REPEATS | APART)) !== 0) continue;
      marks.flags[at] |= KEPT;
      marks.kept[s]++;
      count(flags, words.keySizes[i] + words.dataSizes[i]);
    }
    markSite(marks, s);
  }

  // 4. Damaged buckets, element by element.
  const damaged = [...sites.keys()].filter((s) => !isPlain(sites[s]));
  let next = 0;
  for await (const { records, rejected } of examineByElement(
    db,
    survey,
    damaged.map((s) => sites[s]),
  )) {
    const s = damaged[next++];
    marks.sites[s] = 1;
    marks.kept[s] = records.length;
    if (records.length > 0) runs = undefined;
    if (rejected.some(({ reason }) => reason === 'key')) hasMisfit = true;
    for (const { element, hashChar, keySize, dataSize } of records) {
      const flavours = hashChar === 'either' ? SIGNED | UNSIGNED : hashChar === 'signed' ? SIGNED : UNSIGNED;
      marks.flags[s * elements + element] |= KEPT | flavours;
      count(flavours, keySize + dataSize);
    }
  }
  return { marks, ...counted, hasMisfit, runs };
}

/** What the fields of elements go into. */
interface Taken {
  readonly marks: ElementMarks;
  readonly keys: WaitingKeys | undefined;
  readonly shared: SharedHashes;
  readonly histogram: RecordHistogram;
}

/** Looks at the head and the fields of every sound bucket, and takes the elements whose keys are to be read. */
async function readFields(
  db: Database,
  survey: Survey,
  reader: SiteReader,
  { marks, keys, shared, histogram }: Taken,
): Promise<void> {
  const { source, directory } = db;
  const { flags, elements } = marks;
  // Nearly always nothing is gone, and nobody needs to be asked for each element.
  const isShifted = db.missing !== 0 || db.fault !== undefined;
  const end = db.headerLost ? Number.POSITIVE_INFINITY : db.header.next_block;
  const shift = HASH_BITS - Math.log2(Math.max(1, directory.length));
  // Elements that stand alone may be many that lead to the same keys, and must not use up what buckets need.
  const budgets = {
    sound: new KeyBudget(KEY_BUDGET * source.size),
    loose: new KeyBudget(KEY_BUDGET * source.size),
  };
  for (const [s, site] of survey.sites.entries()) {
    if (!isPlain(site)) continue;
    const words = await reader.read(site);
    if (isHeadTold(db, site, reader.view)) marks.sites[s] = 1;
    shared.mark(words, s);
    const budget = site.state === 'sound' ? budgets.sound : budgets.loose;
    let before = usedBeforeFirst(words);
    const cut = cutElementsOf(db, site);
    if (cut !== undefined) marks.sites[s] = 1;
    for (let i = 0, at = s * elements; i < elements; i++, at++) {
      if (cut?.has(i) === true) {
        flags[at] = MARKED;
        // Nobody knows whether it was free.
        before = Math.min(before + 1, elements);
        continue;
      }
      if (words.isFree(i)) {
        before = 0;
        continue;
      }
      const run = before;
      if (before < elements) before++;
      const hash = words.hash(i);
      const pointer = words.pointer(i);
      const keySize = words.keySize(i);
      const dataSize = words.dataSize(i);
      const recordEnd = pointer + keySize + dataSize;
      if (hash < 0 || !(pointer >= 0 && keySize >= 0 && dataSize >= 0 && recordEnd <= source.size)) {
        flags[at] = MARKED;
        continue;
      }
      if (isShifted && mayBeCut(db, pointer, recordEnd)) {
        flags[at] = MARKED;
        continue;
      }
      if (recordEnd > end) flags[at] = MARKED;
      const isLed = directory.length > 0 && directory[hash >>> shift] === site.offset;
      if (isLed && (site.origin === 'directory' || !isOutdated(survey, hash >>> shift))) {
        const home = hash % elements;
        if ((i >= home ? i - home : i - home + elements) > run) flags[at] |= MARKED;
      } else {
        const ruler = rulerOf(survey, hash);
        if (ruler !== undefined && survey.sites[ruler] !== site) flags[at] |= MARKED | APART;
        else if (site.origin === 'directory') flags[at] |= MARKED;
      }
      if (!budget.allows(keySize)) {
        flags[at] |= MARKED;
        continue;
      }
      flags[at] |= READ;
      histogram.add(pointer);
      keys?.add(words, i, shared.has(s, i), at);
    }
  }
}

/** How many elements in use stand directly before the first, around the end. */
function usedBeforeFirst(words: BucketWords): number {
  const { elements } = words;
  let before = 0;
  while (before < elements && !words.isFree(elements - 1 - before)) before++;
  return before;
}

function markSite({ flags, sites, elements }: ElementMarks, s: number): void {
  for (let at = s * elements; at < (s + 1) * elements && sites[s] === 0; at++) {
    if ((flags[at] & MARKED) !== 0) sites[s] = 1;
  }
}
