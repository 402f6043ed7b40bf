import fc from 'fast-check';
import type { Database } from '../../src/database/database.js';
import { openDatabase } from '../../src/database/database.js';
import { bucketStruct, BucketView, elementStruct } from '../../src/format/bucket.js';
import { survey } from '../../src/database/survey.js';
import { headerAvailOffset, headerStruct } from '../../src/format/header.js';
import { offsetSize } from '../../src/format/format.js';
import { member, viewOf } from '../../src/format/struct.js';
import type { SalvagedRecord } from '../../src/salvage/salvage.js';
import { salvage } from '../../src/salvage/salvage.js';
import { memorySource } from '../../src/source/source.js';
import { text } from '../build/build.js';

/** A sound database and where everything in it is. */
export interface Intact {
  readonly bytes: Uint8Array;
  readonly db: Database;
  readonly records: readonly StoredText[];
}

/** A record with its key and value as text, and its place. */
export interface StoredText extends Pick<
  SalvagedRecord,
  'offset' | 'keySize' | 'dataSize' | 'bucket' | 'element'
> {
  readonly key: string;
  readonly value: string;
}

export async function intactOf(bytes: Uint8Array): Promise<Intact> {
  const db = await openDatabase(memorySource(bytes));
  if (db === undefined) throw new Error('expected a sound database');
  const records: StoredText[] = [];
  for await (const batch of salvage(db, await survey(db))) {
    for (const { offset, keySize, dataSize, bucket, element } of batch) {
      const bytes = await db.source.read(offset, keySize + dataSize);
      const place = { offset, keySize, dataSize, bucket, element };
      records.push({ ...place, key: text(bytes.subarray(0, keySize)), value: text(bytes.subarray(keySize)) });
    }
  }
  return { bytes, db, records };
}

/** Every key with its value in a database. */
export async function contentsOf(bytes: Uint8Array): Promise<Map<string, string>> {
  const { records } = await intactOf(bytes);
  return new Map(records.map(({ key, value }) => [key, value]));
}

/** One damage, in numbers that any database gives a meaning to. */
export interface Damage {
  readonly kind: (typeof KINDS)[number];
  /** Number of the byte, sector, slot, record or field. */
  readonly where: number;
  readonly which: number;
  readonly value: number;
}

const KINDS = [
  'flip',
  'flip',
  'zero sector',
  'fill sector',
  'truncate',
  'append',
  'header field',
  'directory entry',
  'directory entry of another slot',
  'bucket field',
  'element field',
] as const;

/** Numbers that are often just beside a limit. */
const EDGES = [0, 1, -1, 2, 7, 8, 64, 511, 512, 513, 1024, 4096, 0x7fffffff, -0x80000000];

export const anyDamages: fc.Arbitrary<Damage[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    where: fc.nat(),
    which: fc.nat(),
    value: fc.oneof(fc.constantFrom(...EDGES), fc.nat(20_000), fc.integer()),
  }),
  { minLength: 1, maxLength: 4 },
);

/** A damaged copy. */
export function damage({ bytes, db, records }: Intact, damages: readonly Damage[]): Uint8Array {
  let damaged = Uint8Array.from(bytes);
  for (const one of damages) damaged = damageOnce(damaged, one, db, records);
  return damaged;
}

function damageOnce(
  bytes: Uint8Array<ArrayBuffer>,
  { kind, where, which, value }: Damage,
  { format, geometry, directory }: Database,
  records: readonly StoredText[],
): Uint8Array<ArrayBuffer> {
  const { layout } = format;
  const little = format.byteOrder === 'little';
  const view = viewOf(bytes);
  // Earlier damage may have cut off what this one would change.
  const setInt = (at: number, to: number) => {
    if (at + 4 <= bytes.length) view.setInt32(at, to, little);
  };
  /** The half of an offset that holds small numbers. */
  const low = (at: number) => at + (!little && offsetSize(layout) === 8 ? 4 : 0);
  const sector = 512 * (where % Math.ceil(bytes.length / 512 || 1));
  const directoryAt = geometry.directory!.offset;
  const entryAt = (slot: number) => directoryAt + slot * offsetSize(layout);
  switch (kind) {
    case 'flip':
      if (bytes.length > 0) bytes[where % bytes.length] ^= 1 + (which % 255);
      return bytes;
    case 'zero sector':
      return bytes.fill(0, sector, sector + 512);
    case 'fill sector':
      return bytes.fill(which, sector, sector + 512);
    case 'truncate':
      return bytes.slice(0, bytes.length - (where % (which % 2 === 0 ? 1000 : bytes.length + 1)));
    case 'append': {
      const longer = new Uint8Array(bytes.length + 1 + (where % 3000)).fill(which);
      longer.set(bytes);
      return longer;
    }
    case 'header field': {
      const { members } = headerStruct(layout);
      const { offset } = members[which % members.length];
      // The avail block's head is part of the header block.
      const at = which % 4 === 0 ? headerAvailOffset(format) + 4 * (where % 4) : offset;
      setInt(where % 3 === 0 ? at : low(at), value);
      return bytes;
    }
    case 'directory entry':
      setInt(low(entryAt(where % directory.length)), value);
      return bytes;
    case 'directory entry of another slot':
      setInt(low(entryAt(where % directory.length)), directory[which % directory.length]);
      return bytes;
    case 'bucket field': {
      const bucket = directory[where % directory.length];
      const fields = ['av_count', 'bucket_avail', 'bucket_bits', 'count'];
      setInt(bucket + member(bucketStruct(layout), fields[which % fields.length]).offset, value);
      return bytes;
    }
    case 'element field': {
      if (records.length === 0) return bytes;
      const { bucket, element } = records[where % records.length];
      const fields = ['hash', 'key_start', 'data_pointer', 'key_size', 'data_size'];
      const at = elementAt(bucket, element, format) + member(elementStruct(layout), fields[which % 5]).offset;
      setInt(fields[which % 5] === 'data_pointer' ? low(at) : at, value);
      return bytes;
    }
  }
}

/** File offset of a bucket's element. */
export function elementAt(bucket: number, element: number, format: Database['format']): number {
  return bucket + new BucketView(new Uint8Array(0), format, 0).elementOffset(element);
}
