import type { CheckResult, Proof, ProvedCheck } from './check/check.js';
import { judgeSites } from './check/bucket.js';
import { checkDatabase, checkEmpty, checkOther, checkExamined } from './check/check.js';
import type { ExaminedSurvey, Examination, OrderedExamination } from './check/examination.js';
import { accountFor } from './check/account.js';
import { directoryRuns } from './check/bucketreader.js';
import { examine, examineInOrder } from './check/examination.js';
import type { Judge } from './check/libgdbm.js';
import { correctHashes } from './check/wronghash.js';
import type { Database, MovedBytes } from './database/database.js';
import {
  missingAtStart,
  openDatabase,
  withDirectory,
  withoutDirectory,
  withoutLayout,
} from './database/database.js';
import { databasesOf } from './database/databases.js';
import { identifyOther, isDeclared } from './database/identify.js';
import { likelyTransforms, LOOKED_AT } from './database/transformed.js';
import type { Survey } from './database/survey.js';
import type { SpaceAccount } from './check/space.js';
import { isInOrder, isPlaced, survey } from './database/survey.js';
import type { SearchedSurvey } from './orphans/adopt.js';
import { adoptOrphans, atHome, damagedWithElements, isMisled, knownRanges } from './orphans/adopt.js';
import type { Candidate } from './orphans/candidates.js';
import { judgeBuckets } from './orphans/candidates.js';
import { findDirectoryOf } from './orphans/directory.js';
import { findOrphans } from './orphans/find.js';
import { listsBucket } from './orphans/free.js';
import { inferWithBuckets } from './orphans/infer.js';
import { withDirectoryTo } from './orphans/ledto.js';
import { mayBeNewer } from './orphans/newer.js';
import { inferByScan } from './orphans/missing.js';
import { findLayout } from './salvage/findlayout.js';
import type { Progress, Report } from './source/sweep.js';
import type { Range } from './source/ranges.js';
import type { Source } from './source/source.js';
import type { Transform } from './source/transforms.js';
import { exact, readUpTo } from './source/source.js';
import { weights } from './weights.js';

/** A database that is open for reading, sound or damaged, with every bucket that could be found. */
export interface Opened {
  readonly db: Database;
  /** The buckets; each of their elements was examined, unless only {@link search} was asked for them. */
  readonly survey: SearchedSurvey;
  /** The proof that all buckets and records are in order; undefined for a damaged database. */
  readonly proof?: Proof;
  /** Result of the check, if there is a proof. */
  readonly checked?: ProvedCheck['checked'];
  /** True if the whole file was searched, so that the survey includes the superseded buckets. */
  readonly scanned?: boolean;
}

/** An open database all of whose buckets and records are in order. */
export interface Proved extends Opened, ProvedCheck {
  readonly survey: SearchedSurvey & OrderedExamination;
  readonly proof: Proof;
  readonly checked: ProvedCheck['checked'];
}

/**
 * Opens a database. All of it is proved or else examined before the first record is given: in a file whose blocks changed
 * places a value may be another record's, though its key and its bucket are in order.
 *
 * @returns undefined if nothing in the file speaks for the format
 * @throws SourceError if the source cannot be read
 */
export async function open(source: Source, report?: Report): Promise<Opened | undefined> {
  return (await openProved(source, report)) ?? openSearched(source, report);
}

interface SearchOptions {
  /** Scans the whole file for superseded buckets, even if every hash has its bucket. */
  readonly old?: boolean;
  /** Changes of all bytes that are already undone. */
  readonly undone?: readonly Transform[];
}

/** Changes of all bytes that are undone one after the other. */
const MAX_TRANSFORMS = 2;

/**
 * Opens a file, sound or damaged, and finds its buckets: those that the directory leads to and, where it leads to
 * none for some hashes, those that a scan of the whole file finds. Blocks that changed places are read where they
 * belong.
 *
 * @returns undefined if nothing in the file speaks for the format
 * @throws SourceError if the source cannot be read
 */
export async function openSearched(
  source: Source,
  report?: Report,
  options: SearchOptions = {},
): Promise<Opened | undefined> {
  return (await openBest(source, report, options))?.opened;
}

/** A way to read a file. */
interface Reading {
  readonly opened: Opened;
  /** True if the file is sound but for changes of all its bytes, which are undone. */
  readonly isWhole: boolean;
}

/** Opens a file as it is, or with changes of all its bytes undone, whichever proves more. */
async function openBest(
  source: Source,
  report?: Report,
  options: SearchOptions = {},
): Promise<Reading | undefined> {
  let undone = await openUndone(source, false, report, options);
  if (undone?.isWhole === true) return undone;
  const arranged = await openArrangedBest(source, report, options);
  const opened = arranged && (await withTrueHashes(arranged, report, options));
  const score = opened === undefined ? 0 : scoreOf(opened);
  if ((opened === undefined || isHopeless(opened)) && (undone === undefined || isHopeless(undone.opened))) {
    const other = await openUndone(source, true, report, options);
    if (other !== undefined && scoreOf(other.opened) >= scoreOf(undone?.opened ?? other.opened))
      undone = other;
  }
  const least = score + (score === 0 ? 0 : weights.reading.ahead);
  if (undone !== undefined && scoreOf(undone.opened) > least) return undone;
  return opened && { opened, isWhole: false };
}

function isHopeless(opened: Opened): boolean {
  const used = opened.survey.sites.reduce((sum, site) => sum + site.used, 0);
  return recordsOf(opened) <= used * weights.reading.hopeless;
}

/**
 * Opens a file of which all bytes seem to be changed, as by a copy in text mode, with that undone. A file may have been
 * changed twice.
 *
 * @param isLastResort true if the file as it is proves next to no record, so that weak marks count
 * @returns the reading that proves most
 */
async function openUndone(
  source: Source,
  isLastResort: boolean,
  report?: Report,
  options: SearchOptions = {},
): Promise<Reading | undefined> {
  const { undone = [] } = options;
  const original = exact(source);
  const hasSwap = undone.some(({ isSwap }) => isSwap);
  const likely = undone.length < MAX_TRANSFORMS ? await likelyTransforms(original, isLastResort) : [];
  let best: Reading | undefined;
  for (const transform of likely.filter(({ isSwap }) => !(isSwap && hasSwap))) {
    report?.('undoing a change of all bytes', 0, original.size);
    const before = exact(await transform.undo(original));
    // Without a mark a search would be too much for what is hardly a database.
    if (isLastResort && !(await isPerhapsDatabase(before))) continue;
    const proved = await openProved(before, report);
    const isHealthy = proved?.checked.verdict === 'healthy';
    const found =
      proved === undefined || options.old === true
        ? await openBest(before, report, { ...options, undone: [...undone, transform] })
        : { opened: proved, isWhole: isHealthy };
    if (found === undefined) continue;
    const { db, survey, scanned } = found.opened;
    const transforms = [transform, ...(db.undone?.transforms ?? [])];
    const file = { original, source: db.undone?.source ?? before, transforms };
    // Without the proof and the check, which say that the file is sound.
    const opened = { db: { ...db, undone: file }, survey, ...(scanned && { scanned }) };
    if (isHealthy || found.isWhole) return { opened, isWhole: true };
    if (best === undefined || scoreOf(opened) > scoreOf(best.opened)) best = { opened, isWhole: false };
  }
  return best;
}

/** Returns true if a search for a database in a file may find one, and for a file so small that the search costs little. */
async function isPerhapsDatabase(source: Source): Promise<boolean> {
  return (
    source.size <= LOOKED_AT ||
    (await likelyTransforms(source)).length > 0 ||
    (await databasesOf(source)).length > 0 ||
    (await inferWithBuckets(source)) !== undefined
  );
}

/** The same database, read with the right hash where an element's hash alone is wrong. */
async function withTrueHashes(
  found: Opened,
  report?: Report,
  { old = false }: SearchOptions = {},
): Promise<Opened> {
  const { survey } = found;
  const { examination } = survey;
  if (examination === undefined) return found;
  const db = await correctHashes(found.db, survey, examination);
  if (db === undefined) return found;
  const progress = progressTo(report);
  // A wrong hash may have given a bucket with few elements a wrong range of hashes.
  const again = survey.sites.every(isPlaced)
    ? { db, survey: { ...survey, examination: undefined } }
    : await search(db, progress('looking for buckets'), old);
  return examined(again, progress, report);
}

async function openArrangedBest(
  source: Source,
  report?: Report,
  { old = false }: SearchOptions = {},
): Promise<Opened | undefined> {
  const progress = progressTo(report);
  report?.('looking at the buckets', 0, source.size);
  const found = await openRead(exact(source), progress, report, takeExamined(source));
  if (found === undefined) return undefined;
  // The superseded buckets are added last, so that the option does not change how the file is read.
  return old ? scannedWhole(found, progress) : found;
}

/** Reads a file in the way that keeps most records; where one keeps none, the next best is tried. */
async function openRead(
  source: Source,
  progress: (step: string) => Progress,
  report?: Report,
  earlier?: FirstExamination,
): Promise<Opened | undefined> {
  const first = await openExamined(source, progress, report, undefined, earlier);
  if (first === undefined) return undefined;
  const found = await openMoved(first, progress, report);
  // Whole buckets that the directory leads to, without an element, are an empty database.
  if (recordsOf(found) > 0 || isInOrder(found.survey)) return found;
  for (const other of otherReadings(first.db, progress)) {
    const db = await other();
    if (db === undefined) continue;
    const searched = await examined(await search(db, progress('looking for buckets')), progress, report);
    const read = await openMoved(searched, progress, report);
    if (recordsOf(read) > 0) return read;
  }
  return found;
}

/** Other ways to read a file, the most likely one first: without its directory, and without its header. */
function otherReadings(
  db: Database,
  progress: (step: string) => Progress,
): (() => Promise<Database | undefined>)[] {
  const readings: (() => Promise<Database | undefined>)[] = [];
  if (db.directory.length > 0) readings.push(async () => withoutDirectory(db));
  if (!db.headerLost) readings.push(() => inferByScan(db.source, progress('looking for the format')));
  return readings;
}

/** The file as it is, or as it was before bytes were lost, put in or moved, whichever proves more. */
async function openMoved(
  found: Opened,
  progress: (step: string) => Progress,
  report?: Report,
): Promise<Opened> {
  const { db } = found;
  // Without the beginning, nothing tells the file's own bytes from those of a database in one of its values.
  const isInDoubt = missingAtStart(db) > 0 && recordsOf(found) > 0;
  if (isInDoubt && (await databasesOf(withoutLayout(db))).length > 0) return found;
  report?.('looking for moved bytes', 0, db.source.size);
  const layout = await findLayout(found, progress('looking for moved bytes'));
  if (layout === undefined) return found;
  const again = await openExamined(layout.source, progress, report, { layout });
  if (again === undefined) return found;
  // If the header confirms the size, one record may be behind the place and be found, and one at the place be lost.
  const { header, headerLost } = again.db;
  const isTold = !headerLost && layout.size === header.next_block && db.source.size !== header.next_block;
  if (scoreOf(again) > scoreOf(found) - (isTold ? 1 : 0)) return again;
  // Read as it is, the file may give values with bytes of others.
  const doubtful = await countDoubtful(again);
  return doubtful > 0 && recordsOf(again) + doubtful > recordsOf(found) + 1 ? again : found;
}

/** Number of records whose bytes are found, but may be others'. */
async function countDoubtful({ db, survey }: Opened): Promise<number> {
  if (survey.examination === undefined) return 0;
  let count = 0;
  for await (const { rejected } of judgeSites(db, survey, survey.examination)) {
    count += rejected.filter(({ reason }) => reason === 'gone').length;
  }
  return count;
}

/** The same reading, with superseded buckets too. */
async function scannedWhole(found: Opened, progress: (step: string) => Progress): Promise<Opened> {
  if (found.scanned) return found;
  const { db, survey } = found;
  return { ...found, survey: await withOld(db, survey, progress('looking for buckets')), scanned: true };
}

/** Returns a function that makes the progress callback of each step. */
function progressTo(report: Report | undefined): (step: string) => Progress {
  return (step) => (done, all) => report?.(step, done, all);
}

/** Number of records that are proved. */
function recordsOf({ survey }: Opened): number {
  return survey.examination?.records ?? 0;
}

/** Number of proved records in buckets that the directory leads to. */
function pointedToRecordsOf({ survey: { sites, examination } }: Opened): number {
  if (examination === undefined) return 0;
  const { kept } = examination.marks;
  return sites.reduce((sum, { origin }, s) => (origin === 'directory' ? sum + kept[s] : sum), 0);
}

/** Score of a reading: records that the directory leads to count twice, because none of them is old. */
function scoreOf(found: Opened): number {
  return recordsOf(found) + pointedToRecordsOf(found);
}

/** Opens a file as {@link openAsItIs} does, and examines what was found. */
async function openExamined(
  source: Source,
  progress: (step: string) => Progress,
  report?: Report,
  moved?: MovedBytes,
  first?: FirstExamination,
): Promise<Opened | undefined> {
  const opened = await openAsItIs(source, progress, moved, first);
  return opened && examined(opened, progress, report);
}

/** Examines every element of the buckets once, for all later questions. */
async function examined(
  { db, survey, scanned }: Opened,
  progress: (step: string) => Progress,
  report?: Report,
): Promise<Opened> {
  // No more claims follow.
  survey.claims.release();
  report?.('examining elements', 0, db.source.size);
  const examination = survey.examination ?? (await examine(db, survey));
  if (isInOrder(survey) && (await hasDeeperBucket(db, survey, examination))) {
    const { sites, siteOfSlot, claims } = survey;
    const again = await searchAll(db, { sites, siteOfSlot, claims }, progress('looking for buckets'));
    if (again.survey.sites.some(({ state }) => state === 'outdated')) {
      return { ...again, survey: { ...again.survey, examination: await examine(db, again.survey) } };
    }
  }
  return { db, survey: { ...survey, examination }, ...(scanned && { scanned }) };
}

/**
 * Returns true if a bucket lacks so many of its keys that it may be an old one; a lost block has only a few of each.
 */
function hasOldBucket({ sites }: SearchedSurvey, { marks }: Examination): boolean {
  return sites.some(
    ({ used }, s) => used > marks.kept[s] && used - marks.kept[s] >= used * weights.bucket.missingKeys,
  );
}

/** Returns true if a bucket to which an old directory would not lead may be in space that nothing uses. */
async function hasDeeperBucket(
  db: Database,
  survey: SearchedSurvey,
  examination: Examination,
): Promise<boolean> {
  const buckets = directoryRuns(db);
  if (buckets === undefined) return true;
  const { account } = await accountFor(db, survey, examination);
  const isOld = hasOldBucket(survey, examination);
  return mayBeNewer(db, buckets, isOld ? account.unused() : unlistedSpace(db, account));
}

/** Space that nothing uses, and that the lists of free space do not have if the header leads to them. */
function unlistedSpace({ headerLost }: Database, account: SpaceAccount): Iterable<Range> {
  return headerLost ? account.unused() : account.gaps;
}

/**
 * Opens a file and finds its buckets.
 *
 * @param moved displaced bytes of a source that is already corrected
 * @param first its examination, if each of its buckets is in its place
 * @returns undefined if nothing speaks for the format, or if a corrected source would be read in another way than the
 *   one by which the displaced bytes were found
 */
async function openAsItIs(
  source: Source,
  progress: (step: string) => Progress,
  moved?: MovedBytes,
  first?: FirstExamination,
): Promise<Opened | undefined> {
  const opened =
    first?.db ?? (await openDatabase(source)) ?? (await openLost(source, progress('looking for the format')));
  if (opened === undefined || (moved !== undefined && opened.layout !== undefined)) return undefined;
  const db = { ...opened, ...moved };
  const found = await search(db, progress('looking for buckets'), false, first?.ordered);
  if (db.headerLost || !isDoubtful(found)) return found;
  // A header that leads to nothing may itself be wrong.
  const other = await inferByScan(source, progress('looking for the format'));
  if (other === undefined || (moved !== undefined && other.layout !== undefined)) return found;
  const again = await search({ ...other, ...moved }, progress('looking for buckets'));
  const [before, now] = [standing(found.survey), standing(again.survey)];
  return now.whole > before.whole || (before.whole + before.loose === 0 && now.loose > 0) ? again : found;
}

/**
 * Returns true if the directory leads to no bucket, and most elements stand outside whole buckets or there is no
 * whole bucket and little evidence.
 */
function isDoubtful({ db, survey }: Opened): boolean {
  if (atHome(survey) > 0) return false;
  const { whole, loose } = standing(survey);
  return loose > whole || (whole === 0 && db.confidence < weights.reading.believed);
}

/** Counts the elements in whole buckets, in force or old, and those that stand alone. */
function standing({ sites, stale }: SearchedSurvey): { whole: number; loose: number } {
  let whole = 0;
  let loose = 0;
  for (const { state, used } of [...sites, ...stale]) {
    if (state === 'sound') whole += used;
    else if (state === 'headless') loose += used;
  }
  return { whole, loose };
}

/**
 * Finds and examines the buckets of an open database as {@link openSearched} does, but does not look for moved blocks
 * and missing bytes.
 *
 * @throws SourceError if the source cannot be read
 */
export async function searchExamined(db: Database, report?: Report): Promise<Opened> {
  const progress = progressTo(report);
  return withTrueHashes(
    await examined(await search(db, progress('looking for buckets')), progress, report),
    report,
  );
}

/**
 * Finds the buckets of an open database, and its directory if it is lost.
 *
 * @param known its survey, if it is known, with an examination that is right if no other buckets are found
 */
export async function search(
  db: Database,
  progress?: Progress,
  old = false,
  known?: ExaminedSurvey,
): Promise<Opened> {
  const first = known ?? (await survey(db));
  if (isInOrder(first) && !(await listsBucket(db, first.sites))) {
    return old
      ? { db, survey: await withOld(db, first, progress), scanned: true }
      : { db, survey: { ...first, stale: [] } };
  }
  const { sites, siteOfSlot, claims } = first;
  return searchAll(db, { sites, siteOfSlot, claims }, progress);
}

/** Finds the buckets by a scan of the whole file. */
async function searchAll(db: Database, first: Survey, progress?: Progress): Promise<Opened> {
  const { source, format, geometry } = db;
  const misled = isMisled(first);
  const known = misled ? [] : knownRanges(db, first);
  const found = await findOrphans(source, format, geometry.bucketSize, known, headerEnd(db), progress);
  const whole = async (db: Database, survey: Survey, judged?: readonly Candidate[]) => ({
    db,
    survey: await adoptOrphans(db, survey, found, judged),
    scanned: true,
  });
  const hasDirectory = db.directory.length > 0 && !misled;
  if (hasDirectory && atHome(first) > 0) return whole(db, first);
  const buckets = await judgeBuckets(db, found.buckets);
  const proved = buckets.filter(
    ({ site, proved }) => site.used > 0 && proved >= weights.bucket.enoughProved,
  ).length;
  // A false directory leads to few places, and to no bucket.
  if (hasDirectory && proved <= damagedWithElements(db, first, found.loose)) return whole(db, first, buckets);
  const place = await findDirectoryOf(db, buckets, progress);
  if (place !== undefined) {
    const other = await withDirectory(db, place);
    const second = await survey(other);
    if (!isMisled(second) && atHome(second) > atHome(first)) return whole(other, second, buckets);
  }
  // A misleading directory is worse than none.
  const lost = withoutDirectory(db);
  return whole(lost, await survey(lost), buckets);
}

/** Bytes at the beginning that are certainly the header's, and no bucket's. */
function headerEnd({ headerLost, geometry }: Database): number {
  return headerLost ? 0 : geometry.blockSize;
}

/** A complete survey, with all other buckets that a scan finds as superseded ones. */
async function withOld(db: Database, first: Survey, progress?: Progress): Promise<SearchedSurvey> {
  const { source, format, geometry } = db;
  const known = knownRanges(db, first);
  const found = await findOrphans(source, format, geometry.bucketSize, known, headerEnd(db), progress);
  const { sites, stale } = await adoptOrphans(db, first, found);
  return { ...first, stale: [...stale, ...sites.slice(first.sites.length)] };
}

/** Infers the format by a scan. A file of another declared kind is not searched, because its contents are its own. */
async function openLost(source: Source, progress: Progress): Promise<Database | undefined> {
  if (isDeclared(identifyOther(await readUpTo(source, 0, 4096)))) return undefined;
  return inferByScan(source, progress);
}

/**
 * Opens a database and proves that its buckets and records are all in order, also one whose header is lost, if its
 * directory is whole.
 *
 * @returns undefined if they are not; {@link openSearched} then finds what is there
 * @throws SourceError if the source cannot be read
 */
export async function openProved(
  source: Source,
  report?: Report,
  judge?: Judge,
): Promise<Proved | undefined> {
  examinations.delete(source);
  const db = (await openDatabase(source)) ?? (await openWithout(exact(source), report));
  if (db === undefined) return undefined;
  const ordered = await examineInOrder(db);
  if (!db.headerLost) examinations.set(source, { db, ordered });
  if (ordered === undefined) return undefined;
  const proved = await checkExamined(db, ordered, judge);
  if (proved === undefined) return undefined;
  const { buckets, account } = proved.proof;
  // All keys may be in their places in a file that was changed as a whole, but not its size.
  const isOfItsSize = db.headerLost || db.header.next_block === db.source.size;
  if (!isOfItsSize && (await likelyTransforms(db.source)).length > 0) return undefined;
  // A proof reads no values, so it does not notice zeros in place of an unreadable one.
  if ((db.source.unreadable?.() ?? []).length > 0) return undefined;
  // A directory that was not written leads to an older state that is whole.
  if (await mayBeNewer(db, buckets, unlistedSpace(db, account))) return undefined;
  examinations.delete(source);
  const { sites, siteOfSlot, examination } = ordered;
  const survey = {
    sites,
    siteOfSlot,
    // Made on demand, as those of `ordered` are.
    get claims() {
      return ordered.claims;
    },
    examination,
    stale: [],
  };
  return { db, survey, ...proved };
}

/** Results of attempts at a proof, kept so that the search that follows a failed one need not start again. */
const examinations = new WeakMap<Source, FirstExamination>();

interface FirstExamination {
  readonly db: Database;
  /** Undefined if a bucket is not in its place. */
  readonly ordered: OrderedExamination | undefined;
}

function takeExamined(source: Source): FirstExamination | undefined {
  const first = examinations.get(source);
  examinations.delete(source);
  return first;
}

/**
 * The buckets of a database that was proved to be in order, as {@link openSearched} finds them: without a header the whole
 * file is scanned for superseded ones.
 */
export async function searchedProved(opened: Opened): Promise<Opened> {
  const { db, survey, proof } = opened;
  if (proof === undefined || !db.headerLost) return opened;
  const found = await search(db, undefined, true, survey);
  const { examination } = found.survey;
  return {
    ...opened,
    survey: { ...found.survey, examination: examination ?? (await examine(db, found.survey)) },
  };
}

/** A database without its header, with the directory that leads to its buckets. */
async function openWithout(source: Source, report?: Report): Promise<Database | undefined> {
  if (source.size === 0 || isDeclared(identifyOther(await readUpTo(source, 0, 4096)))) return undefined;
  const progress = progressTo(report);
  const inferred = await inferWithBuckets(source, progress('looking for the format'));
  return inferred && withDirectoryTo(inferred, progress('looking for the directory'));
}

/**
 * Checks a file: every structure, every element, every key, every byte. Reads only.
 *
 * @param judge the machine whose libgdbm will use the file; without it only the structure is judged
 * @throws SourceError if the source cannot be read
 */
export async function check(source: Source, report?: Report, judge?: Judge): Promise<CheckResult> {
  if (source.size === 0) return checkEmpty();
  const proved = await openProved(source, report, judge);
  if (proved !== undefined) return proved.checked;
  const found = await openSearched(source, report);
  if (found === undefined) return checkOther(exact(source), judge);
  return checkDatabase(found.db, found.survey, undefined, judge);
}
