import type { Database } from '../../database/database.js';
import type { FindingList } from '../finding.js';
import type { SpaceAccount } from '../space.js';
import { AccountSweep } from './account.js';
import { BucketPass, pushElement } from './bucketpass.js';
import { ElementColumns } from './columns.js';
import type { DirectoryRuns } from './directoryruns.js';
import { directoryRuns } from './directoryruns.js';
import type { Extents } from './extents.js';
import type { Flavours } from './keys.js';
import { proveKeys } from './keys.js';
import { planRegions, RecordHistogram } from './regions.js';
import type { RecordRuns } from './recordruns.js';
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
}

/** Records held at a time: 32 bytes each with their sorting. */
const HELD = 1 << 20;

/**
 * Proves of a database that each bucket and each record is in order: the directory's runs are those that the buckets
 * say, a lookup reaches each element, each key gives its element's hash and is there once, and no byte belongs to two of
 * them, or to one and to free space. All that a check would find then is in header, directory's place and avail tables.
 *
 * The buckets are read in order of their places, then the keys in order of theirs, a part of the file at a time, so that
 * memory does not grow with the file: 32 bytes for each of at most {@link HELD} records, 17 for each structure.
 *
 * @param structures what is no record and no bucket; the buckets and their free space are added
 * @param findings gets what an intact file may have in the avail tables of its buckets
 * @param held elements remembered at a time
 * @returns undefined where anything is not so; what it is, the examination of each element tells
 * @throws SourceError if the source cannot be read
 */
export async function prove(
  db: Database,
  structures: Extents,
  findings: FindingList,
  held = HELD,
): Promise<Proof | undefined> {
  if (db.headerLost || db.missing !== 0 || db.rearrangement !== undefined) return undefined;
  const buckets = directoryRuns(db);
  if (buckets === undefined) return undefined;
  const { source, geometry } = db;
  const pass = new BucketPass(db, buckets);

  // 1. Every bucket by itself; as many elements are remembered as there is room for.
  const columns = new ElementColumns(Math.min(held, buckets.length * geometry.bucketElements));
  const histogram = new RecordHistogram(source.size);
  let bytes = 0;
  const sound = await pass.judge(structures, findings, (words, i, pointer) => {
    histogram.add(pointer);
    bytes += words.keySize(i) + words.dataSize(i);
    pushElement(columns, words, i, pointer);
  });
  if (!sound || bytes > source.size) return undefined;

  // 2. The records and their keys, in order of their places, with what lies between them.
  const sweep = new AccountSweep(structures.sort(), source.size);
  const flavours: Flavours = { either: 0, signed: 0, unsigned: 0 };
  const twins = new TwinFilter(histogram.records);
  const regions = planRegions(histogram, held);
  if (regions === undefined) return undefined;
  for (const { from, to } of regions) {
    if (regions.length > 1) {
      columns.length = 0;
      await pass.each((words) => {
        for (let i = 0; i < words.elements; i++) {
          if (words.isFree(i)) continue;
          const pointer = words.pointer(i);
          if (pointer >= from && pointer < to) pushElement(columns, words, i, pointer);
        }
        return true;
      });
    }
    const order = columns.orderByOffset(from, to);
    const { offsets, keySizes, dataSizes } = columns;
    const visit = (n: number) => sweep.takeRecord(offsets[n], keySizes[n] + dataSizes[n]);
    if (!(await proveKeys(source, columns, order, flavours, twins, visit))) return undefined;
  }
  const account = sweep.finish();
  if (account === undefined) return undefined;

  // 3. No key is there twice.
  if (!(await twins.areDistinct(source, pass))) return undefined;
  return { records: histogram.records, bytes, flavours, account, buckets, runs: sweep.runs };
}
