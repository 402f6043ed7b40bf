import type { Database } from '../../database/database.js';
import type { FindingList } from '../finding.js';
import type { SpaceAccount } from '../space.js';
import { AccountSweep } from './account.js';
import { BucketPass } from './bucketpass.js';
import type { DirectoryRuns } from './directoryruns.js';
import { directoryRuns } from './directoryruns.js';
import type { Flavours } from './keys.js';
import { KeyProver } from './keys.js';
import { PART, RecordParts, ROW } from './parts.js';
import { planRegions } from './regions.js';
import type { RecordRuns } from './recordruns.js';
import { SharedHashes } from './shared.js';
import type { Structures } from './structures.js';
import { TwinFilter } from './twins.js';

/** What a proof knows of a database all of whose records are in order. */
export interface Proof {
  readonly records: number;
  /** Bytes of keys and values. */
  readonly bytes: number;
  readonly flavours: Readonly<Flavours>;
  readonly account: SpaceAccount;
  readonly buckets: DirectoryRuns;
  readonly runs: RecordRuns;
  /** Whether libgdbm takes the avail tables of all buckets. */
  readonly tablesValid: boolean;
}

/**
 * Records held at a time: 16 bytes each. Half as many where free space takes the room of the others: a file that was much
 * changed has half as many ranges of it as records.
 */
const HELD = 1 << 20;
const MUCH_FREE = 8 << 20;

/**
 * Proves of a database that each bucket and each record is in order: the directory's runs are those that the buckets
 * say, a lookup reaches each element, each key gives its element's hash and is there once, and no byte belongs to two of
 * them, or to one and to free space. All that a check would find then is in header, directory's place and avail tables.
 *
 * The buckets are read in order of their places, then the keys, a part of the file after the other, so that memory does
 * not grow with the file: 16 bytes for each of at most {@link HELD} records, 13 for each structure, 4 for each range of free
 * space, a bit for each element.
 *
 * @param structures what is no record and no bucket; the buckets and their free space are added
 * @param findings gets what an intact file may have in the avail tables of its buckets
 * @param held elements remembered at a time
 * @returns undefined where anything is not so; what it is, the examination of each element tells
 * @throws SourceError if the source cannot be read
 */
export async function prove(
  db: Database,
  structures: Structures,
  findings: FindingList,
  held = structures.free.room > MUCH_FREE ? HELD / 2 : HELD,
): Promise<Proof | undefined> {
  if (db.missing !== 0 || db.fault !== undefined || db.rearrangement !== undefined) return undefined;
  const { source, geometry } = db;
  const buckets = directoryRuns(db);
  if (buckets === undefined) return undefined;
  const pass = new BucketPass(db, buckets);

  // 1. Every bucket by itself; as many elements are remembered as there is room for.
  const elements = buckets.length * geometry.bucketElements;
  // Buckets are half full or more as a rule: where there are more than are held, a part of the file after the other is taken
  // that has room.
  const spread = elements > 2 * held ? 0 : source.size;
  const parts = new RecordParts(source.size, Math.min(held, elements), spread);
  const shared = new SharedHashes(buckets.length, geometry.bucketElements);
  let records = 0;
  let bytes = 0;
  const sound = await pass.judge(structures, findings, (words, run) => {
    const { used, usedCount, keySizes, dataSizes } = words;
    for (let n = 0; n < usedCount; n++) bytes += keySizes[used[n]] + dataSizes[used[n]];
    records += usedCount;
    shared.mark(words, run);
    parts.count(words);
    parts.take(words, run, shared);
    // More than the file has room for cannot be in order.
    return bytes <= source.size;
  });
  if (!sound) return undefined;

  // 2. The keys, and the records in order of their places with what lies between them.
  const sweep = new AccountSweep(structures.extents.sort(), source.size, structures);
  const twins = new TwinFilter(shared.count);
  const prover = new KeyProver(source, parts, sweep, twins);
  const regions =
    parts.missed === 0
      ? [{ from: 0, to: parts.length }]
      : planRegions({ counts: parts.needed(), slice: 1 }, parts.room / ROW);
  if (regions === undefined) return undefined;
  for (const { from, to } of regions) {
    if (regions.length > 1) {
      parts.clear();
      await pass.eachBetween(from * PART, to * PART, (words, run) => parts.take(words, run, shared));
      // Only if the file changed meanwhile.
      if (parts.missed > 0) return undefined;
    }
    if (!(await prover.prove(from, to))) return undefined;
  }
  const account = sweep.finish();
  if (account === undefined) return undefined;

  // 3. No key is there twice.
  if (!(await twins.areDistinct(db))) return undefined;
  const { tablesValid } = pass;
  return { records, bytes, flavours: prover.flavours, account, buckets, runs: sweep.runs, tablesValid };
}
