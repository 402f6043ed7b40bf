import { checkAvailChain } from '../check/avail.js';
import { examineBuckets } from '../check/bucket.js';
import type { Database } from '../database/database.js';
import { bucketStruct, elementStruct } from '../format/bucket.js';
import { extendedHeaderOffset, extendedHeaderStruct, headerStruct } from '../format/header.js';
import { offsetSize } from '../format/format.js';
import type { Struct } from '../format/struct.js';
import { member } from '../format/struct.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { placesNow } from '../database/database.js';
import { salvageDeleted } from '../salvage/deleted.js';
import { provenanceOf } from '../salvage/salvage.js';
import { salvageStale } from '../salvage/stale.js';
import type { Source } from '../source/source.js';
import { readUpTo } from '../source/source.js';
import type { RowView, StructureView } from './structures.js';
import { derived } from './structures.js';

/** Bytes shown in hex, and in a row of it. */
const SHOWN = 64;
const PER_ROW = 16;

/**
 * The answer to `inspect at`: every structure, record and list of free space that claims it, and its bytes.
 *
 * @param file the file as it lies there, whose offset is meant
 */
export async function inspectAt(
  db: Database,
  survey: SearchedSurvey,
  file: Source,
  offset: number,
): Promise<StructureView[]> {
  const { geometry, format, directory } = db;
  const claims: RowView[] = [];
  /** The place inside of a range that the database has at `at`; undefined where the offset is not in it. */
  const inside = (at: number, length: number): number | undefined => {
    let done = 0;
    for (const place of placesNow(db, at, length)) {
      if (offset >= place.offset && offset < place.offset + place.length) return done + offset - place.offset;
      done += place.length;
    }
    return undefined;
  };
  const claim = (what: string, at: number, length: number, why: (place: number) => string) => {
    const place = length > 0 ? inside(at, length) : undefined;
    if (place !== undefined) claims.push({ what, offset: offset - place, bytes: length, why: why(place) });
  };

  if (!db.headerLost) {
    const header = headerStruct(format.layout);
    claim('header', 0, header.size, (place) => `field ${fieldAt(header, place)}`);
    if (format.variant === 'numsync') {
      const extended = extendedHeaderStruct(format.layout);
      claim(
        'extended header',
        extendedHeaderOffset(format.layout),
        extended.size,
        (place) => `field ${fieldAt(extended, place)}`,
      );
    }
  }
  if (geometry.directory !== undefined) {
    const width = offsetSize(format.layout);
    claim('directory', geometry.directory.offset, directory.length * width, (place) => {
      const slot = Math.floor(place / width);
      return `slot ${slot}, which leads to ${directory[slot]}`;
    });
  }
  const free = (list: string) => (one: { av_adr: number; av_size: number }) =>
    claim('free space', one.av_adr, one.av_size, () => `listed by ${list}`);
  const chain = await checkAvailChain(db, free('the chain of avail blocks'));
  for (const [i, { offset: at, bytes }] of chain.blocks.entries()) {
    claim(i === 0 ? "header's avail block" : 'avail block', at, bytes, () => `number ${i + 1} of the chain`);
  }
  for await (const { site, records, rejected, free: own } of examineBuckets(db, survey)) {
    claim('bucket', site.offset, geometry.bucketSize, (place) => {
      const slot = site.firstSlot < 0 ? 'no slot leads here' : `slot ${site.firstSlot} leads here`;
      return `${slot}, ${site.state}; ${bucketFieldAt(format.layout, place)}`;
    });
    own.forEach(free(`the bucket at ${site.offset}`));
    for (const { offset: at, keySize, dataSize, element } of records) {
      claim('record', at, keySize + dataSize, (place) => {
        const part = place < keySize ? 'its key' : `byte ${place - keySize} of its value`;
        return `${part}; ${provenanceOf(site)}, element ${element} of the bucket at ${site.offset}`;
      });
    }
    for (const { reason, offset: at, keySize, dataSize, element } of rejected) {
      if (!(at >= 0 && keySize >= 0 && dataSize >= 0 && at + keySize + dataSize <= db.source.size)) continue;
      claim(
        'no record',
        at,
        keySize + dataSize,
        () => `element ${element} of the bucket at ${site.offset} leads here; ${reason}`,
      );
    }
  }
  for (const batches of [salvageStale(db, survey), salvageDeleted(db, survey)]) {
    for await (const batch of batches) {
      for (const { offset: at, keySize, dataSize, bucket, element, provenance } of batch) {
        claim(
          'old record',
          at,
          keySize + dataSize,
          () => `${provenance}, element ${element} of the bucket at ${bucket}`,
        );
      }
    }
  }
  const nothing =
    claims.length === 0
      ? [derived('claimed by', 'nothing', 'no structure leads here and no list has it')]
      : [];
  return [
    {
      structure: `what is at ${offset} (0x${offset.toString(16)})`,
      offset: null,
      size: 0,
      fields: nothing,
      ...(claims.length > 0 && { rows: claims }),
    },
    await hexView(file, offset),
  ];
}

function fieldAt({ members }: Struct, place: number): string {
  return members.find(({ offset, size }) => place >= offset && place < offset + size)?.name ?? 'padding';
}

function bucketFieldAt(layout: Database['format']['layout'], place: number): string {
  const head = bucketStruct(layout);
  const first = member(head, 'elements').offset;
  if (place < first) return `field ${fieldAt(head, place)}`;
  const element = elementStruct(layout);
  const i = Math.floor((place - first) / element.size);
  return `element ${i}, ${fieldAt(element, (place - first) % element.size)}`;
}

async function hexView(file: Source, offset: number): Promise<StructureView> {
  const bytes = await readUpTo(file, offset, SHOWN);
  const rows: RowView[] = [];
  for (let i = 0; i < bytes.length; i += PER_ROW) {
    const some = bytes.subarray(i, i + PER_ROW);
    const hex = Array.from(some, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    rows.push({ offset: offset + i, hex: hex.padEnd(3 * PER_ROW - 1), text: printable(some) });
  }
  return { structure: 'bytes', offset, size: bytes.length, fields: [], rows };
}

/** Printable ASCII as it is, all else as a dot. */
function printable(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join(
    '',
  );
}
