import { checkAvailChain } from '../check/avail.js';
import type { Database } from '../database/database.js';
import { placeNow } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { isReadable, readSite } from '../database/survey.js';
import {
  availBlockStruct,
  availElementStruct,
  availTableOffset,
  decodeAvailHead,
  decodeAvailTable,
} from '../format/avail.js';
import { BUCKET_AVAIL, bucketStruct, BucketView, elementStruct, fromHome } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import { endOfRun, slotOf } from '../format/directory.js';
import { describeFormat, magicMeaning, offsetSize } from '../format/format.js';
import type { HashChar } from '../format/hash.js';
import { FREE_HASH, hashKey, isPortableKey } from '../format/hash.js';
import { extendedHeaderOffset, extendedHeaderStruct, headerStruct } from '../format/header.js';
import { member } from '../format/struct.js';
import { readUpTo } from '../source/source.js';
import { escapeStart } from './escape.js';
import type { FieldView, RowView, StructureView } from './structures.js';
import { derived, stored, viewStruct } from './structures.js';

/** Bytes of a key shown in a row. */
const SHOWN_KEY = 48;

/** The header and, where there is one, the extended header. */
export async function inspectHeader({ source, format }: Database): Promise<StructureView[]> {
  const struct = headerStruct(format.layout);
  const bytes = padded(await readUpTo(source, 0, struct.size), struct.size);
  const header: StructureView = {
    structure: 'header',
    offset: 0,
    size: struct.size,
    fields: viewStruct(struct, format.byteOrder, bytes, 0, {
      magic: (value) => {
        const meaning = magicMeaning(value);
        const hex = `0x${value.toString(16).padStart(8, '0')}`;
        return meaning === undefined
          ? `${hex}, unknown; read as ${describeFormat(format)}`
          : `${hex}, ${describeFormat(format)}`;
      },
      dir_bits: (value) => `2^${value} directory entries`,
      next_block: (value) =>
        value === source.size ? "the file's size" : `the file's size is ${source.size}`,
    }),
  };
  if (format.variant !== 'numsync') return [header];
  const offset = extendedHeaderOffset(format.layout);
  const extended = extendedHeaderStruct(format.layout);
  const more = padded(await readUpTo(source, offset, extended.size), extended.size);
  const fields = viewStruct(extended, format.byteOrder, more, offset);
  return [header, { structure: 'extended header', offset, size: extended.size, fields }];
}

/** The directory: runs of slots that lead to the same bucket. */
export function inspectDirectory(db: Database): StructureView[] {
  const { directory, geometry, format } = db;
  if (geometry.directory === undefined) return [];
  const width = offsetSize(format.layout);
  const { offset, bits } = geometry.directory;
  const rows = [];
  for (let slot = 0, end: number; slot < directory.length; slot = end) {
    end = endOfRun(directory, slot);
    rows.push({ slots: `${slot}-${end - 1}`, offset: offset + slot * width, bucket: directory[slot] });
  }
  const size = directory.length * width;
  return [
    {
      structure: 'directory',
      offset,
      size,
      fields: [
        {
          name: 'bits',
          offset,
          size: 0,
          value: bits,
          meaning: `${directory.length} slots of ${width} bytes`,
        },
        { name: 'buckets', offset, size: 0, value: new Set(directory).size },
      ],
      rows,
    },
  ];
}

/**
 * The bucket that a directory slot leads to, with its avail table and its elements.
 *
 * @throws RangeError if there is no such slot or it leads nowhere
 */
export async function inspectBucket(db: Database, slot: number): Promise<StructureView[]> {
  const { source, format, geometry, directory } = db;
  if (!(slot >= 0 && slot < directory.length)) {
    throw new RangeError(`expected a directory slot, 0 to ${directory.length - 1}, found ${slot}`);
  }
  const offset = directory[slot];
  if (!(offset >= geometry.blockSize && offset + geometry.bucketSize <= source.size)) {
    throw new RangeError(`expected slot ${slot} to lead to a bucket inside the file, found offset ${offset}`);
  }
  const bytes = await source.read(offset, geometry.bucketSize);
  const bucket = new BucketView(bytes, format, geometry.bucketElements);
  const struct = bucketStruct(format.layout);
  const bits = Math.log2(directory.length);
  const elements = [];
  for (let i = 0; i < bucket.elements; i++) {
    const hash = bucket.hash(i);
    if (hash === FREE_HASH) continue;
    const at = bucket.dataPointer(i);
    const keySize = bucket.keySize(i);
    const inside = at >= 0 && keySize >= 0 && at + keySize <= source.size;
    const key = inside ? await source.read(at, Math.min(keySize, SHOWN_KEY + 1)) : undefined;
    elements.push({
      element: i,
      offset: offset + bucket.elementOffset(i),
      hash,
      home: hash >= 0 ? hash % bucket.elements : '-',
      slot: hash >= 0 ? slotOf(hash, bits) : '-',
      data_pointer: at,
      key_size: keySize,
      data_size: bucket.dataSize(i),
      key_start: escapeStart(bucket.keyStart(i), 4),
      key: key === undefined ? '(outside the file)' : escapeStart(key, SHOWN_KEY),
    });
  }
  const availAt = offset + member(struct, 'bucket_avail').offset;
  const availCount = Math.max(0, Math.min(BUCKET_AVAIL, bucket.availCount));
  const width = availElementStruct(format.layout).size;
  return [
    {
      structure: `bucket of slot ${slot}`,
      offset,
      size: geometry.bucketSize,
      fields: viewStruct(struct, format.byteOrder, bytes, offset, {
        count: () => `of ${bucket.elements} elements`,
        bucket_bits: () => `of the directory's ${bits}`,
      }),
      rows: elements,
    },
    {
      structure: 'avail table of the bucket',
      offset: availAt,
      size: BUCKET_AVAIL * width,
      fields: [],
      rows: bucket.avail(availCount).map((one, i) => ({ entry: i, offset: availAt + i * width, ...one })),
    },
  ];
}

/** The chain of avail blocks, the header's first. */
export async function inspectAvail(db: Database): Promise<StructureView[]> {
  const { source, format } = db;
  const { layout, byteOrder } = format;
  const struct = availBlockStruct(layout);
  const width = availElementStruct(layout).size;
  const { blocks } = await checkAvailChain(db);
  const views: StructureView[] = [];
  for (const { offset, bytes: size } of blocks) {
    const bytes = await source.read(offset, size);
    const head = decodeAvailHead(bytes, layout, byteOrder);
    const room = Math.floor((size - availTableOffset(layout)) / width);
    const count = Math.max(0, Math.min(head.count, room));
    const at = offset + availTableOffset(layout);
    const table = decodeAvailTable(bytes, availTableOffset(layout), count, layout, byteOrder);
    views.push({
      structure: views.length === 0 ? 'avail block of the header' : 'chained avail block',
      offset,
      size,
      fields: viewStruct(struct, byteOrder, bytes, offset),
      rows: table.map((one, i) => ({ entry: i, offset: at + i * width, ...one })),
    });
  }
  return views;
}

function padded(bytes: Uint8Array, size: number): Uint8Array {
  const whole = new Uint8Array(size);
  whole.set(bytes);
  return whole;
}

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
 * The steps of a lookup: the hash, the slot, the bucket, each element that is probed and why it is passed, and where key and value
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

/** Collisions that are listed. */
const MAX_ROWS = 200;

/** The number of records as libgdbm counts them, by the heads of buckets, and of elements in use. */
export function inspectCount({ sites }: Survey): StructureView[] {
  const led = sites.filter(({ origin, state }) => origin === 'directory' && state === 'sound');
  const others = sites.filter((site) => !led.includes(site) && isReadable(site));
  const used = (of: typeof sites) => of.reduce((sum, site) => sum + site.used, 0);
  return [
    {
      structure: 'count',
      offset: null,
      size: 0,
      fields: [
        derived(
          'count',
          led.reduce((sum, { count }) => sum + count, 0),
          'as the heads of the buckets have it',
        ),
        derived('buckets', led.length, 'sound, and led to by the directory'),
        derived('in use', used(led), 'elements of these buckets'),
        derived('elsewhere', used(others), 'elements of damaged or orphaned buckets'),
      ],
    },
  ];
}

/**
 * Elements that are not at home because another one was there first, and keys with the same hash. Both are sound; many of
 * them make lookups slow, and more keys of one hash than a bucket holds cannot be stored.
 */
export async function inspectCollisions(db: Database, { sites }: Survey): Promise<StructureView[]> {
  let inUse = 0;
  let displaced = 0;
  let steps = 0;
  let longest = 0;
  let equal = 0;
  const rows: RowView[] = [];
  for (const site of sites) {
    if (site.state !== 'sound') continue;
    const bucket = await readSite(db, site);
    const seen = new Map<number, number>();
    for (let i = 0; i < bucket.elements; i++) {
      const hash = bucket.hash(i);
      if (hash === FREE_HASH || hash < 0) continue;
      inUse++;
      const distance = fromHome(i, hash, bucket.elements);
      if (distance > 0) displaced++;
      steps += distance;
      longest = Math.max(longest, distance);
      const first = seen.get(hash);
      if (first === undefined) seen.set(hash, i);
      else {
        equal++;
        if (rows.length < MAX_ROWS) rows.push({ hash, bucket: placeNow(db, site.offset), first, element: i });
      }
    }
  }
  return [
    {
      structure: 'collisions',
      offset: null,
      size: 0,
      fields: [
        derived('in use', inUse, 'elements'),
        derived('displaced', displaced, 'not at their home position'),
        derived('mean', inUse === 0 ? 0 : Number((steps / inUse).toFixed(3)), 'steps from home'),
        derived('longest', longest, 'steps from home'),
        derived('same hash', equal, 'as an earlier element of the bucket'),
      ],
      ...(rows.length > 0 && { rows }),
    },
  ];
}

/** A summary of the format and the state of a file. */
export function inspectStatus(db: Database, { sites, claims }: Survey): StructureView[] {
  const { format, geometry, header, headerLost, confidence, extended, source } = db;
  let open = 0;
  for (const { first, end } of claims.open()) open += (end - first) / 2 ** 31;
  return [
    {
      structure: 'status',
      offset: null,
      size: 0,
      fields: [
        derived(
          'format',
          describeFormat(format),
          `${(confidence * 100).toFixed(0)} % of the evidence agrees`,
        ),
        derived('header', headerLost ? 'lost' : 'there'),
        derived(
          'size',
          source.size,
          header.next_block === source.size ? 'as next_block says' : 'next_block differs',
        ),
        derived('block size', geometry.blockSize),
        derived(
          'directory',
          geometry.directory === undefined ? 'not found' : geometry.directory.offset,
          `${db.directory.length} slots`,
        ),
        derived('buckets', sites.length, `${sites.filter(({ state }) => state === 'sound').length} sound`),
        derived('uncovered', `${(open * 100).toFixed(2)} %`, 'of all hashes have no bucket'),
        ...(extended === undefined ? [] : [derived('numsync', extended.numsync)]),
      ],
    },
  ];
}
