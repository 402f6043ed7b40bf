import type { CheckResult } from '../check/check.js';
import { checkDatabase, checkEmpty, checkOther } from '../check/check.js';
import { lostRecords } from '../check/losses.js';
import { collectLost } from '../contents.js';
import type { Database } from '../database/database.js';
import { identifySource } from '../database/identify.js';
import type { Searched } from '../examine.js';
import { openProved, openSearched } from '../examine.js';
import { KEY_START } from '../format/bucket.js';
import type { LostElement } from '../profile/detect.js';
import type { CarvedFind } from '../salvage/carved.js';
import { carveUnknown, carveValues, recordsOf } from '../salvage/carved.js';
import { findOld } from '../salvage/old.js';
import type { OldRecord } from '../salvage/oldrecord.js';
import { isAddable } from '../salvage/oldrecord.js';
import { PlaceSet } from '../salvage/placeset.js';
import type { Provenance, SalvagedBatch, SalvagedRecord } from '../salvage/salvage.js';
import { ADDITIONS, provenanceOf } from '../salvage/salvage.js';
import { salvageStale } from '../salvage/stale.js';
import { exact } from '../source/source.js';
import type { Source } from '../source/source.js';
import type { CheckedDatabase, Contents } from '../write/contents.js';
import {
  bareContents,
  eachNotKept,
  foundDatabase,
  provedContents,
  salvagedContents,
} from '../write/contents.js';
import { RecoverableKeys } from './losses.js';
import type { LostDetail, RepairOptions } from './result.js';

/** The examination of a file that is to be repaired. */
export interface Subject {
  readonly checked: CheckResult;
  /** Undefined for an empty file and for one that is not GDBM. */
  readonly db: Database | undefined;
  /** Undefined where there is no database, or a proof made it needless to examine each element. */
  readonly searched: { readonly found: Searched; readonly checked: CheckedDatabase } | undefined;
  /** The contents of a fresh database; undefined where there is nothing to write. */
  readonly contents: Contents | undefined;
  /** True if they include records that are no longer in force, as the user asked. */
  readonly hasAdditions: boolean;
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
  const isOldWanted = include.length > 0 || options.quarantine !== undefined;
  const proved = isOldWanted ? undefined : await openProved(source, report);
  if (proved !== undefined && foundDatabase(proved.checked)) {
    const { db, checked, proof } = proved;
    const nothing = nothingFound();
    const found = { ...nothing.found, live: proof.records };
    return { ...nothing, checked, db, contents: provedContents(db, checked, proof), found };
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
    hasAdditions: carvedRecords.length > 0,
    found: { ...nothing.found, carved: carved.length },
    carved,
    carvedRecords,
  };
}

/** Examines a database element by element, and looks for records that are lost or old. */
async function examineSearched(
  searched: Searched,
  isOldWanted: boolean,
  options: RepairOptions,
): Promise<Subject> {
  const { db, survey } = searched;
  const { report, include = [] } = options;
  const { found } = nothingFound();
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
  if (!foundDatabase(checked)) throw new Error('expected the check of a database to find one');
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
  const takeAddable = ({ hash, provenance, offset, keySize, dataSize }: SalvagedRecord) => {
    const addition = ADDITIONS.find((one) => one === provenance);
    const length = keySize + dataSize;
    const isFree = !space.isUsed(offset, length) && !doubtful.has(offset, length);
    if (addition !== undefined && isFree) recoverable.addFound(hash, addition);
  };
  let old: readonly OldRecord[] = [];
  if (isOldWanted) {
    old = [...(await findOld(db, survey, { report, end: checked.image?.end }))];
    for (const one of old) {
      if (one.confidence !== 'trace') found[one.provenance]++;
      if (isAddable(one)) takeAddable(one);
    }
  } else if (checked.verdict === 'damaged') {
    await eachStale(searched, (record) => {
      found[record.provenance]++;
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

  const added = { include, old: old.filter(isAddable), carved: carvedRecords };
  const wanted: readonly Provenance[] = include;
  return {
    checked,
    db,
    searched: { found: searched, checked },
    contents: salvagedContents(searched, checked, added),
    hasAdditions: [...added.old, ...carvedRecords].some(({ provenance }) => wanted.includes(provenance)),
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
async function eachStale({ db, survey }: Searched, visit: (record: SalvagedRecord) => void): Promise<void> {
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

function nothingFound(): Omit<Subject, 'checked'> {
  return {
    db: undefined,
    searched: undefined,
    contents: undefined,
    hasAdditions: false,
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
