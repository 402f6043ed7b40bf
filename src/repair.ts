import { lstat, open } from 'node:fs/promises';
import { endianness } from 'node:os';
import type { BuildSpec } from './build/builder.js';
import { DatabaseBuilder } from './build/builder.js';
import type { CheckResult } from './check/check.js';
import { checkDatabase } from './check/check.js';
import type { RejectedElement, RejectReason } from './check/record.js';
import type { Report } from './examine.js';
import { check, openProved, openSearched } from './examine.js';
import type { WantedProfile } from './contents.js';
import { collectLost, withProfile } from './contents.js';
import type { LostElement } from './profile/detect.js';
import type { ProfileResult } from './profile/inspect.js';
import { checkProfile } from './profile/inspect.js';
import type { RecordFilter } from './profile/leaveout.js';
import { filterFor } from './profile/leaveout.js';
import { profileOf } from './profile/profiles.js';
import { quarantine } from './quarantine.js';
import type { CarvedFind } from './salvage/carved.js';
import { carveValues, recordsOf } from './salvage/carved.js';
import { placeName } from './salvage/freed.js';
import type { OldRecord } from './salvage/old.js';
import { findOld, isAddable } from './salvage/old.js';
import type { Addition, Provenance, SalvagedBatch } from './salvage/salvage.js';
import { provenanceOf } from './salvage/salvage.js';
import { salvageStale } from './salvage/stale.js';
import type { Database } from './database/database.js';
import { identifyOther } from './database/identify.js';
import type { SearchedSurvey } from './orphans/adopt.js';
import { KEY_START } from './format/bucket.js';
import { LAYOUT_64 } from './format/layout.js';
import type { Added, NotKept, ProvedDatabase, RebuildResult } from './rebuild.js';
import {
  foundDatabase,
  heldIn,
  NONE_ADDED,
  keepable,
  notKept,
  rebuild,
  rebuildProved,
  verify,
  verifyProved,
} from './rebuild.js';
import { salvageProved } from './salvage/proved.js';
import { dress } from './replace/dress.js';
import { refusal } from './replace/errors.js';
import { FreshFile } from './replace/fresh.js';
import { placeFile, replaceFile } from './replace/replace.js';
import type { HeldFile } from './replace/target.js';
import { holdFile, requireState, requireUnchanged } from './replace/target.js';
import { abortable } from './source/abortable.js';
import { fileSource } from './source/file.js';
import type { Source } from './source/source.js';
import { readUpTo } from './source/source.js';

export interface RepairOptions {
  /** Writes the fresh database here, a name that must be free, and does not touch the source. */
  readonly output?: string;
  /** Says what would be done and writes nothing. */
  readonly dryRun?: boolean;
  /** Whether the source stays as `NAME.~1~`; it does by default. */
  readonly backup?: boolean;
  /** Seconds to wait for another process that holds the file; 0 by default. */
  readonly wait?: number;
  /** Whether to lock the file as libgdbm does; done by default. */
  readonly lock?: boolean;
  /** What else than what is in force the fresh database gets, where nothing better has the key. */
  readonly include?: readonly Addition[];
  /** Keys that may be before a value whose element is gone, besides those that the file itself still knows. */
  readonly expectKeys?: readonly Uint8Array[];
  /**
   * The program whose database it is, or `auto` to find it by the keys: the fresh database is without what would keep
   * that program from loading it. Where it is left out, or `none`, no record is left out.
   */
  readonly profile?: WantedProfile;
  /** Writes what was found but is not in the fresh database here, a line of JSON each; the name must be free. */
  readonly quarantine?: string;
  /** Refuses to write if more records would be lost: a number, or a share of all records, 0 to 1. */
  readonly maxLoss?: { readonly records: number } | { readonly share: number } | undefined;
  /** What the file must still be once it is locked, as a look named it (`fileState`); else it is refused. */
  readonly ifState?: string | undefined;
  /** Told how far long work is. */
  readonly report?: Report;
  /** Ends the repair; the source is as it was, unless it is already replaced. */
  readonly signal?: AbortSignal;
}

/**
 * `none`: nothing was written. `repaired`: a fresh database was written and verified. `refused`: it is damaged and
 * nothing was written.
 */
export type RepairAction = 'none' | 'repaired' | 'refused';

/** What a repair did. */
export interface RepairResult {
  readonly path: string;
  readonly action: RepairAction;
  /** Whether it was refused only by the limit that the user set. */
  readonly limited?: boolean;
  /** Why nothing was written, or what a dry run would have done. */
  readonly reason: string | undefined;
  /** The source before the repair; with what was found inside, where a profile was asked for. */
  readonly before: CheckResult;
  /** What is inside of the records that can be kept; undefined where it was not asked for. */
  readonly profile: ProfileResult | undefined;
  /** The fresh database, read back. */
  readonly after: CheckResult | undefined;
  /** Where the fresh database is; the source's own name unless another was asked for. */
  readonly output: string | undefined;
  /** Where the source as it was is. */
  readonly backup: string | undefined;
  /** Records in the fresh database, or that would be. */
  readonly kept: number;
  /** Of those what was added because it was asked for; undefined where nothing was written. */
  readonly added: Readonly<Record<Addition, number>> | undefined;
  readonly lost: LostRecords;
  /** Records that were found, by how; `stale` and `deleted` ones are kept only if that was asked for. */
  readonly found: Readonly<Record<Provenance, number>>;
  /** Of the carved values, which are looked for only if something is lost, those with a key; others cannot be kept. */
  readonly carvedWithKey: number;
  /** Hashes of which no bucket is left, from `first` to before `end`; at most 100 ranges. */
  readonly uncoveredRanges: readonly { first: number; end: number }[];
  /** What is known of lost records; at most 100 of them. */
  readonly lostDetails: readonly LostDetail[];
  /** Where what was found but not kept was written. */
  readonly quarantine: string | undefined;
  /** What else the operator should know. */
  readonly notes: readonly string[];
}

/** What is known of a lost record. */
export interface LostDetail extends Omit<RejectedElement, 'reason'> {
  readonly reason: RejectedElement['reason'] | NotKept;
}

/** What did not come back. */
export interface LostRecords {
  /** Elements in use whose record could not be kept, all reasons together. */
  readonly records: number;
  /** By reason; see {@link RejectReason}. */
  readonly reasons: Readonly<Record<string, number>>;
  /** The share of all hashes, 0 to 1, that no readable bucket covers: what was there is not known. */
  readonly uncovered: number;
  /** How many records the uncovered share may have held, if it was filled as the rest is; null if all is lost. */
  readonly estimated: number | null;
}

/**
 * Repairs a database file. The source is never harmed: a fresh file is written beside it, synced, read back and
 * compared, and only then takes the name.
 *
 * @throws RefusedError if the file system or another process stands in the way; nothing was changed
 * @throws BuildError if the records do not fit the file's own format; nothing was changed
 * @throws VerifyError if the fresh file does not hold what was meant to be in it; nothing was changed
 */
export async function repair(path: string, options: RepairOptions = {}): Promise<RepairResult> {
  // 1. Hold the file: from here until the end no other program changes it.
  const inPlace = options.output === undefined && !options.dryRun;
  const held = await holdFile(path, {
    lock: inPlace ? 'exclusive' : 'shared',
    wait: options.wait ?? 0,
    noLock: options.lock === false || options.dryRun === true,
    signal: options.signal,
  });
  try {
    await requireState(held, options.ifState);
    return await repairHeld(held, options);
  } finally {
    await held.release();
  }
}

async function repairHeld(held: HeldFile, options: RepairOptions): Promise<RepairResult> {
  // 2. Check it.
  const source = abortable(await fileSource(held.handle), options.signal);
  const { subject, inside } = await examineAll(source, held.path, options);
  const { checked } = subject;
  const { profile, keep } = inside;
  const outcome: RepairResult = {
    path: held.path,
    action: 'none',
    reason: undefined,
    before: withProfile({ checked, profile }),
    profile,
    after: undefined,
    output: undefined,
    backup: undefined,
    kept: checked.records.count - (checked.space?.overreaching.size ?? 0) - inside.leftOut,
    added: undefined,
    lost: lostRecords(checked, subject.noElements, { leftOut: inside.leftOut }),
    found: subject.found,
    carvedWithKey: subject.carvedRecords.length,
    uncoveredRanges: subject.uncoveredRanges,
    lostDetails: subject.lostDetails,
    quarantine: undefined,
    notes: inside.notes,
  };

  // 3. Leave alone what needs nothing, and what nothing is left of.
  if (checked.verdict === 'not-gdbm') {
    const { what, advice } = checked.other!;
    return { ...outcome, action: 'refused', reason: `This is ${what}. ${advice}` };
  }
  if (checked.verdict === 'healthy' && keep === undefined && options.output === undefined) {
    const isMore = (options.include ?? []).length > 0 || options.quarantine !== undefined;
    const reason = outcome.before.verdict !== 'healthy' ? NOT_MENDED : isMore ? NOTHING_ADDED : undefined;
    return { ...outcome, reason };
  }
  if (checked.size === 0 && /\.(pag|dir|dat)$/.test(held.realPath)) {
    const reason =
      'This file holds nothing, and its name is one that ndbm, sdbm and dbm.dumb databases have, ' +
      'which may be empty. If it is to be a GDBM database, remove it: its program makes a new one.';
    return { ...outcome, action: 'refused', reason };
  }
  const { count, uncovered, rejected } = checked.records;
  const include = options.include ?? [];
  const { carved: carvedRecords, old } = addedOf(subject, include);
  const isAdded = [...carvedRecords, ...old].some(({ provenance }) =>
    (include as string[]).includes(provenance),
  );
  const takesEmpty = profile !== undefined && profileOf(profile.name).startsEmpty;
  const unreachable = count === 0 && (uncovered > 0 || Object.keys(rejected).length > 0);
  if (checked.size > 0 && unreachable && !isAdded && !takesEmpty) {
    const reason =
      'No record can be reached: the directory, or every bucket with records that it led to, is gone. ' +
      'A repaired file would be empty, so the file is left as it is. Restore it from a copy if there is one.' +
      moreHint(subject);
    return { ...outcome, action: 'refused', reason };
  }
  const tooMuch = exceedsLimit(outcome.lost, outcome.kept, options.maxLoss);
  if (tooMuch !== undefined) return { ...outcome, action: 'refused', limited: true, reason: tooMuch };
  if (options.dryRun) {
    return { ...outcome, reason: 'Dry run: nothing was written. The records counted as kept would be.' };
  }

  if (options.output !== undefined) await requireFree(options.output);
  if (options.quarantine !== undefined) await requireFree(options.quarantine);

  // 4. Build a fresh file beside the place where it is to be, sync it, read it back and compare it.
  const fresh = await FreshFile.createBeside(options.output ?? held.realPath, options.signal);
  try {
    const { built, after } = await buildFresh(subject, fresh, options.include, keep);
    const quarantined = await writeQuarantine(subject, fresh, options, keep);
    const notes = [...inside.notes, ...(await dress(held, fresh))];

    // 5. Only now give it its name.
    const done = {
      ...outcome,
      action: 'repaired' as const,
      after,
      kept: built.records,
      added: built.added,
      quarantine: quarantined,
    };
    const lost = lostRecords(checked, subject.noElements, built);
    if (options.output !== undefined) {
      await placeFile(fresh, options.output);
      return { ...done, lost, output: options.output, notes };
    }
    await requireUnchanged(held, 'the repair');
    const { backup, how } = await replaceFile(held, fresh, options.backup ?? true);
    if (held.isLink) {
      notes.push(`A symbolic link led to ${held.realPath}, which was replaced; the link is as it was.`);
    }
    if (how === 'copied-into-place') {
      notes.push('The file is mounted by itself, so its contents were replaced instead of its name.');
    }
    return { ...done, lost, output: held.realPath, backup, notes };
  } finally {
    await fresh.close();
  }
}

/** What else there is where nothing can be reached. */
function moreHint({ found, carvedRecords }: Subject): string {
  const { stale, carved } = found;
  const keyed = carvedRecords.length;
  const were = (n: number, what: string) => (n === 1 ? `1 ${what} was` : `${n} ${what}s were`);
  const hints = [
    ...(stale > 0
      ? [`${were(stale, 'record')} found in superseded buckets: --include stale keeps them.`]
      : []),
    ...(carved > 0
      ? [
          `${were(carved, 'value')} found by their shape alone, ${keyed} with a key that is known` +
            `${keyed > 0 ? ': --include carved keeps those' : ''}.`,
          'To see each, and what stands before it: gdbm-doctor salvage --carve; then name keys: --expect-key KEY.',
        ]
      : []),
  ];
  return hints.map((hint) => ` ${hint}`).join('');
}

/** Why a sound file is left alone whose values are not. */
const NOT_MENDED =
  'The database itself is healthy and was left as it is. What is named below is wrong with what a program stored in ' +
  'it, and nothing in the file tells how it was.';

/** Why a healthy file is left alone though more was asked for. */
const NOTHING_ADDED =
  'The database is healthy and was left as it is: what is old is added only to a fresh one beside it. Name that: -o OUT.';

/** What is inside for a program, and what that means for the fresh database. */
interface Inside {
  readonly profile: ProfileResult | undefined;
  readonly keep: RecordFilter | undefined;
  /** Records that the filter leaves out. */
  readonly leftOut: number;
  readonly notes: readonly string[];
}

/** A proof is enough where all that is in order stays; anything else is for the examination of each element. */
async function examineAll(
  source: Source,
  path: string,
  options: RepairOptions,
): Promise<{ subject: Subject; inside: Inside }> {
  const wantsMore = (options.include ?? []).length > 0 || options.quarantine !== undefined;
  const proved = wantsMore || source.size === 0 ? undefined : await examineProved(source);
  if (proved !== undefined) {
    const inside = await lookInside(proved, options);
    if (inside.keep === undefined) return { subject: proved, inside };
  }
  const subject = await examine(source, path, options);
  return { subject, inside: await lookInside(subject, options) };
}

async function lookInside(
  subject: Subject,
  { profile: wanted = 'none', include = [] }: RepairOptions,
): Promise<Inside> {
  const { proved, checked, database, lostElements } = subject;
  const nothing = { profile: undefined, keep: undefined, leftOut: 0, notes: [] };
  if (wanted === 'none') return nothing;
  const name = wanted === 'auto' ? undefined : wanted;
  if (proved !== undefined) {
    const { db, proof } = proved;
    const profile = await checkProfile(db.source, () => salvageProved(db, proof), name);
    return { ...nothing, profile, keep: filterFor(profile) };
  }
  if (database === undefined || !foundDatabase(checked)) return nothing;
  const { db, surveyed } = database;
  const records = () => keepable(db, surveyed, checked, addedOf(subject, include));
  const profile = await checkProfile(db.source, records, name, lostElements);
  const keep = filterFor(profile);
  if (keep === undefined) return { ...nothing, profile };
  let leftOut = 0;
  let kept = 0;
  for await (const batch of records()) {
    const stays = batch.filter(keep).length;
    kept += stays;
    leftOut += batch.length - stays;
  }
  const note =
    kept === 0
      ? `${profile.name} cannot use what is left; the fresh database is empty, which it takes. ${leftOut} records were left out.`
      : `${leftOut} of the records would keep ${profile.name} from loading the rest and were left out.`;
  return { profile, keep, leftOut, notes: [note] };
}

/** A file to be repaired; an empty one and one that is not GDBM have no database. */
interface Subject {
  readonly checked: CheckResult;
  /** Where all buckets and records are in order; then there is no `database`, as nothing needs to be examined. */
  readonly proved?: ProvedDatabase;
  readonly database: { db: Database; surveyed: SearchedSurvey } | undefined;
  readonly found: Record<Provenance, number>;
  /** Old records, where they are wanted: for what is to be added, or for the quarantine. */
  readonly old: readonly OldRecord[];
  readonly carved: readonly CarvedFind[];
  readonly carvedRecords: SalvagedBatch;
  readonly uncoveredRanges: { first: number; end: number }[];
  readonly lostDetails: LostDetail[];
  /** What stands in overwritten buckets and was no element, by reason. */
  readonly noElements: Partial<Record<RejectReason, number>>;
  /** Of elements of lost records what tells their keys; some of them. */
  readonly lostElements: LostElement[];
}

/** What a fresh database may get besides what is in force. */
function addedOf({ old, carvedRecords: carved }: Subject, include: readonly Addition[] = []): Added {
  return { include, old: old.filter(isAddable), carved };
}

/** Lost records and ranges told of one by one; the rest is counted. */
const DETAILS = 100;

const NOTHING_FOUND = { live: 0, orphaned: 0, loose: 0, stale: 0, deleted: 0, carved: 0 };

async function examineProved(source: Source): Promise<Subject | undefined> {
  const opened = await openProved(source);
  if (opened === undefined) return undefined;
  const { db, checked, proof } = opened;
  if (!foundDatabase(checked)) return undefined;
  return {
    checked,
    proved: { db, checked, proof },
    database: undefined,
    found: { ...NOTHING_FOUND, live: proof.records },
    old: [],
    carved: [],
    carvedRecords: [],
    uncoveredRanges: [],
    lostDetails: [],
    lostElements: [],
    noElements: {},
  };
}

async function examine(source: Source, path: string, options: RepairOptions): Promise<Subject> {
  const { report, include = [] } = options;
  const isOldWanted = include.length > 0 || options.quarantine !== undefined;
  const nothing = {
    found: { ...NOTHING_FOUND },
    old: [],
    carved: [],
    carvedRecords: [],
    uncoveredRanges: [],
    lostDetails: [],
    lostElements: [],
    noElements: {},
  };
  const found = source.size === 0 ? undefined : await openSearched(source, report, { old: isOldWanted });
  if (found === undefined) {
    const checked = await check(source);
    if (checked.other === undefined) return { checked, database: undefined, ...nothing };
    // The name is a hint that the source itself does not have.
    const other = identifyOther(await readUpTo(source, 0, 4096), path);
    return { checked: { ...checked, other }, database: undefined, ...nothing };
  }
  const { db, survey: surveyed } = found;
  const { found: classes } = nothing;
  const lostDetails: LostDetail[] = [];
  const lostElements: LostElement[] = [];
  const noElements: Partial<Record<RejectReason, number>> = {};
  const checked = await checkDatabase(db, surveyed, ({ site, kept, rejected }) => {
    classes[provenanceOf(site)] += kept;
    collectLost(lostElements, rejected);
    // Of a bucket that is overwritten nothing tells how many elements it had: its hashes are without a bucket.
    if (site.state === 'malformed' && kept === 0) {
      for (const { reason } of rejected) noElements[reason] = (noElements[reason] ?? 0) + 1;
      return;
    }
    for (const one of rejected) {
      if (one.reason === 'superseded' || one.reason === 'duplicate') continue;
      if (lostDetails.length < DETAILS) lostDetails.push(one);
    }
  });
  let old: readonly OldRecord[] = [];
  if (isOldWanted && foundDatabase(checked)) {
    report?.('looking for old records', 0, source.size);
    ({ records: old } = await findOld(db, surveyed));
    for (const { provenance, confidence } of old) if (confidence !== 'trace') classes[provenance]++;
  } else if (checked.verdict === 'damaged') {
    // A sound file is not searched for what it deleted: nobody asked, and it takes time.
    const seen = new Set<string>();
    for await (const batch of salvageStale(db, surveyed)) {
      for (const { provenance, offset, keySize, dataSize } of batch) {
        const name = placeName(offset, keySize, dataSize);
        if (!seen.has(name)) classes[provenance]++;
        if (seen.size < REMEMBERED) seen.add(name);
      }
    }
  }
  if (foundDatabase(checked) && checked.space.overreaching.size > 0) {
    await notKept(db, surveyed, checked, async (record, reason) => {
      if (lostDetails.length >= DETAILS) return;
      const keyStart = await db.source.read(record.offset, Math.min(KEY_START, record.keySize));
      const { hash, offset, keySize, dataSize, bucket, element } = record;
      lostDetails.push({ reason, hash, keyStart, offset, keySize, dataSize, bucket, element });
    });
  }
  const uncoveredRanges = [...surveyed.claims.open()].slice(0, DETAILS);
  const database = { db, surveyed };
  const subject = {
    checked,
    database,
    found: classes,
    old,
    noElements,
    uncoveredRanges,
    lostDetails,
    lostElements,
  };
  const { records, uncovered } = lostRecords(checked, noElements);
  const isLoss = records > 0 || uncovered > 0 || include.includes('carved');
  if (!foundDatabase(checked) || !isLoss) return { ...subject, carved: [], carvedRecords: [] };
  const progress = (done: number, all: number) => report?.('looking for values by their shape', done, all);
  const { space } = checked;
  const carved = await carveValues({ db, survey: surveyed, space }, options.expectKeys, progress);
  classes.carved = carved.length;
  return { ...subject, carved, carvedRecords: await recordsOf(db, carved) };
}

/** Places of old records that are told apart while they are counted. */
const REMEMBERED = 1 << 20;

const NOTHING_LEFT = { overreaching: 0, overclaimed: 0, leftOut: 0, added: NONE_ADDED, relocated: false };

async function buildFresh(
  subject: Subject,
  fresh: FreshFile,
  include: readonly Addition[] = [],
  keep?: RecordFilter,
): Promise<{ built: RebuildResult; after: CheckResult }> {
  const { proved, checked, database } = subject;
  if (proved !== undefined) {
    const built = await rebuildProved(proved, fresh);
    const after = await whileSyncing(fresh, () => verifyProved(proved, fresh));
    return { built: { ...built, ...NOTHING_LEFT }, after };
  }
  if (database === undefined || !foundDatabase(checked)) {
    const built = await new DatabaseBuilder(fresh, newDatabaseSpec()).finish();
    await fresh.sync();
    return { built: { ...built, ...NOTHING_LEFT }, after: await check(fresh) };
  }
  const { db, surveyed } = database;
  const added = addedOf(subject, include);
  const built = await rebuild(db, surveyed, checked, fresh, added, keep);
  const compare = () => verify(db, surveyed, checked, built, fresh, added, keep);
  return { built, after: await whileSyncing(fresh, compare) };
}

/** Reads a fresh file back while the disk writes it; it is as it should be only if both end well. */
async function whileSyncing<T>(fresh: FreshFile, readBack: () => Promise<T>): Promise<T> {
  const synced = fresh.sync();
  // If reading ends first, by an error, nobody waits for this one.
  synced.catch(() => {});
  const after = await readBack();
  await synced;
  return after;
}

/** Writes what was found but not kept, before the source is replaced, so that it is never only in a backup. */
async function writeQuarantine(
  subject: Subject,
  fresh: FreshFile,
  { quarantine: path, include }: RepairOptions,
  keep: RecordFilter | undefined,
): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const { checked, database, old, carved } = subject;
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      if (database !== undefined && foundDatabase(checked)) {
        const { db, surveyed: survey } = database;
        const out = leftOut(keepable(db, survey, checked, addedOf(subject, include)), keep);
        const isKept = await heldIn(db.source, fresh);
        const rest = { leftOut: out, old, carved, isKept };
        for await (const line of quarantine({ db, survey }, checked, rest)) {
          await file.write(`${JSON.stringify(line)}\n`);
        }
      }
      await file.sync();
    } finally {
      await file.close();
    }
    return path;
  } catch (error) {
    throw refusal(error, path, 'write the quarantine');
  }
}

async function* leftOut(
  batches: AsyncIterable<SalvagedBatch>,
  keep: RecordFilter | undefined,
): AsyncGenerator<SalvagedBatch> {
  if (keep === undefined) return;
  for await (const batch of batches) yield batch.filter((record) => !keep(record));
}

/** Why the user's limit forbids the repair; undefined if it does not. */
function exceedsLimit(
  { records, estimated, uncovered }: LostRecords,
  kept: number,
  limit: RepairOptions['maxLoss'],
): string | undefined {
  if (limit === undefined) return undefined;
  const unknown = uncovered > 0 && estimated === null;
  const lost = records + (estimated ?? 0);
  // A share as people write it, 29 %, is no binary fraction: what is just at the limit must be let pass.
  const allowed = 'records' in limit ? limit.records : limit.share * (kept + lost) * (1 + Number.EPSILON * 4);
  if (!unknown && lost <= allowed) return undefined;
  const how =
    'records' in limit
      ? `${limit.records} records`
      : `${Number((limit.share * 100).toPrecision(12))} % of the records`;
  const what = unknown ? 'an unknown number' : `${lost} of ${kept + lost}`;
  return `Expected a loss of at most ${how}, found that ${what} would be lost. Nothing was changed.`;
}

/** The kind of database that libgdbm would make here. */
function newDatabaseSpec(): BuildSpec {
  const byteOrder = endianness() === 'LE' ? 'little' : 'big';
  return {
    format: { byteOrder, layout: LAYOUT_64, variant: 'standard' },
    blockSize: 4096,
    bucketSize: 4096,
  };
}

/** Says at once what would be refused at the end. */
async function requireFree(path: string): Promise<void> {
  const taken = await lstat(path).then(
    () => true,
    () => false,
  );
  if (taken) throw refusal({ code: 'EEXIST' }, path, 'make it');
}

function lostRecords(
  checked: CheckResult,
  noElements: Subject['noElements'],
  built: Partial<RebuildResult> = {},
): LostRecords {
  const { rejected, uncovered, count } = checked.records;
  // Old copies and second records of a key are not lost: the ones in force are kept.
  const reasons = Object.fromEntries(
    Object.entries({
      ...Object.fromEntries(
        Object.entries(rejected).map(([reason, n]) => [
          reason,
          n - (noElements[reason as RejectReason] ?? 0),
        ]),
      ),
      overreaching: built.overreaching ?? checked.space?.overreaching.size ?? 0,
      overclaimed: built.overclaimed ?? 0,
      crowded: built.crowded ?? 0,
      leftOut: built.leftOut ?? 0,
    }).filter(([reason, n]) => n > 0 && reason !== 'superseded' && reason !== 'duplicate'),
  );
  return {
    records: Object.values(reasons).reduce((sum, n) => sum + n, 0),
    reasons,
    uncovered,
    estimated:
      uncovered === 1 || (count === 0 && uncovered > 0) ? null : Math.round(count / (1 - uncovered)) - count,
  };
}
