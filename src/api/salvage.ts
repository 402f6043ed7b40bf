import type { CheckResult } from '../check/check.js';
import { checkDatabase } from '../check/check.js';
import type { Doubt } from '../check/doubtful.js';
import type { RejectedElement } from '../check/marks.js';
import type { SpaceAccount } from '../check/space.js';
import type { Database, MovedBytes } from '../database/database.js';
import { placeNow } from '../database/database.js';
import { identifySource, isDeclared } from '../database/identify.js';
import { openProved, openSearched, search } from '../examine.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import type { CarvedFind } from '../salvage/carved.js';
import { carveUnknown, carveValues } from '../salvage/carved.js';
import type { Confidence } from '../salvage/confidence.js';
import { findOld } from '../salvage/old.js';
import type { OldRecord } from '../salvage/oldrecord.js';
import { salvageProved } from '../salvage/proved.js';
import { readSalvaged, WHOLE_KEY } from '../salvage/read.js';
import type { Provenance, SalvagedBatch } from '../salvage/salvage.js';
import { salvage as salvageInForce } from '../salvage/salvage.js';
import type { Source } from '../source/source.js';
import type { Report } from '../source/sweep.js';
import { notGdbm } from './database.js';
import type { Translate } from './error.js';
import { translate, translated, translatedEach } from './error.js';
import type { Input, WorkOptions } from './input.js';
import { bytesOf, sourceOf } from './input.js';

/** Options of {@link salvage}. */
export interface SalvageOptions extends WorkOptions {
  /** Also records that were deleted or replaced; what overwrote them is told by `confidence` and `overwritten`. */
  readonly deleted?: boolean | undefined;
  /** Also values that only their own shape tells (Python pickles), behind keys that the file still knows. */
  readonly carve?: boolean | undefined;
  /** With `carve`: other keys that may stand before such a value. */
  readonly expectKeys?: readonly (string | Uint8Array)[] | undefined;
}

/** A record that is still in a file. */
export interface SalvagedRecord {
  /** Undefined where it is overwritten, not known, or longer than 4 MiB. */
  readonly key: Uint8Array | undefined;
  /**
   * `live`, `orphaned` and `loose` records are in force. `stale`: an older part of the file has it. `deleted`: it was
   * deleted or replaced. `carved`: a value that only its shape tells.
   */
  readonly provenance: Provenance;
  /** `proved`: its key gives its hash. Others are old or carved: `trace` means that the key is overwritten. */
  readonly confidence: Confidence | 'proved';
  /** The reason why the value may not be the one that was stored, so that a repair does not keep the record. */
  readonly doubt: Doubt | undefined;
  /** File offset of the key, or of the value if the key is not known; undefined where those bytes are gone. */
  readonly offset: number | undefined;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes; the value is directly behind the key. */
  readonly valueSize: number;
  /** Bytes of key and value that are known to be overwritten. */
  readonly overwritten: { readonly key: number; readonly value: number };
  /** Reads the value, which may be large; only while the loop over the records goes on. */
  readonly value: () => Promise<Uint8Array>;
}

/**
 * Finds every record that is still in a file, and tells how it was found and where it is. Records in force come first.
 * A key may come several times. A file that is not GDBM has none, unless `carve` finds values in it.
 *
 * @throws GdbmError `NOT_GDBM`; `IO` if the source cannot be read
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises';
 * import { salvage } from 'gdbm-doctor/core';
 *
 * for await (const { keySize, confidence } of salvage(await readFile('broken.db'))) {
 *   console.log(keySize, confidence); // 6 proved 6 proved 6 proved
 * }
 * ```
 */
export function salvage(
  input: Input,
  options: SalvageOptions = {},
): AsyncGenerator<SalvagedRecord, void, undefined> {
  return translatedRecords(salvageSource(sourceOf(input, options), options), translate);
}

/** Passes on the records, with the errors of the walk and of the reads of values translated. */
export async function* translatedRecords(
  records: AsyncIterable<SalvagedRecord>,
  by: Translate,
): AsyncGenerator<SalvagedRecord, void, undefined> {
  for await (const record of translatedEach(records, by)) {
    yield { ...record, value: () => translated(record.value, by) };
  }
}

const NOTHING_OVERWRITTEN = { key: 0, value: 0 };

/** Finds the records of a source; see {@link salvage}. */
export async function* salvageSource(
  source: Source,
  options: SalvageOptions,
  path?: string,
): AsyncGenerator<SalvagedRecord> {
  const { deleted = false, carve = false, expectKeys = [], onProgress } = options;
  const expected = expectKeys.map(bytesOf);
  const found = await findAll(source, { deleted, report: onProgress });
  const isCarvable = found === undefined && carve && !isDeclared(await identifySource(source, path));
  if (found === undefined && !isCarvable) throw await notGdbm(source, path);
  const moved = found?.db ?? { layout: undefined };
  if (found !== undefined) yield* storedRecords(found, deleted);
  if (!carve) return;
  const progress = (done: number, all: number) =>
    onProgress?.('looking for values by their shape', done, all);
  const carved =
    found === undefined
      ? await carveUnknown(source, expected, progress)
      : await carveFound(found, expected, progress);
  for (const one of carved) yield await carvedRecord(found?.db.source ?? source, moved, one);
}

async function* storedRecords(
  { db, records, old, checked }: Found,
  deleted: boolean,
): AsyncGenerator<SalvagedRecord> {
  const { source } = db;
  for await (const { record, bytes } of readSalvaged(source, records, 'key')) {
    const { provenance, offset, keySize, dataSize } = record;
    const isHeld = keySize <= WHOLE_KEY;
    yield {
      key: isHeld ? (bytes?.slice() ?? new Uint8Array(await source.read(offset, keySize))) : undefined,
      provenance,
      confidence: 'proved',
      doubt: checked.doubtful?.reasonOf(offset, keySize + dataSize),
      overwritten: NOTHING_OVERWRITTEN,
      ...placeOf(source, db, offset, keySize, dataSize),
    };
  }
  for (const one of old ?? []) {
    const { provenance, confidence, offset, keySize, dataSize, overwritten } = one;
    if (!isListed(one, deleted)) continue;
    const isHeld = confidence !== 'trace' && keySize <= WHOLE_KEY;
    yield {
      key: isHeld ? new Uint8Array(await source.read(offset, keySize)) : undefined,
      provenance,
      confidence,
      doubt: undefined,
      overwritten: { key: overwritten.key, value: overwritten.value },
      ...placeOf(source, db, offset, keySize, dataSize),
    };
  }
}

/** True for an old record that is listed: by default those of older parts of the file whose key is whole. */
export function isListed({ provenance, confidence }: OldRecord, deleted: boolean): boolean {
  return deleted || (provenance === 'stale' && confidence !== 'trace');
}

async function carvedRecord(source: Source, moved: MovedBytes, one: CarvedFind): Promise<SalvagedRecord> {
  const { key, offset, size, freed } = one;
  const keySize = key?.size ?? 0;
  return {
    key: key && new Uint8Array(await source.read(key.offset, keySize)),
    provenance: 'carved',
    confidence: key === undefined || freed ? 'low' : 'medium',
    doubt: undefined,
    overwritten: NOTHING_OVERWRITTEN,
    ...placeOf(source, moved, key?.offset ?? offset, keySize, size),
  };
}

function placeOf(source: Source, moved: MovedBytes, offset: number, keySize: number, valueSize: number) {
  const now = placeNow(moved, offset);
  return {
    offset: now < 0 ? undefined : now,
    keySize,
    valueSize,
    value: async () => new Uint8Array(await source.read(offset + keySize, valueSize)),
  };
}

/** Everything that is in a database. */
export interface Found {
  readonly db: Database;
  readonly checked: CheckResult;
  readonly space: SpaceAccount;
  /** Undefined for a database that is proved to be in order. */
  readonly survey?: SearchedSurvey;
  /** Records in force. */
  readonly records: AsyncIterable<SalvagedBatch>;
  /** Elements in use that prove no record, at most 2^18. */
  readonly unproved?: readonly RejectedElement[];
  /** Records that are not in force, and the number of further ones that were too many to be held. */
  readonly old?: (Iterable<OldRecord> & { readonly dropped: number }) | undefined;
}

const MAX_UNPROVED = 1 << 18;

/**
 * Finds the records of a database in force, the elements that prove none, and the old records.
 *
 * @param options `deleted` looks for old records also where nothing is damaged
 * @returns undefined if nothing in the file speaks for the format
 * @throws SourceError if the source cannot be read
 */
export async function findAll(
  source: Source,
  { deleted, report }: { readonly deleted: boolean; readonly report?: Report | undefined },
): Promise<Found | undefined> {
  // A database that is proved to be in order has no other records than those in force, and old ones.
  const proved = deleted ? undefined : await openProved(source, report);
  if (proved !== undefined && !proved.db.headerLost) {
    const { db, proof, checked } = proved;
    return { db, checked, space: proof.account, records: salvageProved(db, proof) };
  }
  const found = await openSearched(source, report, { old: deleted });
  if (found === undefined) return undefined;
  const { db, survey } = found;
  const unproved: RejectedElement[] = [];
  const checked = await checkDatabase(db, survey, ({ rejected }) => {
    for (const one of rejected) {
      const isOld = one.reason === 'superseded' || one.reason === 'duplicate';
      if (!isOld && unproved.length < MAX_UNPROVED) unproved.push(one);
    }
  });
  const isOldWanted = deleted || survey.stale.length > 0 || checked.verdict !== 'healthy';
  const old = isOldWanted ? await findOld(db, survey, { report, end: checked.image?.end }) : undefined;
  return { db, checked, space: checked.space, survey, records: salvageInForce(db, survey), unproved, old };
}

/** Finds values of a database that no element refers to. */
export async function carveFound(
  { db, survey, space }: Found,
  expected: readonly Uint8Array[],
  progress: (done: number, all: number) => void,
): Promise<CarvedFind[]> {
  return carveValues({ db, survey: survey ?? (await search(db)).survey, space }, expected, progress);
}
