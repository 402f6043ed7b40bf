import {
  availBlockStruct,
  availElementStruct,
  availTableOffset,
  chainedAvailBytes,
} from '../../src/format/avail.js';
import { BUCKET_AVAIL, bucketStruct, elementStruct } from '../../src/format/bucket.js';
import { headerAvailOffset, headerStruct } from '../../src/format/header.js';
import { offsetSize } from '../../src/format/format.js';
import { member, viewOf, writeOffset } from '../../src/format/struct.js';
import type { Random } from '../tools/random.js';
import type { Damaged } from './damaged.js';
import type { Intact, Range } from './intact.js';

/** A way in which files come to harm. */
export interface Model {
  readonly name: string;
  /** Tells whether the model applies to such a file. */
  readonly suits?: (intact: Intact) => boolean;
  /** Damages the file where its structures are, or were before earlier damage. */
  readonly damage: (file: Damaged, intact: Intact, random: Random) => void;
}

const SECTOR = 512;
/** Numbers that are often just beside a limit. */
const EDGES = [0, 1, -1, 2, 3, 7, 64, 511, 512, 513, 4096, 65536, 0x7fffffff, -0x80000000];

/** Every model, in the order of the table. */
export const MODELS: readonly Model[] = [
  {
    name: 'bytes appended',
    damage: (file, { header }, random) => {
      const length = 1 + random.below(3 * header.block_size);
      file.append(random.below(2) === 0 ? new Uint8Array(length) : random.bytes(length));
    },
  },
  {
    name: 'truncated anywhere',
    damage: (file, _, random) => file.truncate(random.below(file.bytes.length)),
  },
  {
    name: 'end truncated',
    damage: (file, _, random) => file.truncate(file.bytes.length - 1 - random.below(file.bytes.length / 10)),
  },
  {
    name: 'blocks zeroed',
    damage: (file, { header }, random) => {
      for (const at of someBlocks(file, header.block_size, random)) file.fill(at, header.block_size, 0);
    },
  },
  {
    name: 'sectors randomised',
    damage: (file, _, random) => {
      for (const at of someBlocks(file, SECTOR, random)) file.scramble(at, SECTOR, random);
    },
  },
  {
    name: 'header block lost',
    damage: (file, { header }, random) => file.lose(0, header.block_size, random),
  },
  { name: 'header sector lost', damage: (file, _, random) => file.lose(0, SECTOR, random) },
  ...['magic', 'block_size', 'dir', 'dir_size', 'dir_bits', 'bucket_size', 'bucket_elems', 'next_block'].map(
    headerField,
  ),
  { name: 'several header fields wrong', damage: severalHeaderFields },
  {
    name: 'directory lost',
    damage: (file, { directory }, random) => file.lose(directory.at, directory.length, random),
  },
  {
    name: 'half of the directory lost',
    damage: (file, { directory }, random) => {
      const half = directory.length / 2;
      file.lose(directory.at + half * random.below(2), half, random);
    },
  },
  { name: 'directory entries wrong', damage: directoryEntries },
  { name: 'bucket headers wrong', damage: bucketHeaders },
  {
    name: 'buckets lost',
    damage: (file, { buckets, header }, random) => {
      for (const at of some(buckets, random)) file.lose(at, header.bucket_size, random);
    },
  },
  {
    name: 'half of each of some buckets lost',
    damage: (file, { buckets, header }, random) => {
      const half = header.bucket_size / 2;
      for (const at of some(buckets, random)) file.lose(at + half * random.below(2), half, random);
    },
  },
  { name: 'element fields wrong', damage: elementFields },
  {
    name: 'bit flips anywhere',
    damage: (file, _, random) => flipBits(file, 0, file.bytes.length, 1 + random.below(64), random),
  },
  {
    name: 'bit flips in the structures',
    damage: (file, { directory, buckets, header }, random) => {
      const starts = [0, directory.at, ...some(buckets, random)];
      for (const at of starts) flipBits(file, at, header.block_size, 1 + random.below(4), random);
    },
  },
  { name: 'avail block wrong', damage: availBlock },
  { name: 'avail chain wrong', damage: availChain },
  { name: 'avail tables of buckets wrong', damage: bucketAvail },
  {
    name: 'blocks swapped',
    damage: (file, { header }, random) => {
      const size = header.block_size;
      const count = Math.floor(file.bytes.length / size);
      for (let n = 1 + random.below(3); n > 0 && count > 2; n--) {
        const a = random.below(count);
        file.swap(size * a, size * ((a + 1 + random.below(count - 1)) % count), size);
      }
    },
  },
  {
    name: 'header and directory lost',
    damage: (file, { directory, header }, random) => {
      file.lose(0, header.block_size, random);
      file.lose(directory.at, directory.length, random);
    },
  },
  {
    name: 'blocks of the beginning missing',
    damage: (file, { header }, random) => {
      const blocks = Math.floor(file.bytes.length / header.block_size / 3);
      file.dropFirst(header.block_size * (1 + random.below(Math.max(1, blocks))));
    },
  },
  {
    name: 'some bytes of the beginning missing',
    damage: (file, _, random) => file.dropFirst(1 + random.below(file.bytes.length / 3)),
  },
  {
    name: "two files' blocks mixed",
    suits: ({ other }) => other !== undefined,
    damage: mixBlocks,
  },
];

/** One field of the header, with a number that is near the right one, an edge, or anything. */
function headerField(name: string): Model {
  return {
    name: `header field wrong: ${name}`,
    damage: (file, intact, random) => {
      const { offset, type } = member(headerStruct(intact.format.layout), name);
      const right = intact.header[name as keyof Intact['header']];
      const kind = type === 'off_t' ? 'off_t' : 'int';
      setNumber(file, intact, offset, kind, wrongNumber(right, intact, random));
    },
  };
}

function severalHeaderFields(file: Damaged, intact: Intact, random: Random): void {
  const models = MODELS.filter(({ name }) => name.startsWith('header field wrong'));
  for (let n = 2 + random.below(2); n > 0; n--) random.pick(models).damage(file, intact, random);
}

function directoryEntries(file: Damaged, intact: Intact, random: Random): void {
  const { slots, directory, format } = intact;
  for (let n = 1 + random.below(8); n > 0; n--) {
    const slot = random.below(slots.length);
    const others = slots.filter((at) => at !== slots[slot]);
    const anotherBucket = others.length > 0 && random.below(2) === 0;
    const value = anotherBucket ? random.pick(others) : wrongNumber(slots[slot], intact, random);
    setNumber(file, intact, directory.at + slot * offsetSize(format.layout), 'off_t', value);
  }
}

function bucketHeaders(file: Damaged, intact: Intact, random: Random): void {
  const struct = bucketStruct(intact.format.layout);
  for (const at of some(intact.buckets, random)) {
    for (const name of ['av_count', 'bucket_bits', 'count']) {
      if (random.below(2) === 0) continue;
      setNumber(file, intact, at + member(struct, name).offset, 'int', wrongNumber(3, intact, random));
    }
    const { offset } = member(struct, 'elements');
    if (random.below(4) === 0) file.lose(at, offset, random);
  }
}

function elementFields(file: Damaged, intact: Intact, random: Random): void {
  const struct = elementStruct(intact.format.layout);
  for (const { element } of some([...intact.records.values()], random)) {
    const { name, offset, type } = random.pick(struct.members);
    if (name === 'key_start') file.scramble(element.at + offset, 4, random);
    else {
      const kind = type === 'off_t' ? 'off_t' : 'int';
      setNumber(file, intact, element.at + offset, kind, wrongNumber(100, intact, random));
    }
  }
}

function availBlock(file: Damaged, intact: Intact, random: Random): void {
  const { format, header } = intact;
  const { layout } = format;
  const at = headerAvailOffset(format);
  const struct = availBlockStruct(layout);
  const table = at + availTableOffset(layout);
  const element = availElementStruct(layout);
  const way = random.below(4);
  if (way === 0) file.lose(at, header.block_size - at, random);
  else if (way === 3) {
    // Entries that give away space in use; count says that they are in force.
    setNumber(file, intact, at + member(struct, 'count').offset, 'int', 3);
    for (let i = 0; i < 3; i++) {
      setNumber(file, intact, table + i * element.size, 'int', 100 + i);
      const adr = table + i * element.size + member(element, 'av_adr').offset;
      setNumber(file, intact, adr, 'off_t', random.pick(intact.buckets));
    }
  } else {
    const { offset } = member(struct, way === 1 ? 'size' : 'count');
    setNumber(file, intact, at + offset, 'int', wrongNumber(10, intact, random));
  }
}

function availChain(file: Damaged, intact: Intact, random: Random): void {
  const { format, header } = intact;
  const at = headerAvailOffset(format);
  const { offset } = member(availBlockStruct(format.layout), 'next_block');
  const view = viewOf(intact.bytes);
  const next = readOffsetOf(view, at + offset, intact);
  const bytes = chainedAvailBytes(format.layout, view.getInt32(at, format.byteOrder === 'little'));
  if (next > 0 && random.below(2) === 0) file.lose(next, bytes, random);
  else {
    const anywhere = random.pick([at, header.dir, ...intact.buckets, random.below(intact.bytes.length)]);
    const value = random.below(2) === 0 ? anywhere : wrongNumber(next, intact, random);
    setNumber(file, intact, at + offset, 'off_t', value);
  }
}

function bucketAvail(file: Damaged, intact: Intact, random: Random): void {
  const { layout } = intact.format;
  const { offset } = member(bucketStruct(layout), 'bucket_avail');
  const { size } = availElementStruct(layout);
  for (const at of some(intact.buckets, random)) {
    if (random.below(2) === 0) setNumber(file, intact, at, 'int', 1 + random.below(BUCKET_AVAIL));
    file.lose(at + offset, size * (1 + random.below(BUCKET_AVAIL)), random);
  }
}

/**
 * The header's block stays: a file with the other one's header is that one with blocks of this one in it, which is the
 * same damage with the names exchanged, and nothing could tell which of the two is meant. So it is with the other one's
 * whole directory where nothing is left of this one's, in the same place or in another: all that says which buckets are
 * in force would be the other one's.
 */
function mixBlocks(file: Damaged, { header, directory, other }: Intact, random: Random): void {
  const size = header.block_size;
  const blocks = Math.floor(Math.min(file.bytes.length, other!.bytes.length) / size);
  const oneIn = 2 + random.below(20);
  const chosen = Array.from({ length: blocks - 1 }, (_, n) => n + 1).filter(() => random.below(oneIn) === 0);
  const blocksOf = ({ at, length }: Range) =>
    Array.from(
      { length: Math.ceil((at + length) / size) - Math.floor(at / size) },
      (_, n) => n + Math.floor(at / size),
    );
  const spare = Math.floor((directory.at + random.below(directory.length)) / size);
  const isOthers = [directory, other!.directory].flatMap(blocksOf).every((n) => chosen.includes(n));
  const kept = isOthers ? spare : -1;
  for (const n of chosen.length > 0 ? chosen : [1 + random.below(blocks - 1)]) {
    if (n === kept) continue;
    file.write(n * size, other!.bytes.subarray(n * size, (n + 1) * size));
  }
}

/** A few of them, at least one; some twice. */
function some<T>(items: readonly T[], random: Random): T[] {
  return Array.from({ length: 1 + random.below(5) }, () => random.pick(items));
}

/** Offsets of a few blocks of the file. */
function someBlocks(file: Damaged, size: number, random: Random): number[] {
  const count = Math.max(1, Math.ceil(file.bytes.length / size));
  return Array.from({ length: 1 + random.below(6) }, () => size * random.below(count));
}

function wrongNumber(right: number, { bytes, header }: Intact, random: Random): number {
  const ways = [
    () => right + random.pick([1, -1, 8, -8, header.block_size]),
    () => right ^ (1 << random.below(20)),
    () => right * 2,
    () => random.pick(EDGES),
    () => random.below(bytes.length),
    () => random.below(2 ** 32) - 2 ** 31,
  ];
  const wrong = random.pick(ways)() | 0;
  return wrong === right ? right + 1 : wrong;
}

/** Writes a number as a file of its format has it. */
export function setNumber(
  file: Damaged,
  { format }: Intact,
  at: number,
  kind: 'int' | 'off_t',
  value: number,
): void {
  const { layout, byteOrder } = format;
  const bytes = new Uint8Array(kind === 'int' ? 4 : offsetSize(layout));
  if (kind === 'int') viewOf(bytes).setInt32(0, value, byteOrder === 'little');
  else writeOffset(viewOf(bytes), 0, Math.max(value, -0x7fffffff), layout, byteOrder === 'little');
  file.write(at, bytes);
}

function readOffsetOf(view: DataView, at: number, { format }: Intact): number {
  const little = format.byteOrder === 'little';
  return format.layout.offsetBits === 32 ? view.getInt32(at, little) : Number(view.getBigInt64(at, little));
}

function flipBits(file: Damaged, from: number, length: number, count: number, random: Random): void {
  for (let n = 0; n < count; n++) {
    const at = from + random.below(length);
    if (at < file.bytes.length) file.bytes[at] ^= 1 << random.below(8);
  }
}
