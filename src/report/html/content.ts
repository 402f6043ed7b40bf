import type { CheckResult } from '../../check/check.js';
import type { FindingGroup, FindingPlace } from '../../check/finding.js';
import { groupFindings } from '../../check/finding.js';
import type { Database } from '../../database/database.js';
import { placeNow } from '../../database/database.js';
import { extendedHeaderOffset, extendedHeaderStruct, headerStruct } from '../../format/header.js';
import { offsetSize } from '../../format/format.js';
import { OPCODES } from '../../pickle/opcodes.js';
import { base64, escapeBytes, escapeStart, number, shellPath } from '../escape.js';
import type { OldRecord } from '../../salvage/oldrecord.js';
import type { SalvagedRecord } from '../../salvage/salvage.js';
import type { Range } from '../../source/ranges.js';
import { gather } from '../../source/ranges.js';
import type { Source } from '../../source/source.js';
import { AREA_KINDS, paint } from '../map.js';
import { MapMaker } from './mapdata.js';
import type {
  MapData,
  Page,
  PageData,
  PageWords,
  RecordData,
  StructureData,
  StructData,
} from './pagedata.js';
import type { Picture } from '../picture.js';
import { HASH_CELLS, oldClass } from '../picture.js';
import { availBlockStruct, availElementStruct, availTableOffset } from '../../format/avail.js';
import { bucketStruct, elementStruct } from '../../format/bucket.js';
import type { Format } from '../../format/format.js';
import type { Struct } from '../../format/struct.js';
import { member } from '../../format/struct.js';
import { joinRanges } from '../../source/sweep.js';

/** Bytes of a key and of a value that are shown. */
const SHOWN_KEY = 96;
const SHOWN_VALUE = 192;
const SHOWN_TEXT = 300;
/** Places of a summarised file that are shown exactly although nothing is known of them. */
const SAMPLED_PLACES = 24;

/**
 * The data of a page about a database: samples and summaries, so that a file of any size makes a page of at most a few MB.
 *
 * @param file the file as it lies there
 */
export async function pageOfDatabase(
  db: Database,
  file: Source,
  picture: Picture,
  words: PageWords,
  path: string,
): Promise<Page> {
  const { claims, checked } = picture;
  const structures = structuresOf(db, picture);
  const findings = groupFindings(checked).map((group) => groupNow(group, db));
  const marks = marksOf(findings);
  const shown = [...picture.old.shown, ...picture.records.shown];
  const places = [0, ...marks, ...structures.slice(0, 4).map(([, at]) => at)];
  for (let i = 1; i <= SAMPLED_PLACES; i++) places.push(Math.floor((file.size * i) / (SAMPLED_PLACES + 1)));
  const maker = new MapMaker(
    file.size,
    places.filter((place) => place >= 0 && place < file.size),
  );
  await paint(claims, file.size, maker.visit);
  const map = maker.finish();
  const hex = await hexData(file, hexWanted(checked, structures, marks, shown, db, file.size));
  const data: PageData = {
    path: shellPath(path),
    size: file.size,
    kinds: AREA_KINDS,
    totals: maker.totals.bytes,
    map,
    little: db.format.byteOrder === 'little',
    structs: structData(db.format),
    structures,
    hex,
    marks,
    records: { shown: await recordsOf(db, shown), classes: classesOf(picture) },
    spread: {
      elements: db.geometry.bucketElements,
      fill: picture.fill,
      keySizes: picture.keySizes,
      valueSizes: picture.valueSizes,
      hashes: picture.hashes,
      open: picture.open.map(({ first, end }) => [first, end] as const),
      uncovered: checked.records.uncovered,
      buckets: picture.buckets.all,
    },
    opcodes: OPCODES.map(({ code, name, argument }) => [code, name, argument] as const),
  };
  return { ...words, size: file.size, findings, summarised: summaries(file.size, picture, map), data };
}

/** The page of what is no database: its first bytes. */
export async function pageOfOther(
  file: Source,
  checked: CheckResult,
  words: PageWords,
  path: string,
): Promise<Page> {
  const maker = new MapMaker(file.size, [0]);
  await paint(() => {}, file.size, maker.visit);
  const data: PageData = {
    path: shellPath(path),
    size: file.size,
    kinds: AREA_KINDS,
    totals: maker.totals.bytes,
    map: maker.finish(),
    little: true,
    structs: {},
    structures: [],
    hex: await hexData(file, [{ offset: 0, length: 4096 }]),
    marks: [],
    records: { shown: [], classes: [] },
    spread: {
      elements: 0,
      fill: [],
      keySizes: [],
      valueSizes: [],
      hashes: new Array<number>(HASH_CELLS).fill(0),
      open: [],
      uncovered: 1,
      buckets: 0,
    },
    opcodes: [],
  };
  const summarised =
    file.size > HEX_BUDGET ? ['Only the first 4,096 bytes of the file are in this page.'] : [];
  return { ...words, size: file.size, findings: groupFindings(checked), summarised, data };
}

function structuresOf(db: Database, { availBlocks, buckets }: Picture): StructureData[] {
  const { format, geometry, directory, headerLost } = db;
  const found: StructureData[] = [];
  const add = (struct: string, offset: number, size: number, name: string) =>
    found.push([struct, placeNow(db, offset), size, name]);
  if (!headerLost) {
    add('header', 0, headerStruct(format.layout).size, 'header');
    if (format.variant === 'numsync') {
      add(
        'extended',
        extendedHeaderOffset(format.layout),
        extendedHeaderStruct(format.layout).size,
        'extended header',
      );
    }
  }
  if (geometry.directory !== undefined) {
    const size = directory.length * offsetSize(format.layout);
    add('directory', geometry.directory.offset, size, `directory of ${directory.length} slots`);
  }
  availBlocks.forEach(({ offset, bytes }, i) =>
    add('avail', offset, bytes, i === 0 ? "header's avail block" : `avail block ${i + 1} of the chain`),
  );
  for (const { offset, firstSlot, slots, bits, used, state } of buckets.shown) {
    const slot =
      firstSlot < 0
        ? 'no slot leads here'
        : slots === 1
          ? `slot ${firstSlot}`
          : `slots ${firstSlot} to ${firstSlot + slots - 1}`;
    const how = state === 'sound' ? '' : `, ${state}`;
    add(
      'bucket',
      offset,
      geometry.bucketSize,
      `bucket (${slot}; ${bits} bits, ${used} elements in use${how})`,
    );
  }
  return found;
}

/** The same with places in the file as it lies there, and texts of a bounded length. */
function groupNow(group: FindingGroup, db: Database): FindingGroup {
  const now = <T extends FindingPlace>(one: T): T => {
    const place = one.offset === null ? -1 : placeNow(db, one.offset);
    const cut = (text: string) => (text.length > SHOWN_TEXT ? `${text.slice(0, SHOWN_TEXT)}…` : text);
    const offset = place < 0 ? null : place;
    return { ...one, found: cut(one.found), expected: cut(one.expected), offset };
  };
  return {
    ...now(group),
    places: group.places.map(now),
    consequences: group.consequences.map((one) => groupNow(one, db)),
  };
}

/** Places of errors and warnings, those of causes before those of their consequences. */
function marksOf(groups: readonly FindingGroup[]): number[] {
  const told = groups.filter(({ severity }) => severity !== 'note');
  const own = told.flatMap(({ places }) => places.flatMap(({ offset }) => offset ?? []));
  return [...own, ...told.flatMap(({ consequences }) => marksOf(consequences))];
}

/** The number of records of each class; old ones are also divided by confidence. */
function classesOf({ records, old }: Picture): [string, number][] {
  return [...records.counts, ...old.counts];
}

async function recordsOf(
  db: Database,
  records: readonly (SalvagedRecord | OldRecord)[],
): Promise<RecordData[]> {
  const data = new Array<RecordData>(records.length);
  const ranges = records.map(({ offset, keySize, dataSize }) => ({
    offset,
    // A long key's end is read by itself below.
    length:
      Math.min(keySize, SHOWN_KEY + 1) + (keySize <= SHOWN_KEY + 1 ? Math.min(dataSize, SHOWN_VALUE) : 0),
  }));
  await gather(db.source, ranges, (i, bytes) => {
    const record = records[i];
    const { offset, keySize, dataSize, hash, bucket, element } = record;
    const old = 'confidence' in record ? record : undefined;
    const isTrace = old?.confidence === 'trace';
    const shown = Math.min(keySize, SHOWN_KEY + 1);
    data[i] = {
      key: isTrace
        ? `${escapeBytes(old.keyStart)}… (${keySize} bytes of key)`
        : escapeStart(bytes.subarray(0, shown), SHOWN_KEY),
      class: old === undefined ? record.provenance : oldClass(old),
      note: old === undefined ? '' : noteOf(old),
      offset: placeNow(db, offset),
      keySize,
      valueSize: dataSize,
      hash,
      bucket: bucket < 0 ? -1 : placeNow(db, bucket),
      element,
      preview: base64(bytes.subarray(shown)),
    };
  });
  return data;
}

/** Further facts about an old record. */
function noteOf({ confidence, overwritten, keySize, dataSize, replaced }: OldRecord): string {
  const { key, value } = overwritten;
  return [
    ...(confidence === 'trace' ? ['The key is overwritten.'] : []),
    ...(key + value > 0 ? [`${key + value} of its ${keySize + dataSize} bytes are overwritten.`] : []),
    ...(replaced ? ['The key has a newer value.'] : []),
  ].join(' ');
}

/** Ranges to show in hex, the most important first. */
function* hexWanted(
  checked: CheckResult,
  structures: readonly StructureData[],
  marks: readonly number[],
  records: readonly SalvagedRecord[],
  db: Database,
  size: number,
): Generator<Range> {
  yield { offset: 0, length: 4096 };
  for (const offset of marks.slice(0, 200)) yield { offset: offset - 128, length: 512 };
  for (const [struct, offset, bytes] of structures.filter(([name]) => name !== 'bucket')) {
    yield { offset, length: Math.min(bytes, struct === 'directory' ? 8192 : 4096) };
  }
  for (const { offset, length } of checked.space?.gaps ?? [])
    yield { offset: placeNow(db, offset), length: Math.min(length, 512) };
  const buckets = structures.filter(([name]) => name === 'bucket');
  const step = Math.max(1, Math.ceil(buckets.length / 64));
  for (let i = 0; i < buckets.length; i += step)
    yield { offset: buckets[i][1], length: Math.min(buckets[i][2], 4096) };
  const each = Math.max(1, Math.ceil(records.length / 600));
  for (let i = 0; i < records.length; i += each) {
    const { offset, keySize, dataSize } = records[i];
    yield { offset: placeNow(db, offset), length: Math.min(keySize + dataSize, 256) };
  }
  // The rest of the budget goes to the beginning.
  yield { offset: 0, length: size };
}

function summaries(size: number, picture: Picture, { cell, exact, ranges }: MapData): string[] {
  const { records, old, buckets, open } = picture;
  const plus = (a: number, b: number) => a + b;
  const said: string[] = [];
  if (cell > 0) {
    said.push(
      `The file has ${number(ranges)} ranges. The map draws each one at ${number(exact.length)} places; elsewhere it has ` +
        `cells of ${number(cell)} bytes, whose colours stand in the proportion of their bytes. Its totals are exact.`,
    );
  }
  if (size > HEX_BUDGET) {
    said.push(
      `The page has ${number(HEX_BUDGET)} of the file's ${number(size)} bytes in hex: its structures, the places of findings, and a sample of records.`,
    );
  }
  const part = (what: string, shown: number, all: number) => {
    if (shown < all) said.push(`${number(shown)} of ${number(all)} ${what} are listed, evenly chosen.`);
  };
  part('records in force', records.shown.length, records.all);
  part('deleted or superseded records', old.shown.length, [...old.counts.values()].reduce(plus, 0));
  part('buckets', buckets.shown.length, buckets.all);
  if (old.dropped > 0) said.push(`${number(old.dropped)} old elements more were too many to be held.`);
  if (open.length === 256) said.push('Of the ranges of hashes without a bucket the first 256 are listed.');
  return said;
}

/** The structs of a format, as a page needs them to name the fields of any bytes that it shows. */
function structData({ layout }: Format): Record<string, StructData> {
  const element = elementStruct(layout);
  const avail = availElementStruct(layout);
  const bucket = bucketStruct(layout);
  const own = member(bucket, 'bucket_avail');
  const table = Array.from({ length: own.size / avail.size }, (_, i) =>
    fieldsOf(avail).map(
      ([name, at, size]) => [`bucket_avail[${i}].${name}`, own.offset + i * avail.size + at, size] as const,
    ),
  );
  return {
    header: { fields: fieldsOf(headerStruct(layout)) },
    extended: { fields: fieldsOf(extendedHeaderStruct(layout)) },
    avail: {
      fields: fieldsOf(availBlockStruct(layout)),
      tableAt: availTableOffset(layout),
      stride: avail.size,
      row: fieldsOf(avail),
    },
    directory: {
      fields: [],
      tableAt: 0,
      stride: offsetSize(layout),
      row: [['bucket', 0, offsetSize(layout)]],
    },
    bucket: {
      fields: [...fieldsOf(bucket), ...table.flat()].sort((a, b) => a[1] - b[1]),
      tableAt: member(bucket, 'elements').offset,
      stride: element.size,
      row: fieldsOf(element),
    },
  };
}

/** A struct's numbers and bytes; tables are given apart. */
function fieldsOf({ members }: Struct): (readonly [string, number, number])[] {
  return members
    .filter(({ type }) => typeof type === 'string' || 'bytes' in type)
    .map(({ name, offset, size }) => [name, offset, size] as const);
}

/** Bytes of the file that a page has at most. */
const HEX_BUDGET = 768 * 1024;

/**
 * The file's bytes that a page has: all of a small file, of a large one the wanted ranges in their order of importance,
 * as far as the budget goes.
 */
async function hexData(
  source: Source,
  wanted: Iterable<Range>,
  budget = HEX_BUDGET,
): Promise<[offset: number, base64: string][]> {
  const ranges: Range[] = [];
  let left = budget;
  if (source.size <= budget) ranges.push({ offset: 0, length: source.size });
  else {
    for (const { offset, length } of wanted) {
      const from = Math.max(0, offset);
      const size = Math.min(length + Math.min(0, offset), source.size - from, left);
      if (size <= 0) continue;
      ranges.push({ offset: from, length: size });
      left -= size;
      if (left === 0) break;
    }
  }
  const data: [number, string][] = [];
  for (const { offset, length } of joinRanges(ranges))
    data.push([offset, base64(await source.read(offset, length))]);
  return data;
}
