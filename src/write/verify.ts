import type { CheckResult } from '../check/check.js';
import { checkCopied } from '../check/proved.js';
import type { Database } from '../database/database.js';
import { openDatabase } from '../database/database.js';
import { check, checkSearched } from '../examine.js';
import { equalBytes } from '../format/bytes.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import type { RecordFilter } from '../profile/leaveout.js';
import { Lookup } from '../read/lookup.js';
import { copiedFrom, firstOtherBytes } from './compare.js';
import { copiedFromKept, firstKeptDifference } from './comparekept.js';
import type { KeptRecords } from './kept.js';
import { readSalvaged } from '../salvage/read.js';
import type { SalvagedRecord } from '../salvage/salvage.js';
import { cached } from '../source/cached.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import type { CheckedDatabase, ProvedDatabase } from './checked.js';
import type { RebuildResult } from './rebuild.js';
import { keptOf } from './rebuild.js';
import type { Added } from './records.js';
import { NOTHING_ADDED, filtered, keepable } from './records.js';

/** The fresh database does not hold what was meant to be in it. */
export class VerifyError extends Error {
  override readonly name = 'VerifyError';
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
  if (kept !== undefined) return verifyKept(kept, fresh);
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
  const lookup = new Lookup({ db: freshDb });
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
 * Compares a fresh copy with the database that it is of: header, directory, tables and buckets are in order themselves,
 * each bucket holds the same elements, and they lead to the same bytes. Reads both.
 *
 * @throws VerifyError with the first difference
 */
export async function verifyProved({ db, proof }: ProvedDatabase, fresh: Source): Promise<CheckResult> {
  let different: string | undefined;
  const copy = await openDatabase(fresh);
  const { blockSize, bucketSize } = db.geometry;
  if (copy?.geometry.blockSize !== blockSize || copy.geometry.bucketSize !== bucketSize)
    throw new VerifyError(
      `expected blocks of ${blockSize} and buckets of ${bucketSize} bytes in the fresh database`,
    );
  const from = copiedFrom(db, proof, (what) => (different ??= what));
  const checked = (await checkCopied(copy, from))?.checked;
  if (checked?.verdict !== 'healthy') {
    const worst = checked?.findings.find(({ severity }) => severity === 'error');
    const found = worst && `${worst.code} at offset ${worst.offset}: ${worst.found}`;
    throw new VerifyError(
      `expected a sound fresh database, found ${found ?? different ?? 'one that is not'}`,
    );
  }
  different = await firstOtherBytes(db.source, proof.runs, copy);
  if (different !== undefined)
    throw new VerifyError(`expected the same records in the fresh database, found ${different}`);
  return checked;
}

/**
 * Compares a fresh copy with the damaged database that it is of. Where the copy is in order itself and has just the elements that
 * proved a record there, its keys need not be looked at once more.
 */
async function verifyKept(kept: KeptRecords, fresh: Source): Promise<CheckResult> {
  const db = await openDatabase(fresh);
  const { blockSize, bucketSize } = kept.db.geometry;
  const isAlike = db?.geometry.blockSize === blockSize && db.geometry.bucketSize === bucketSize;
  const proved = isAlike ? (await checkCopied(db, copiedFromKept(kept, db)))?.checked : undefined;
  // Keys of both kinds of machine, or something that is not as it should be.
  const checked = proved ?? (await checkSearched(fresh));
  if (db === undefined || checked.verdict !== 'healthy') {
    const worst = checked.findings.find(({ severity }) => severity === 'error');
    const found =
      worst === undefined ? 'one that is not' : `${worst.code} at offset ${worst.offset}: ${worst.found}`;
    throw new VerifyError(`expected a sound fresh database, found ${found}`);
  }
  const { records } = kept.examination;
  const { count } = checked.records;
  const different =
    count === records ? await firstKeptDifference(kept, db) : `${count} of ${records} records`;
  if (different !== undefined)
    throw new VerifyError(`expected the same records in the fresh database, found ${different}`);
  return checked;
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
  const lookup = new Lookup({ db: freshDb });
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
