import type { Database } from '../database/database.js';
import { bucketStruct, BucketView, elementStruct } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import { slotOf } from '../format/directory.js';
import type { HashChar } from '../format/hash.js';
import { FREE_HASH, hashKey, isPortableKey } from '../format/hash.js';
import { offsetSize } from '../format/format.js';
import { member } from '../format/struct.js';
import { escapeStart } from '../report/escape.js';
import type { FieldView, RowView, StructureView } from './structure.js';
import { derived, stored } from './structure.js';

const SHOWN_KEY = 48;
/** Steps of a probe path that are listed. */
const MAX_STEPS = 400;

const hex = (value: number) => `0x${value.toString(16).padStart(8, '0')}`;

/** The hash of a key, and where it leads: directory slot, bucket, home position. */
export function inspectHash(db: Database, key: Uint8Array): StructureView[] {
  return flavoursOf(key).map((flavour) => ({
    structure: `hash of "${escapeStart(key, SHOWN_KEY)}"`,
    offset: null,
    size: 0,
    fields: hashFields(db, key, flavour),
  }));
}

/**
 * How a lookup goes: the hash, the slot, the bucket, each element that is probed and why it is passed, and where key and value
 * are. A key that hashes differently on other machines is looked up both ways.
 */
export async function inspectRecord(db: Database, key: Uint8Array): Promise<StructureView[]> {
  const views: StructureView[] = [];
  for (const flavour of flavoursOf(key)) views.push(await lookup(db, key, flavour));
  return views;
}

function flavoursOf(key: Uint8Array): HashChar[] {
  return isPortableKey(key) ? ['signed'] : ['signed', 'unsigned'];
}

function hashFields(db: Database, key: Uint8Array, flavour: HashChar): FieldView[] {
  const { directory, geometry, format } = db;
  const hash = hashKey(key, flavour);
  const how = isPortableKey(key) ? 'the same on every machine' : `of ${flavour} char`;
  const fields = [derived('hash', hash, `${hex(hash)}, ${how}`)];
  const place = geometry.directory;
  if (place !== undefined && directory.length > 0) {
    const slot = slotOf(hash, Math.log2(directory.length));
    const width = offsetSize(format.layout);
    fields.push(derived('slot', slot, `of ${directory.length}`));
    fields.push(stored('bucket', place.offset + slot * width, width, directory[slot]));
  }
  fields.push(derived('home', hash % geometry.bucketElements, `of ${geometry.bucketElements} elements`));
  return fields;
}

async function lookup(db: Database, key: Uint8Array, flavour: HashChar): Promise<StructureView> {
  const { source, directory, geometry, format } = db;
  const fields = hashFields(db, key, flavour);
  const view = { structure: `record "${escapeStart(key, SHOWN_KEY)}"`, offset: null, size: 0 };
  const hash = hashKey(key, flavour);
  const offset = directory.length === 0 ? -1 : directory[slotOf(hash, Math.log2(directory.length))];
  if (!(offset >= geometry.blockSize && offset + geometry.bucketSize <= source.size)) {
    const why = directory.length === 0 ? 'there is no directory' : 'its slot leads to no bucket';
    return { ...view, fields: [...fields, derived('found', 'no', why)] };
  }
  const bucket = new BucketView(
    await source.read(offset, geometry.bucketSize),
    format,
    geometry.bucketElements,
  );
  const bits = member(bucketStruct(format.layout), 'bucket_bits');
  fields.push(stored('bucket_bits', offset + bits.offset, bits.size, bucket.bits));
  const rows: RowView[] = [];
  for (let step = 0; step < bucket.elements; step++) {
    const i = (hash + step) % bucket.elements;
    const verdict = await judge(db, bucket, i, hash, key);
    if (rows.length < MAX_STEPS || verdict === 'found') {
      rows.push({
        step,
        element: i,
        offset: offset + bucket.elementOffset(i),
        hash: bucket.hash(i),
        verdict,
      });
    }
    if (verdict === 'free: not in this bucket') break;
    if (verdict !== 'found') continue;
    const at = bucket.dataPointer(i);
    const { size } = elementStruct(format.layout);
    return {
      ...view,
      fields: [
        ...fields,
        derived('found', 'yes', step === 0 ? 'at home' : `${step} step${step === 1 ? '' : 's'} from home`),
        stored('element', offset + bucket.elementOffset(i), size, i),
        stored('key', at, bucket.keySize(i), `${bucket.keySize(i)} bytes`),
        stored('value', at + bucket.keySize(i), bucket.dataSize(i), `${bucket.dataSize(i)} bytes`),
      ],
      rows,
    };
  }
  return { ...view, fields: [...fields, derived('found', 'no')], rows };
}

async function judge(
  db: Database,
  bucket: BucketView,
  i: number,
  hash: number,
  key: Uint8Array,
): Promise<string> {
  if (bucket.hash(i) === FREE_HASH) return 'free: not in this bucket';
  if (bucket.hash(i) !== hash) return 'another hash';
  if (bucket.keySize(i) !== key.length) return `the same hash, a key of ${bucket.keySize(i)} bytes`;
  const at = bucket.dataPointer(i);
  if (!(at >= 0 && at + key.length <= db.source.size)) return 'the same hash, outside of the file';
  return equalBytes(await db.source.read(at, key.length), key) ? 'found' : 'the same hash, another key';
}
