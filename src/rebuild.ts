import { DatabaseBuilder } from './build/builder.js';
import type { BuildResult, BuildSpec } from './build/builder.js';
import type { Sink } from './build/sink.js';
import type { CheckResult, FileFormat } from './check/check.js';
import { checkDatabase } from './check/check.js';
import type { SpaceAccount } from './check/space.js';
import { extentName } from './check/space.js';
import type { Proof } from './check/sound/prove.js';
import { check, openProved, openSearched } from './examine.js';
import { firstDifference } from './relocate/compare.js';
import { firstKeptDifference } from './relocate/comparekept.js';
import type { KeptRecords } from './relocate/kept.js';
import { relocateKept } from './relocate/kept.js';
import { relocate } from './relocate/relocate.js';
import { openDatabase } from './database/database.js';
import type { Database } from './database/database.js';
import { Lookup } from './database/lookup.js';
import type { SearchedSurvey } from './orphans/adopt.js';
import { equalBytes } from './format/bytes.js';
import type { HashChar } from './format/hash.js';
import { KeyHasher } from './format/hash.js';
import { offsetSize } from './format/layout.js';
import { ADDITIONS } from './salvage/salvage.js';
import type { Addition, SalvagedBatch, SalvagedRecord } from './salvage/salvage.js';
import type { RecordFilter } from './profile/leaveout.js';
import { readSalvaged } from './salvage/read.js';
import { salvage } from './salvage/salvage.js';
import { cached } from './source/cached.js';
import type { Source } from './source/source.js';
import { readChunks } from './source/source.js';

/** A check that found a database. */
export type CheckedDatabase = CheckResult & { readonly format: FileFormat; readonly space: SpaceAccount };

/** What a fresh database gets besides what is in force, never over a better record of the same key. */
export interface Added {
  readonly include: readonly Addition[];
  /** Records with the provenances `stale` and `deleted` of which nothing is known to be overwritten, the most likely one of a key first. */
  readonly old: SalvagedBatch;
  /** Records with the provenance `carved`, the most likely one of a key first. */
  readonly carved: SalvagedBatch;
}

const NOTHING_ADDED: Added = { include: [], old: [], carved: [] };

/** A database with its check and the proof that its buckets and records are in order. */
export interface ProvedDatabase {
  readonly db: Database;
  readonly checked: CheckedDatabase;
  readonly proof: Proof;
}

/** Whether a check found a database, of whatever state. */
export function foundDatabase(checked: CheckResult): checked is CheckedDatabase {
  return checked.format !== undefined && checked.space !== undefined;
}

/** What went into a fresh database. */
export interface RebuildResult extends BuildResult {
  /** Records left out because another record, a bucket or the directory begins inside them, so that their size is wrong. */
  readonly overreaching: number;
  /**
   * Records left out because together they claim more bytes than the source has: an honest file's records do
   * not overlap, and one made to look otherwise must not fill a disk.
   */
  readonly overclaimed: number;
  /** Records left out because the program that the database belongs to could not load it with them. */
  readonly leftOut: number;
  /** Of the records in the database those that were added to what is in force. */
  readonly added: Readonly<Record<Addition, number>>;
  /** Whether records and buckets were copied as they lay, and not record by record. */
  readonly relocated: boolean;
}

export const NONE_ADDED = { stale: 0, deleted: 0, carved: 0 };

/** The fresh database does not hold what was meant to be in it. */
export class VerifyError extends Error {
  override readonly name = 'VerifyError';
}

/**
 * No honest directory is larger than its file, and hashes made to crowd must not make the fresh one so; up to this
 * many bytes it may be all the same.
 */
const SMALL_DIRECTORY = 1 << 20;

/** The kind of database that a source was, for its fresh copy. */
export function specOf({ geometry, extended, byteOrder, layout, variant }: FileFormat): BuildSpec {
  const format = { byteOrder, layout, variant };
  const { blockSize, bucketSize } = geometry;
  return { format, blockSize, bucketSize, ...(extended && { numsync: extended.numsync }) };
}

/**
 * Writes a fresh database with every record that can be had from a damaged one, of the same kind.
 *
 * @param checked what the check of the same database said
 * @param keep which of the records go into it; all where it is left out
 */
export async function rebuild(
  db: Database,
  survey: SearchedSurvey,
  checked: CheckedDatabase,
  sink: Sink,
  added: Added = NOTHING_ADDED,
  keep?: RecordFilter,
): Promise<RebuildResult> {
  const target = targetHash(checked.format);
  const room = Math.max(db.source.size, SMALL_DIRECTORY);
  const maxDirectoryBits = Math.floor(Math.log2(room / offsetSize(db.format.layout)));
  const spec = { ...specOf(checked.format), maxDirectoryBits };
  const left = { overreaching: 0, overclaimed: 0, leftOut: 0 };
  const kept = keptOf(db, survey, checked, added, keep);
  const copied = kept && (await relocateKept(kept, spec, sink));
  if (copied !== undefined) return { ...copied, ...left, added: NONE_ADDED, relocated: true };
  const builder = new DatabaseBuilder(sink, spec);
  const additions = new Map<number, Addition>();
  let number = 0;
  const wanted = filtered(recordsToKeep(db, survey, checked, left, added), left, keep);
  for await (const { record, bytes } of readSalvaged(db.source, wanted, 'whole')) {
    const { provenance, offset, keySize, dataSize } = record;
    const addition = ADDITIONS.find((one) => one === provenance);
    if (addition !== undefined) additions.set(number, addition);
    number++;
    await builder.add({
      hash: await hashFor(db.source, record, target),
      keySize,
      dataSize,
      bytes: bytes ?? readChunks(db.source, offset, keySize + dataSize),
    });
  }
  const built = await builder.finish();
  const counts = { ...NONE_ADDED };
  if (additions.size > 0) {
    for (const i of builder.kept) {
      const addition = additions.get(i);
      if (addition !== undefined) counts[addition]++;
    }
  }
  return { ...built, ...left, added: counts, relocated: false };
}

/**
 * What is copied as it lies, without looking at one record after the other.
 *
 * @returns undefined where that cannot be: records share bytes, are stored under another hash, are left out or added
 */
function keptOf(
  db: Database,
  survey: SearchedSurvey,
  { space }: CheckedDatabase,
  { include }: Added,
  keep?: RecordFilter,
): KeptRecords | undefined {
  const { examination } = survey;
  const { runs, overreaching } = space;
  const isAsItIs = include.length === 0 && keep === undefined;
  if (examination === undefined || runs === undefined || overreaching.size > 0 || !isAsItIs) return undefined;
  // Keys of another kind of machine get another hash.
  if (examination.signed > 0 && examination.unsigned > 0) return undefined;
  return { db, survey, examination, runs };
}

/**
 * Compares a fresh database with what was meant to be in it: its own check finds nothing, and a lookup of each
 * record of the source finds the same bytes.
 *
 * @throws VerifyError with the first difference
 */
export async function verify(
  db: Database,
  survey: SearchedSurvey,
  checked: CheckedDatabase,
  built: RebuildResult,
  fresh: Source,
  added: Added = NOTHING_ADDED,
  keep?: RecordFilter,
): Promise<CheckResult> {
  const kept = built.relocated ? keptOf(db, survey, checked, added, keep) : undefined;
  if (kept !== undefined) {
    return verifyCopy(fresh, kept.examination.records, (copy) => firstKeptDifference(kept, copy));
  }
  const result = await check(fresh);
  const trouble = result.findings.find((one) => one.severity !== 'note');
  if (trouble !== undefined) {
    throw new VerifyError(
      `expected a sound fresh database, found ${trouble.code} at offset ${trouble.offset}: ${trouble.found}`,
    );
  }
  // Records were appended in the order in which they are compared, so a few windows are enough.
  const near = cached(fresh);
  const freshDb = await openDatabase(near);
  if (freshDb === undefined || result.records.count !== built.records) {
    throw new VerifyError(
      `expected ${built.records} records in the fresh database, found ${result.records.count}`,
    );
  }
  const lookup = new Lookup(freshDb);
  // With no record left out each stored one is found once; otherwise the ones found are told apart.
  const leftOut = built.duplicates + built.crowded;
  const seen = new Set<number>();
  let same = 0;
  let different = 0;
  const wanted = filtered(keepable(db, survey, checked, added), { leftOut: 0 }, keep);
  for await (const { record, bytes } of readSalvaged(db.source, wanted, 'whole')) {
    const at = await whereStored(db.source, record, bytes, lookup, near);
    // The empty key's value may begin where the empty value of the record before it does.
    const name = at === undefined ? Number.NaN : 2 * at + (record.keySize === 0 ? 1 : 0);
    if (at === undefined || seen.has(name)) different++;
    else {
      same++;
      if (leftOut > 0) seen.add(name);
    }
  }
  // Only a record that another one with the same key stands before may differ from what is found.
  if (same !== built.records || different !== leftOut) {
    throw new VerifyError(
      `expected lookups of ${built.records} records to find the same bytes, found ${same} the same and ` +
        `${different} not (${built.duplicates} have a key that comes twice, ${built.crowded} had no room)`,
    );
  }
  return result;
}

/**
 * Writes a fresh copy of a database that was proved to be in order but for what is around its records.
 *
 * @throws BuildError if the format cannot hold it
 */
export function rebuildProved({ db, checked, proof }: ProvedDatabase, sink: Sink): Promise<BuildResult> {
  return relocate(db, proof, specOf(checked.format), sink);
}

/**
 * Compares a fresh copy with the database that it is of: the copy is in order itself, and holds the same bytes in the
 * same elements.
 *
 * @throws VerifyError with the first difference
 */
export function verifyProved({ db, proof }: ProvedDatabase, fresh: Source): Promise<CheckResult> {
  return verifyCopy(fresh, proof.records, (copy) => firstDifference(db, proof, copy));
}

async function verifyCopy(
  fresh: Source,
  records: number,
  differenceIn: (copy: Database) => Promise<string | undefined>,
): Promise<CheckResult> {
  const copy = await openCopy(fresh);
  if (copy === undefined || copy.checked.verdict !== 'healthy') {
    const worst = copy?.checked.findings.find(({ severity }) => severity === 'error');
    const found =
      worst === undefined ? 'one that is not' : `${worst.code} at offset ${worst.offset}: ${worst.found}`;
    throw new VerifyError(`expected a sound fresh database, found ${found}`);
  }
  const { count } = copy.checked.records;
  const different = count === records ? await differenceIn(copy.db) : `${count} of ${records} records`;
  if (different !== undefined)
    throw new VerifyError(`expected the same records in the fresh database, found ${different}`);
  return copy.checked;
}

/** Opens a fresh copy and checks it: by a proof or, where keys are too many or too alike for one, each element. */
async function openCopy(fresh: Source): Promise<{ db: Database; checked: CheckResult } | undefined> {
  const proved = await openProved(fresh);
  if (proved !== undefined) return proved;
  const found = await openSearched(fresh);
  return found && { db: found.db, checked: await checkDatabase(found.db, found.survey) };
}

/** Every record that a fresh database could hold, in the order in which they are stored: of two with one key the first. */
export function keepable(
  db: Database,
  survey: SearchedSurvey,
  checked: CheckedDatabase,
  added: Added = NOTHING_ADDED,
): AsyncGenerator<SalvagedBatch> {
  return recordsToKeep(db, survey, checked, { overreaching: 0, overclaimed: 0 }, added);
}

/** Why a record whose key is proved is not written. */
export type NotKept = 'overreaching' | 'overclaimed';

/** The records in force that a fresh database cannot hold, each with the reason, in the order in which they were left out. */
export async function notKept(
  db: Database,
  survey: SearchedSurvey,
  checked: CheckedDatabase,
  visit: (record: SalvagedRecord, reason: NotKept) => Promise<void> | void,
): Promise<void> {
  const out: [SalvagedRecord, NotKept][] = [];
  const left = {
    overreaching: 0,
    overclaimed: 0,
    visit: (...one: [SalvagedRecord, NotKept]) => out.push(one),
  };
  for await (const batch of recordsToKeep(db, survey, checked, left, NOTHING_ADDED)) {
    void batch;
    for (const [record, reason] of out.splice(0)) await visit(record, reason);
  }
}

async function* filtered(
  batches: AsyncIterable<SalvagedBatch>,
  left: { leftOut: number },
  keep?: RecordFilter,
): AsyncGenerator<SalvagedBatch> {
  for await (const batch of batches) {
    const kept = keep === undefined ? batch : batch.filter(keep);
    left.leftOut += batch.length - kept.length;
    yield kept;
  }
}

/** Keys that tell decide; where none does, either hash is right for every key there is. */
function targetHash({ hashChar }: FileFormat): HashChar {
  return hashChar === 'undetermined' ? 'signed' : hashChar;
}

/** Counts what is left out, and tells of each if that is wanted. */
interface LeftOut {
  overreaching: number;
  overclaimed: number;
  readonly visit?: (record: SalvagedRecord, reason: NotKept) => void;
}

/**
 * The records in the order they are stored: those of the file's own hash first, because of two with one key the
 * first is kept, and only the file's own machines ever found theirs.
 */
async function* recordsToKeep(
  db: Database,
  survey: SearchedSurvey,
  checked: CheckedDatabase,
  left: LeftOut,
  added: Added,
): AsyncGenerator<SalvagedBatch> {
  const target = targetHash(checked.format);
  const { overreaching } = checked.space;
  const isNative = (record: SalvagedRecord) => record.hashChar === 'either' || record.hashChar === target;
  let claimable = db.source.size;
  let foreign = 0;
  for (const pass of ['native', 'foreign'] as const) {
    if (pass === 'foreign' && foreign === 0) break;
    for await (const batch of salvage(db, survey)) {
      const wanted = batch.filter((record) => isNative(record) === (pass === 'native'));
      foreign += batch.length - wanted.length;
      yield wanted.filter((record) => {
        const { offset, keySize, dataSize } = record;
        const size = keySize + dataSize;
        const isOverreaching = overreaching.size > 0 && overreaching.has(extentName(offset, size));
        if (!isOverreaching && size <= claimable) {
          claimable -= size;
          return true;
        }
        const reason = isOverreaching ? 'overreaching' : 'overclaimed';
        left[reason]++;
        left.visit?.(record, reason);
        return false;
      });
    }
  }
  for (const batch of additions(checked, added)) {
    // Never over a better one: of two with one key the first is kept.
    yield batch.filter(({ keySize, dataSize }) => {
      const fits = keySize + dataSize <= claimable;
      if (fits) claimable -= keySize + dataSize;
      return fits;
    });
  }
}

/** What a repair adds if it is asked to, as far as nothing in force lies on its bytes. */
function additions({ space }: CheckedDatabase, { include, old, carved }: Added): SalvagedBatch[] {
  const wanted = new Set<string>(include);
  return [old, carved].map((batch) =>
    batch.filter(
      ({ provenance, offset, keySize, dataSize }) =>
        wanted.has(provenance) && !space.isUsed(offset, keySize + dataSize),
    ),
  );
}

async function hashFor(source: Source, record: SalvagedRecord, target: HashChar): Promise<number> {
  if (record.hashChar === 'either' || record.hashChar === target) return record.hash;
  const hasher = new KeyHasher(record.keySize, target);
  for await (const piece of readChunks(source, record.offset, record.keySize)) hasher.update(piece);
  return hasher.digest();
}

/** Bytes compared for each byte of the source: elements that all point at one large record must not multiply it. */
const COMPARED = 2;

/** Tells of records whether a database holds the same key with the same value; what costs too much to compare is not held. */
export async function heldIn(
  source: Source,
  fresh: Source,
): Promise<(record: SalvagedRecord) => Promise<boolean>> {
  const near = cached(fresh);
  const freshDb = await openDatabase(near);
  if (freshDb === undefined) return () => Promise.resolve(false);
  const lookup = new Lookup(freshDb);
  let budget = COMPARED * source.size;
  return async (record) => {
    budget -= record.keySize + record.dataSize;
    return budget >= 0 && (await whereStored(source, record, undefined, lookup, near)) !== undefined;
  };
}

/** The offset of the same value in the fresh file, where a lookup finds it. */
async function whereStored(
  source: Source,
  record: SalvagedRecord,
  bytes: Uint8Array | undefined,
  lookup: Lookup,
  fresh: Source,
): Promise<number | undefined> {
  const { offset, keySize, dataSize } = record;
  const key = bytes?.subarray(0, keySize) ?? (await source.read(offset, keySize));
  const found = await lookup.find(key);
  if (found === undefined || found.valueSize !== dataSize) return undefined;
  const { valueOffset } = found;
  if (bytes !== undefined) {
    const same = equalBytes(bytes.subarray(keySize), await fresh.read(valueOffset, dataSize));
    return same ? valueOffset : undefined;
  }
  const stored = readChunks(fresh, valueOffset, dataSize);
  for await (const piece of readChunks(source, offset + keySize, dataSize)) {
    const other = await stored.next();
    if (other.done || !equalBytes(piece, other.value)) return undefined;
  }
  return valueOffset;
}
