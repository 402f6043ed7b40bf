import type { CheckResult } from '../check/check.js';
import { checkDatabase } from '../check/check.js';
import { lostRecords } from '../check/losses.js';
import { collectLost } from '../contents.js';
import type { Database } from '../database/database.js';
import { identifySource } from '../database/identify.js';
import { check, openProved, openSearched } from '../examine.js';
import { KEY_START } from '../format/bucket.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import type { LostElement } from '../profile/detect.js';
import type { ProvedDatabase } from '../write/checked.js';
import type { Added } from '../write/records.js';
import { foundDatabase } from '../write/checked.js';
import { notKept } from '../write/records.js';
import type { CarvedFind } from '../salvage/carved.js';
import { carveUnknown, carveValues, recordsOf } from '../salvage/carved.js';
import { PlaceSet } from '../salvage/placeset.js';
import type { OldRecord } from '../salvage/oldrecord.js';
import { isAddable } from '../salvage/oldrecord.js';
import { findOld } from '../salvage/old.js';
import type { Addition, Provenance, SalvagedBatch, SalvagedRecord } from '../salvage/salvage.js';
import { ADDITIONS, provenanceOf } from '../salvage/salvage.js';
import { salvageStale } from '../salvage/stale.js';
import type { Source } from '../source/source.js';
import { RecoverableKeys } from './recoverable.js';
import type { LostDetail, RepairOptions } from './result.js';

/** A file to be repaired; an empty one and one that is not GDBM have no database. */
export interface Subject {
  readonly checked: CheckResult;
  /** Where all buckets and records are in order; then there is no `database`, as nothing needs to be examined. */
  readonly proved?: ProvedDatabase;
  readonly database: { db: Database; surveyed: SearchedSurvey } | undefined;
  /** A file of which nothing tells how it is to be read, so that only values are known which their shape tells. */
  readonly unknown?: Source;
  readonly found: Record<Provenance, number>;
  /** Old records, where they are wanted: for what is to be added, or for the quarantine. */
  readonly old: readonly OldRecord[];
  readonly carved: readonly CarvedFind[];
  readonly carvedRecords: SalvagedBatch;
  readonly uncoveredRanges: { first: number; end: number }[];
  readonly lostDetails: LostDetail[];
  /** What of the lost records could be had. */
  readonly recoverable: RecoverableKeys;
  /** Of elements of lost records what tells their keys; some of them. */
  readonly lostElements: LostElement[];
}

/** What a fresh database may get besides what is in force. */
export function addedOf({ old, carvedRecords: carved }: Subject, include: readonly Addition[] = []): Added {
  return { include, old: old.filter(isAddable), carved };
}

/** Lost records and ranges told of one by one; the rest is counted. */
const DETAILS = 100;

/** What there is to tell where nothing was looked for. */
function nothingFound() {
  return {
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

export async function examineProved(
  source: Source,
  report?: RepairOptions['report'],
): Promise<Subject | undefined> {
  const opened = await openProved(source, report);
  if (opened === undefined) return undefined;
  const { db, checked, proof } = opened;
  if (!foundDatabase(checked)) return undefined;
  const nothing = nothingFound();
  return {
    checked,
    proved: { db, checked, proof },
    database: undefined,
    ...nothing,
    found: { ...nothing.found, live: proof.records },
  };
}

export async function examine(source: Source, path: string, options: RepairOptions): Promise<Subject> {
  const { report, include = [] } = options;
  const isOldWanted = include.length > 0 || options.quarantine !== undefined;
  const nothing = nothingFound();
  const found = source.size === 0 ? undefined : await openSearched(source, report, { old: isOldWanted });
  if (found === undefined) {
    const checked = await check(source);
    if (checked.other === undefined) return { checked, database: undefined, ...nothing };
    // The name is a hint that the source itself does not have.
    const other = await identifySource(source, path);
    const subject = { checked: { ...checked, other }, database: undefined, ...nothing };
    // Of what says itself that it is something else, nothing is to be made.
    if (!include.includes('carved') || other.kind !== 'unknown') return subject;
    const progress = (done: number, all: number) => report?.('looking for values by their shape', done, all);
    const carved = await carveUnknown(source, options.expectKeys, progress);
    const found = { ...nothing.found, carved: carved.length };
    return { ...subject, found, carved, carvedRecords: await recordsOf(source, carved), unknown: source };
  }
  const { db, survey: surveyed } = found;
  const { found: classes } = nothing;
  const lostDetails: LostDetail[] = [];
  const lostElements: LostElement[] = [];
  const recoverable = new RecoverableKeys(surveyed.claims);
  const checked = await checkDatabase(db, surveyed, ({ site, kept, rejected }) => {
    classes[provenanceOf(site)] += kept;
    collectLost(lostElements, rejected);
    // Of a bucket that is overwritten nothing tells how many elements it had: its hashes are without a bucket.
    if (site.state === 'malformed' && kept === 0) return;
    for (const one of rejected) {
      if (one.reason === 'superseded' || one.reason === 'duplicate') continue;
      if (one.reason !== 'hash') recoverable.lose(one.hash);
      if (lostDetails.length < DETAILS) lostDetails.push(one);
    }
  });
  if (foundDatabase(checked) && checked.doubtful.size > 0) {
    await notKept(db, surveyed, checked, async (record, reason) => {
      recoverable.lose(record.hash);
      if (lostDetails.length >= DETAILS) return;
      const keyStart = await db.source.read(record.offset, Math.min(KEY_START, record.keySize));
      const { hash, offset, keySize, dataSize, bucket, element } = record;
      lostDetails.push({ reason, hash, keyStart, offset, keySize, dataSize, bucket, element });
    });
  }
  const takeAddable = ({ hash, provenance, offset, keySize, dataSize }: SalvagedRecord) => {
    const addition = ADDITIONS.find((one) => one === provenance);
    const length = keySize + dataSize;
    const isFree = checked.space?.isUsed(offset, length) === false && !checked.doubtful!.has(offset, length);
    if (addition !== undefined && isFree) recoverable.take(hash, addition);
  };
  let old: readonly OldRecord[] = [];
  if (isOldWanted && foundDatabase(checked)) {
    old = [...(await findOld(db, surveyed, { report, end: checked.image?.end }))];
    for (const one of old) {
      if (one.confidence !== 'trace') classes[one.provenance]++;
      if (isAddable(one)) takeAddable(one);
    }
  } else if (checked.verdict === 'damaged') {
    // A sound file is not searched for what it deleted: nobody asked, and it takes time.
    const seen = new PlaceSet();
    for await (const batch of salvageStale(db, surveyed)) {
      for (const record of batch) {
        const { provenance, offset, keySize, dataSize } = record;
        const isNew =
          seen.size < REMEMBERED ? seen.add(offset, keySize, dataSize) : !seen.has(offset, keySize, dataSize);
        if (!isNew) continue;
        classes[provenance]++;
        // Of a deleted one only a search for old records tells whether it may be added.
        if (provenance === 'stale') takeAddable(record);
      }
    }
  }
  const uncoveredRanges = [...surveyed.claims.open()].slice(0, DETAILS);
  const database = { db, surveyed };
  const subject = {
    checked,
    database,
    found: classes,
    old,
    recoverable,
    uncoveredRanges,
    lostDetails,
    lostElements,
  };
  const { records, uncovered } = lostRecords(checked);
  const isLoss = records > 0 || uncovered > 0 || include.includes('carved');
  if (!foundDatabase(checked) || !isLoss) return { ...subject, carved: [], carvedRecords: [] };
  const progress = (done: number, all: number) => report?.('looking for values by their shape', done, all);
  const { space } = checked;
  const carved = await carveValues({ db, survey: surveyed, space }, options.expectKeys, progress);
  classes.carved = carved.length;
  const carvedRecords = await recordsOf(db.source, carved);
  carvedRecords.forEach(takeAddable);
  return { ...subject, carved, carvedRecords };
}

/** Places of old records that are told apart while they are counted. */
const REMEMBERED = 1 << 20;
