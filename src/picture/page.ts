import type { CheckResult } from '../check/check.js';
import type { Database } from '../database/database.js';
import { placeNow } from '../database/database.js';
import { extendedHeaderOffset, extendedHeaderStruct, headerStruct } from '../format/header.js';
import { offsetSize } from '../format/layout.js';
import { OPCODES } from '../pickle/opcodes.js';
import { escapeStart } from '../report/escape.js';
import type { SalvagedRecord } from '../salvage/salvage.js';
import type { Range } from '../source/gather.js';
import { gather } from '../source/gather.js';
import type { Source } from '../source/source.js';
import { AREA_KINDS } from './areas.js';
import { base64 } from './base64.js';
import { HEX_BUDGET, hexData } from './hexdata.js';
import { MapMaker } from './mapdata.js';
import type { MapData, PageData, RecordData, StructureData } from './pagedata.js';
import { paint } from './paint.js';
import type { Picture } from './picture.js';
import { HASH_CELLS } from './picture.js';
import { structData } from './structs.js';

/** What a page has that the bytes do not tell. */
export type PageWords = Pick<PageData, 'statement' | 'path' | 'verdict' | 'headline' | 'advice' | 'facts'>;

/** Bytes of a key and of a value that are shown. */
const SHOWN_KEY = 96;
const SHOWN_VALUE = 192;
const SHOWN_TEXT = 300;
/** Places of a summarised file that are shown exactly although nothing is known of them. */
const SAMPLED_PLACES = 24;

/**
 * What a page shows of a database: samples and summaries, so that a file of any size makes a page of at most a few MB.
 *
 * @param file the file as it lies there
 */
export async function pageOfDatabase(
  db: Database,
  file: Source,
  picture: Picture,
  words: PageWords,
): Promise<PageData> {
  const { claims, checked } = picture;
  const structures = structuresOf(db, picture);
  const findings = findingsOf(checked, db);
  const shown = [...picture.old.shown, ...picture.records.shown];
  const places = [
    0,
    ...findings.flatMap(({ offset }) => offset ?? []),
    ...structures.slice(0, 4).map(([, at]) => at),
  ];
  for (let i = 1; i <= SAMPLED_PLACES; i++) places.push(Math.floor((file.size * i) / (SAMPLED_PLACES + 1)));
  const maker = new MapMaker(
    file.size,
    places.filter((place) => place >= 0 && place < file.size),
  );
  await paint(claims, file.size, maker.visit);
  const map = maker.finish();
  const hex = await hexData(file, hexWanted(checked, structures, findings, shown, db, file.size));
  return {
    ...words,
    size: file.size,
    kinds: AREA_KINDS,
    totals: maker.totals.bytes,
    map,
    little: db.format.byteOrder === 'little',
    structs: structData(db.format),
    structures,
    hex,
    findings,
    findingCounts: checked.findingCounts,
    records: { shown: await recordsOf(db, shown), live: picture.records.all, old: picture.old.all },
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
    summarised: summaries(file.size, picture, map),
    opcodes: OPCODES.map(({ code, name, argument }) => [code, name, argument] as const),
  };
}

/** The page of what is no database: its first bytes. */
export async function pageOfOther(file: Source, checked: CheckResult, words: PageWords): Promise<PageData> {
  const maker = new MapMaker(file.size, [0]);
  await paint(() => {}, file.size, maker.visit);
  return {
    ...words,
    size: file.size,
    kinds: AREA_KINDS,
    totals: maker.totals.bytes,
    map: maker.finish(),
    little: true,
    structs: {},
    structures: [],
    hex: await hexData(file, [{ offset: 0, length: 4096 }]),
    findings: checked.findings,
    findingCounts: checked.findingCounts,
    records: { shown: [], live: 0, old: 0 },
    spread: {
      ...{
        elements: 0,
        fill: [],
        keySizes: [],
        valueSizes: [],
        hashes: new Array<number>(HASH_CELLS).fill(0),
      },
      ...{ open: [], uncovered: 1, buckets: 0 },
    },
    summarised: file.size > HEX_BUDGET ? ['Only the first 4,096 bytes of the file are in this page.'] : [],
    opcodes: [],
  };
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

function findingsOf({ findings }: CheckResult, db: Database): PageData['findings'] {
  return findings.map((one) => {
    const now = one.offset === null ? -1 : placeNow(db, one.offset);
    const cut = (text: string) => (text.length > SHOWN_TEXT ? `${text.slice(0, SHOWN_TEXT)}…` : text);
    return { ...one, found: cut(one.found), expected: cut(one.expected), offset: now < 0 ? null : now };
  });
}

async function recordsOf(db: Database, records: readonly SalvagedRecord[]): Promise<RecordData[]> {
  const data = new Array<RecordData>(records.length);
  const ranges = records.map(({ offset, keySize, dataSize }) => ({
    offset,
    // A long key's end is read by itself below.
    length:
      Math.min(keySize, SHOWN_KEY + 1) + (keySize <= SHOWN_KEY + 1 ? Math.min(dataSize, SHOWN_VALUE) : 0),
  }));
  await gather(db.source, ranges, (i, bytes) => {
    const { provenance, offset, keySize, dataSize, hash, bucket, element } = records[i];
    const shown = Math.min(keySize, SHOWN_KEY + 1);
    data[i] = {
      key: escapeStart(bytes.subarray(0, shown), SHOWN_KEY),
      provenance,
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

/** What is worth having in hex, the most important first. */
function* hexWanted(
  checked: CheckResult,
  structures: readonly StructureData[],
  findings: PageData['findings'],
  records: readonly SalvagedRecord[],
  db: Database,
  size: number,
): Generator<Range> {
  yield { offset: 0, length: 4096 };
  for (const { offset } of findings.slice(0, 200))
    if (offset !== null) yield { offset: offset - 128, length: 512 };
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
  // What is left goes to the beginning.
  yield { offset: 0, length: size };
}

function summaries(size: number, picture: Picture, { cell, exact, ranges }: MapData): string[] {
  const number = (n: number) => n.toLocaleString('en-US');
  const { records, old, buckets, checked, open } = picture;
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
  part('deleted or superseded records', old.shown.length, old.all);
  part('buckets', buckets.shown.length, buckets.all);
  const all = Object.values(checked.findingCounts).reduce((sum, n) => sum + n, 0);
  if (checked.findings.length < all) {
    said.push(
      `${number(checked.findings.length)} of ${number(all)} findings are listed, the first of each code.`,
    );
  }
  if (open.length === 256) said.push('Of the ranges of hashes without a bucket the first 256 are listed.');
  return said;
}
