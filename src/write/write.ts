import type { HashChar } from '../format/hash.js';
import { KeyHasher } from '../format/hash.js';
import { readSalvaged } from '../salvage/read.js';
import type { SalvagedRecord } from '../salvage/salvage.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import type { BuildResult } from './builder.js';
import { DatabaseBuilder } from './builder.js';
import type { Contents, NotKept } from './contents.js';
import { NONE_NOT_KEPT } from './contents.js';
import { copyInOrder } from './copy.js';
import type { Sink } from './sink.js';

/** The outcome of writing a fresh database. */
export interface WriteResult extends BuildResult, Readonly<Record<NotKept, number>> {
  /** Records left out because the program that the database belongs to could not load it with them. */
  readonly leftOut: number;
  /** True if records and buckets were copied as they lay, and not record by record. */
  readonly copied: boolean;
}

/**
 * Writes a fresh database: a copy of what lies in order where that is possible, else record by record. In both the records
 * begin directly behind the header block and follow each other without a gap.
 *
 * @throws BuildError if the records do not fit the format
 */
export async function writeFresh(contents: Contents, sink: Sink): Promise<WriteResult> {
  const { source, spec, hashChar, original } = contents;
  const leftOut = { ...NONE_NOT_KEPT, leftOut: 0 };
  const copied = original && (await copyInOrder(original, spec, sink));
  if (copied !== undefined) return { ...copied, ...leftOut, copied: true };
  const builder = new DatabaseBuilder(sink, spec);
  for await (const { record, bytes } of readSalvaged(source, contents.records(leftOut), 'whole')) {
    const { offset, keySize, dataSize } = record;
    await builder.add({
      hash: await hashOf(source, record, hashChar),
      keySize,
      dataSize,
      bytes: bytes ?? readChunks(source, offset, keySize + dataSize),
    });
  }
  return { ...(await builder.finish()), ...leftOut, copied: false };
}

/** The hash of a record's key, of the flavour that is wanted. */
export async function hashOf(source: Source, record: SalvagedRecord, wanted: HashChar): Promise<number> {
  if (record.hashChar === 'either' || record.hashChar === wanted) return record.hash;
  const hasher = new KeyHasher(record.keySize);
  for await (const piece of readChunks(source, record.offset, record.keySize)) hasher.update(piece);
  return hasher.hash(wanted);
}
