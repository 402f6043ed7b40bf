import type { CheckedDatabase, CheckResult } from '../check/check.js';
import { checkDatabase, checkEmpty, checkOther } from '../check/check.js';
import { lostRecords } from '../check/losses.js';
import { checkContents, collectLost, withProfile } from '../contents.js';
import type { HashClaims } from '../database/claims.js';
import type { Database } from '../database/database.js';
import { identifySource } from '../database/identify.js';
import type { Opened, Proved } from '../examine.js';
import { openProved, openSearched } from '../examine.js';
import { KEY_START } from '../format/bucket.js';
import type { LostElement } from '../profile/detect.js';
import type { ProfileResult } from '../profile/inspect.js';
import { checkProfile } from '../profile/inspect.js';
import type { LeaveOutRule, LeftOutReason } from '../profile/leaveout.js';
import { isPerhapsIntended, leaveOutRule } from '../profile/leaveout.js';
import { profileOf } from '../profile/profiles.js';
import type { CarvedFind } from '../salvage/carved.js';
import { carveUnknown, carveValues, recordsOf } from '../salvage/carved.js';
import { findOld } from '../salvage/old.js';
import type { OldRecord } from '../salvage/oldrecord.js';
import { isAddable } from '../salvage/oldrecord.js';
import { PlaceSet } from '../salvage/placeset.js';
import type { Addition, Provenance, SalvagedBatch, SalvagedRecord } from '../salvage/salvage.js';
import { ADDITIONS, provenanceOf } from '../salvage/salvage.js';
import { salvageStale } from '../salvage/stale.js';
import type { Source } from '../source/source.js';
import { exact } from '../source/source.js';
import type { Contents } from '../write/contents.js';
import { bareContents, eachNotKept, provedContents, salvagedContents } from '../write/contents.js';
import type { LostDetail, RepairOptions, SetAside } from './result.js';
import { additionsOf } from './result.js';

/** The examination of a file that is to be repaired. */
export interface Subject {
  readonly checked: CheckResult;
  /** Undefined for an empty file and for one that is not GDBM. */
  readonly db: Database | undefined;
  /** Set if all buckets and records are in order, so that no element needs to be examined by itself. */
  readonly proved?: Proved;
  /** Set if elements were examined one by one. */
  readonly searched: { readonly found: Opened; readonly checked: CheckedDatabase } | undefined;
  /** The contents of a fresh database; undefined where there is nothing to write. */
  readonly contents: Contents | undefined;
  /** Records that are no longer in force and are to be added. */
  readonly additions: Readonly<Record<Addition, number>>;
  readonly found: Record<Provenance, number>;
  /** Old records, where they are wanted: to be added, or for the quarantine. */
  readonly old: readonly OldRecord[];
  readonly carved: readonly CarvedFind[];
  readonly carvedRecords: SalvagedBatch;
  readonly uncoveredRanges: { first: number; end: number }[];
  readonly lostDetails: LostDetail[];
  readonly recoverable: RecoverableKeys;
  /** Elements of lost records, some of them, which help to find the profile. */
  readonly lostElements: LostElement[];
}

/** Lost records and ranges that are named one by one; the rest is counted. */
const DETAILS = 100;
/** Places of old records that are told apart while they are counted. */
const MAX_PLACES = 1 << 20;

/**
 * Examines a file, sound or damaged. A proof that all buckets and records are in order is enough, unless old records are
 * wanted.
 *
 * @param path a hint at the kind of a file that is no database
 * @throws SourceError if the source cannot be read
 */
export async function examineFile(source: Source, path: string, options: RepairOptions): Promise<Subject> {
  const { report, include = [] } = options;
  if (source.size === 0) {
    return { ...nothingFound(), checked: checkEmpty(), contents: bareContents(source, []) };
  }
  const isOldWanted = include.some((one) => one !== 'stale') || options.quarantine !== undefined;
  const proved = isOldWanted ? undefined : await openProved(source, report);
  if (proved !== undefined) {
    const { db, checked, proof } = proved;
    const nothing = nothingFound();
    const found = { ...nothing.found, live: proof.records };
    return { ...nothing, checked, db, proved, contents: provedContents(proved), found };
  }
  const searched = await openSearched(source, report, { old: isOldWanted });
  return searched === undefined
    ? examineUnknown(source, path, options)
    : examineSearched(searched, isOldWanted, options);
}

/** Examines a file that is no database: values of an unknown file may be carved if the user asks for it. */
async function examineUnknown(source: Source, path: string, options: RepairOptions): Promise<Subject> {
  const { report, include = [] } = options;
  const nothing = nothingFound();
  const checked = await checkOther(exact(source));
  const other = await identifySource(source, path);
  const subject = { ...nothing, checked: { ...checked, other } };
  // A file that declares another kind is left alone.
  if (!include.includes('carved') || other.kind !== 'unknown') return subject;
  const progress = (done: number, all: number) => report?.('looking for values by their shape', done, all);
  const carved = await carveUnknown(source, options.expectKeys, progress);
  const carvedRecords = await recordsOf(source, carved);
  return {
    ...subject,
    contents: carvedRecords.length === 0 ? undefined : bareContents(source, carvedRecords),
    additions: { ...noAdditions(), carved: carvedRecords.length },
    found: { ...nothing.found, carved: carved.length },
    carved,
    carvedRecords,
  };
}

/** Examines a database element by element, and looks for records that are lost or old. */
async function examineSearched(
  searched: Opened,
  isOldWanted: boolean,
  options: RepairOptions,
): Promise<Subject> {
  const { db, survey } = searched;
  const { report, include = [] } = options;
  const wanted = new Set<Provenance>(additionsOf(options));
  const { found } = nothingFound();
  const additions = noAdditions();
  const lostDetails: LostDetail[] = [];
  const lostElements: LostElement[] = [];
  const recoverable = new RecoverableKeys(survey.claims);

  // 1. The records in force, and the lost ones.
  const checked = await checkDatabase(db, survey, ({ site, kept, rejected }) => {
    found[provenanceOf(site)] += kept;
    collectLost(lostElements, rejected);
    // Nothing tells how many elements an overwritten bucket had: its hashes count as uncovered.
    if (site.state === 'malformed' && kept === 0) return;
    for (const one of rejected) {
      if (one.reason === 'superseded' || one.reason === 'duplicate') continue;
      if (one.reason !== 'hash') recoverable.addLost(one.hash);
      if (lostDetails.length < DETAILS) lostDetails.push(one);
    }
  });
  if (checked.doubtful.size > 0) {
    await eachNotKept(searched, checked, async (record, reason) => {
      recoverable.addLost(record.hash);
      if (lostDetails.length >= DETAILS) return;
      const keyStart = await db.source.read(record.offset, Math.min(KEY_START, record.keySize));
      const { hash, offset, keySize, dataSize, bucket, element } = record;
      lostDetails.push({ reason, hash, keyStart, offset, keySize, dataSize, bucket, element });
    });
  }

  // 2. Old records, and values without an element, that could bring lost ones back.
  const { space, doubtful } = checked;
  const isFree = ({ offset, keySize, dataSize }: SalvagedRecord) =>
    !space.isUsed(offset, keySize + dataSize) && !doubtful.has(offset, keySize + dataSize);
  const takeAddable = (record: SalvagedRecord) => {
    const addition = ADDITIONS.find((one) => one === record.provenance);
    if (addition === undefined || !isFree(record)) return;
    recoverable.addFound(record.hash, addition);
    if (wanted.has(addition)) additions[addition]++;
  };
  let old: readonly OldRecord[] = [];
  if (isOldWanted) {
    old = [...(await findOld(db, survey, { report, end: checked.image?.end }))];
    for (const one of old) {
      if (one.confidence !== 'trace') found[one.provenance]++;
      if (one.provenance === 'deleted' && isAddable(one)) takeAddable(one);
    }
  }
  if (checked.verdict === 'damaged') {
    await eachStale(searched, (record) => {
      if (!isOldWanted) found[record.provenance]++;
      // Only a search for old records tells whether a deleted one may be added.
      if (record.provenance === 'stale') takeAddable(record);
    });
  }
  const { records, uncovered } = lostRecords(checked);
  let carved: CarvedFind[] = [];
  if (records > 0 || uncovered > 0 || include.includes('carved')) {
    const progress = (done: number, all: number) => report?.('looking for values by their shape', done, all);
    carved = await carveValues({ db, survey, space }, options.expectKeys, progress);
    found.carved = carved.length;
  }
  const carvedRecords = await recordsOf(db.source, carved);
  carvedRecords.forEach(takeAddable);

  const isWanted = (record: SalvagedRecord) => wanted.has(record.provenance) && isFree(record);
  async function* added(): AsyncGenerator<SalvagedBatch> {
    if (additions.stale > 0) {
      for await (const batch of salvageStale(db, survey)) {
        yield batch.filter((one) => one.provenance === 'stale' && isWanted(one));
      }
    }
    yield old.filter((one) => one.provenance === 'deleted' && isAddable(one) && isWanted(one));
    yield carvedRecords.filter(isWanted);
  }
  const hasAdditions = Object.values(additions).some((n) => n > 0);
  return {
    checked,
    db,
    searched: { found: searched, checked },
    contents: salvagedContents(searched, checked, hasAdditions ? added : undefined),
    additions,
    found,
    old,
    carved,
    carvedRecords,
    uncoveredRanges: [...survey.claims.open()].slice(0, DETAILS),
    lostDetails,
    recoverable,
    lostElements,
  };
}

/** Visits the records of superseded buckets, each place once. */
async function eachStale({ db, survey }: Opened, visit: (record: SalvagedRecord) => void): Promise<void> {
  const seen = new PlaceSet();
  for await (const batch of salvageStale(db, survey)) {
    for (const record of batch) {
      const { offset, keySize, dataSize } = record;
      const isNew =
        seen.size < MAX_PLACES ? seen.add(offset, keySize, dataSize) : !seen.has(offset, keySize, dataSize);
      if (isNew) visit(record);
    }
  }
}

function noAdditions(): Record<Addition, number> {
  return { stale: 0, deleted: 0, carved: 0 };
}

function nothingFound(): Omit<Subject, 'checked'> {
  return {
    db: undefined,
    searched: undefined,
    contents: undefined,
    additions: noAdditions(),
    found: { live: 0, orphaned: 0, loose: 0, stale: 0, deleted: 0, carved: 0 },
    old: [],
    carved: [],
    carvedRecords: [],
    uncoveredRanges: [],
    lostDetails: [],
    lostElements: [],
    recoverable: new RecoverableKeys(),
  };
}

/** The values of the records that can be kept, for the program that the database belongs to. */
export interface ExaminedValues {
  readonly profile: ProfileResult | undefined;
  /** Selects the records that the fresh database is without; undefined where all are kept. */
  readonly leaveOut: LeaveOutRule | undefined;
  readonly setAside: SetAside | undefined;
  /** The reason for which nothing is written: no record would be left that the program can load. */
  readonly refusal: string | undefined;
  readonly notes: readonly string[];
}

const NOT_EXAMINED: ExaminedValues = {
  profile: undefined,
  leaveOut: undefined,
  setAside: undefined,
  refusal: undefined,
  notes: [],
};

/** Examines the values of the records that a repair would keep, and selects those that the program cannot load. */
export async function examineValues(
  { db, contents, lostElements }: Subject,
  { profile: wanted = 'none', leaveOut: selection }: RepairOptions,
): Promise<ExaminedValues> {
  if (wanted === 'none' || db === undefined || contents === undefined) return NOT_EXAMINED;
  const name = wanted === 'auto' ? undefined : wanted;
  const profile = await checkProfile(db.source, contents.records, name, lostElements);
  const leaveOut = leaveOutRule(profile, selection);
  const notes = notesOf(profile);
  if (leaveOut === undefined) return { ...NOT_EXAMINED, profile, notes };
  const { kept, setAside } = await countLeftOut(contents, leaveOut);
  const { startsEmpty } = profileOf(profile.name);
  if (kept === 0 && startsEmpty) {
    notes.push(`${profile.name} cannot use what is left; the fresh database is empty, which it takes.`);
  }
  const refusal =
    kept > 0 || startsEmpty
      ? undefined
      : `${profile.name} can load none of its ${setAside?.records ?? 0} records, so that nothing would be left. If it is no ` +
        `${profile.name}: --profile none. To keep them as they are: --keep-unloadable.`;
  return { profile, leaveOut, setAside, refusal, notes };
}

/** The check of a fresh database with the profile's findings in it, so that a repair reports what a check of it would. */
export async function checkFreshValues(
  fresh: Source,
  after: CheckResult,
  { profile, leaveOut }: ExaminedValues,
  wanted: RepairOptions['profile'],
): Promise<CheckResult> {
  const isWrong = profile?.findings.some(({ severity }) => severity === 'error') ?? false;
  // The fresh database has the same values as the source, in which nothing was wrong.
  if (wanted === undefined || (!isWrong && leaveOut === undefined)) return after;
  return withProfile(await checkContents(fresh, wanted));
}

async function countLeftOut(
  { records }: Contents,
  leaveOut: LeaveOutRule,
): Promise<{ kept: number; setAside: SetAside | undefined }> {
  const reasons: Partial<Record<LeftOutReason, number>> = {};
  let leftOut = 0;
  let kept = 0;
  for await (const batch of records()) {
    for (const record of batch) {
      const reason = leaveOut(record);
      if (reason === undefined) kept++;
      else {
        leftOut++;
        reasons[reason] = (reasons[reason] ?? 0) + 1;
      }
    }
  }
  return { kept, setAside: leftOut === 0 ? undefined : { records: leftOut, reasons } };
}

/** Explains why records stay that a shelve could not load. */
function notesOf(profile: ProfileResult): string[] {
  const kinds = [
    ['value-not-pickle', 'values that are no pickles'],
    ['key-not-text', 'keys that are not UTF-8'],
  ] as const;
  return kinds
    .filter(([code]) => isPerhapsIntended(profile, code))
    .map(
      ([code, records]) =>
        `The ${profile.unloadable.get(code)!.size} ${records} stay: so many may be meant to be so, and only the other values ` +
        `speak for a ${profile.name}. If it is one, --profile ${profile.name} sets them aside; if not, --profile none.`,
    );
}

/** Hashes held of lost records, and of records that bring them back: so many take 50 MiB. */
const MAX_HASHES = 1 << 20;

/** Lost records that could be brought back, and by which additions. */
export interface Recoverable {
  readonly records: number;
  readonly include: readonly Addition[];
}

/**
 * Lost keys, by their hashes, of which an old or a carved record was found: a repair can add them. A deleted record of a
 * bucket that is there brings back nothing that is missing.
 */
export class RecoverableKeys {
  readonly #claims: Pick<HashClaims, 'ownerOf'> | undefined;
  readonly #lost = new Set<number>();
  /** A bit for each addition that has a record of the hash. */
  readonly #found = new Map<number, number>();

  /** @param claims the hashes that have a bucket; all where it is left out */
  constructor(claims?: Pick<HashClaims, 'ownerOf'>) {
    this.#claims = claims;
  }

  /** Adds the hash of a record that cannot be kept. */
  addLost(hash: number): void {
    if (this.#lost.size < MAX_HASHES) this.#lost.add(hash);
  }

  /** Adds a record that could be added; all lost ones must be known before. */
  addFound(hash: number, addition: Addition): void {
    if (hash < 0) return;
    const isMissing = this.#lost.has(hash) || (this.#claims && this.#claims.ownerOf(hash) === undefined);
    if (!isMissing) return;
    const before = this.#found.get(hash);
    if (before === undefined && this.#found.size === MAX_HASHES) return;
    this.#found.set(hash, (before ?? 0) | bitOf(addition));
  }

  /** The lost records that additions which are not included would bring back. */
  beyond(include: readonly Addition[]): Recoverable {
    const others = ADDITIONS.filter((one) => !include.includes(one));
    const included = this.count(include);
    const more = (additions: readonly Addition[]) => this.count([...include, ...additions]) - included;
    // The fewest additions that bring all of them back, the most certain first.
    const needed: Addition[] = [];
    for (const one of others) if (more([...needed, one]) > more(needed)) needed.push(one);
    return { records: more(needed), include: needed };
  }

  /** The number of lost keys that come back if all these are included. */
  count(include: readonly Addition[]): number {
    const wanted = include.reduce((bits, one) => bits | bitOf(one), 0);
    let count = 0;
    for (const bits of this.#found.values()) if ((bits & wanted) !== 0) count++;
    return count;
  }
}

function bitOf(addition: Addition): number {
  return 1 << ADDITIONS.indexOf(addition);
}
