import type { BuildResult, BuildSpec } from './builder.js';
import { DatabaseBuilder } from './builder.js';
import type { Sink } from './sink.js';
import type { FileFormat } from '../check/check.js';
import type { Database } from '../database/database.js';
import type { HashChar } from '../format/hash.js';
import { KeyHasher } from '../format/hash.js';
import { offsetSize } from '../format/format.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import type { RecordFilter } from '../profile/leaveout.js';
import type { KeptRecords } from './kept.js';
import { relocateKept } from './kept.js';
import { relocate } from './relocate.js';
import { readSalvaged } from '../salvage/read.js';
import type { Addition, SalvagedRecord } from '../salvage/salvage.js';
import { ADDITIONS } from '../salvage/salvage.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import type { CheckedDatabase, ProvedDatabase } from './checked.js';
import type { Added, NotKept } from './records.js';
import { NONE_NOT_KEPT, NOTHING_ADDED, filtered, recordsToKeep, targetHash } from './records.js';

/** What went into a fresh database. */
export interface RebuildResult extends BuildResult, Readonly<Record<NotKept, number>> {
  /** Records left out because the program that the database belongs to could not load it with them. */
  readonly leftOut: number;
  /** Of the records in the database those that were added to what is in force. */
  readonly added: Readonly<Record<Addition, number>>;
  /** Whether records and buckets were copied as they lay, and not record by record. */
  readonly relocated: boolean;
}

export const NONE_ADDED = { stale: 0, deleted: 0, carved: 0 };

/**
 * No honest directory is larger than its file, and hashes made to crowd must not make the fresh one so; up to this
 * many bytes it may be all the same.
 */
const SMALL_DIRECTORY = 1 << 20;

/** The kind of database that a source was, for its fresh copy. */
function specOf({ geometry, extended, byteOrder, layout, variant }: FileFormat): BuildSpec {
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
  const left = { ...NONE_NOT_KEPT, leftOut: 0 };
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
  const counts = { ...NONE_ADDED };
  const count = (kept: number) => {
    const addition = additions.get(kept);
    if (addition !== undefined) counts[addition]++;
  };
  const built = await builder.finish(additions.size > 0 ? count : undefined);
  return { ...built, ...left, added: counts, relocated: false };
}

/**
 * What is copied as it lies, without looking at one record after the other.
 *
 * @returns undefined where that cannot be: records share bytes, are in doubt, are stored under another hash, are left out or added
 */
export function keptOf(
  db: Database,
  survey: SearchedSurvey,
  { space, doubtful }: CheckedDatabase,
  { include }: Added,
  keep?: RecordFilter,
): KeptRecords | undefined {
  const { examination } = survey;
  const { runs } = space;
  const isAsItIs = include.length === 0 && keep === undefined;
  if (examination === undefined || runs === undefined || doubtful.size > 0 || !isAsItIs) return undefined;
  // Keys of another kind of machine get another hash.
  if (examination.signed > 0 && examination.unsigned > 0) return undefined;
  return { db, survey, examination, runs };
}

/**
 * Writes a fresh copy of a database that was proved to be in order but for what is around its records.
 *
 * @throws BuildError if the format cannot hold it
 */
export function rebuildProved({ db, checked, proof }: ProvedDatabase, sink: Sink): Promise<BuildResult> {
  return relocate(db, proof, specOf(checked.format), sink);
}

async function hashFor(source: Source, record: SalvagedRecord, target: HashChar): Promise<number> {
  if (record.hashChar === 'either' || record.hashChar === target) return record.hash;
  const hasher = new KeyHasher(record.keySize);
  for await (const piece of readChunks(source, record.offset, record.keySize)) hasher.update(piece);
  return hasher.digest(target);
}
