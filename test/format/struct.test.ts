import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import {
  availBlockStruct,
  availElementStruct,
  availTableOffset,
  chainedAvailBytes,
  headerAvailSize,
} from '../../src/format/avail.js';
import { bucketElementCount, bucketStruct, elementStruct } from '../../src/format/bucket.js';
import {
  extendedHeaderOffset,
  extendedHeaderStruct,
  headerAvailOffset,
  headerStruct,
} from '../../src/format/header.js';
import type { Layout } from '../../src/format/format.js';
import {
  LAYOUT_32,
  LAYOUT_64,
  LAYOUT_64_PACKED,
  layoutOf,
  LAYOUTS,
  magicOf,
} from '../../src/format/format.js';
import type { Struct } from '../../src/format/struct.js';
import { fixture } from '../tools/fixtures.js';

/** Each member's offset and bytes, and the struct's bytes. */
interface Expected {
  readonly size: number;
  readonly members: Record<string, readonly [offset: number, size: number]>;
}

interface Table {
  readonly header: Expected;
  readonly extended: Expected;
  readonly extendedAt: number;
  readonly availAt: { readonly standard: number; readonly numsync: number };
  readonly availElement: Expected;
  readonly availBlock: Expected;
  readonly element: Expected;
  readonly bucket: Expected;
}

const WIDE_HEADER: Pick<Table, 'header' | 'extended' | 'extendedAt' | 'availAt'> = {
  header: {
    size: 40,
    members: {
      magic: [0, 4],
      block_size: [4, 4],
      dir: [8, 8],
      dir_size: [16, 4],
      dir_bits: [20, 4],
      bucket_size: [24, 4],
      bucket_elems: [28, 4],
      next_block: [32, 8],
    },
  },
  extended: { size: 32, members: { version: [0, 4], numsync: [4, 4], spare: [8, 24] } },
  extendedAt: 40,
  availAt: { standard: 40, numsync: 72 },
};

const WIDE_ELEMENT: Expected = {
  size: 24,
  members: { hash: [0, 4], key_start: [4, 4], data_pointer: [8, 8], key_size: [16, 4], data_size: [20, 4] },
};

const LAYOUT_TABLES: readonly (readonly [string, Layout, Table])[] = [
  [
    '64-bit offsets, 8-byte aligned',
    LAYOUT_64,
    {
      ...WIDE_HEADER,
      availElement: { size: 16, members: { av_size: [0, 4], av_adr: [8, 8] } },
      availBlock: {
        size: 32,
        members: { size: [0, 4], count: [4, 4], next_block: [8, 8], table: [16, 16] },
      },
      element: WIDE_ELEMENT,
      bucket: {
        size: 136,
        members: {
          av_count: [0, 4],
          bucket_avail: [8, 96],
          bucket_bits: [104, 4],
          count: [108, 4],
          elements: [112, 24],
        },
      },
    },
  ],
  [
    '64-bit offsets, 4-byte aligned',
    LAYOUT_64_PACKED,
    {
      ...WIDE_HEADER,
      availElement: { size: 12, members: { av_size: [0, 4], av_adr: [4, 8] } },
      availBlock: {
        size: 28,
        members: { size: [0, 4], count: [4, 4], next_block: [8, 8], table: [16, 12] },
      },
      element: WIDE_ELEMENT,
      bucket: {
        size: 108,
        members: {
          av_count: [0, 4],
          bucket_avail: [4, 72],
          bucket_bits: [76, 4],
          count: [80, 4],
          elements: [84, 24],
        },
      },
    },
  ],
  [
    '32-bit offsets',
    LAYOUT_32,
    {
      header: {
        size: 32,
        members: {
          magic: [0, 4],
          block_size: [4, 4],
          dir: [8, 4],
          dir_size: [12, 4],
          dir_bits: [16, 4],
          bucket_size: [20, 4],
          bucket_elems: [24, 4],
          next_block: [28, 4],
        },
      },
      extended: WIDE_HEADER.extended,
      extendedAt: 32,
      availAt: { standard: 32, numsync: 64 },
      availElement: { size: 8, members: { av_size: [0, 4], av_adr: [4, 4] } },
      availBlock: { size: 20, members: { size: [0, 4], count: [4, 4], next_block: [8, 4], table: [12, 8] } },
      element: {
        size: 20,
        members: {
          hash: [0, 4],
          key_start: [4, 4],
          data_pointer: [8, 4],
          key_size: [12, 4],
          data_size: [16, 4],
        },
      },
      bucket: {
        size: 80,
        members: {
          av_count: [0, 4],
          bucket_avail: [4, 48],
          bucket_bits: [52, 4],
          count: [56, 4],
          elements: [60, 20],
        },
      },
    },
  ],
];

function placesOf(struct: Struct): Expected {
  const places = struct.members.map(({ name, offset, size }) => [name, [offset, size]] as const);
  return { size: struct.size, members: Object.fromEntries(places) };
}

for (const [name, layout, table] of LAYOUT_TABLES) {
  test(`every member is where C puts it: ${name}`, () => {
    assert.deepEqual(placesOf(headerStruct(layout)), table.header);
    assert.deepEqual(placesOf(extendedHeaderStruct(layout)), table.extended);
    assert.deepEqual(placesOf(availElementStruct(layout)), table.availElement);
    assert.deepEqual(placesOf(availBlockStruct(layout)), table.availBlock);
    assert.deepEqual(placesOf(elementStruct(layout)), table.element);
    assert.deepEqual(placesOf(bucketStruct(layout)), table.bucket);
  });

  test(`the parts of the header block follow each other: ${name}`, () => {
    const machine = { layout, byteOrder: 'little' } as const;
    assert.equal(extendedHeaderOffset(layout), table.extendedAt);
    assert.equal(headerAvailOffset({ ...machine, variant: 'standard' }), table.availAt.standard);
    assert.equal(headerAvailOffset({ ...machine, variant: 'old' }), table.availAt.standard);
    assert.equal(headerAvailOffset({ ...machine, variant: 'numsync' }), table.availAt.numsync);
    assert.equal(availTableOffset(layout), table.availBlock.members['table'][0]);
  });
}

test('a bucket has as many elements as libgdbm counts in it', () => {
  const counts = (layout: Layout) => [512, 4096, 65536].map((size) => bucketElementCount(layout, size));
  assert.deepEqual(counts(LAYOUT_64), [16, 166, 2726]);
  assert.deepEqual(counts(LAYOUT_64_PACKED), [17, 167, 2727]);
  assert.deepEqual(counts(LAYOUT_32), [22, 201, 3273]);
});

test('a bucket too small for one element has none', () => {
  assert.ok(bucketElementCount(LAYOUT_64, 135) < 1);
  assert.equal(bucketElementCount(LAYOUT_64, 136), 1);
  assert.ok(bucketElementCount(LAYOUT_32, 79) < 1);
  assert.equal(bucketElementCount(LAYOUT_32, 80), 1);
});

test('a chained avail block takes half the table of the header and a struct', () => {
  assert.equal(chainedAvailBytes(LAYOUT_64, 28), 256);
  assert.equal(chainedAvailBytes(LAYOUT_64_PACKED, 38), 256);
  assert.equal(chainedAvailBytes(LAYOUT_32, 58), 252);
});

test('the header of each real machine holds the sizes that its layout gives', async () => {
  for (const [name, layout, little, variant] of [
    ['amd64', LAYOUT_64, true, 'standard'],
    ['arm64', LAYOUT_64, true, 'standard'],
    ['armhf', LAYOUT_64, true, 'standard'],
    ['s390x', LAYOUT_64, false, 'standard'],
    ['i386', LAYOUT_64_PACKED, true, 'standard'],
    ['amd64-numsync', LAYOUT_64, true, 'numsync'],
    ['s390x-numsync', LAYOUT_64, false, 'numsync'],
  ] as const) {
    const bytes = await readFile(fixture(`${name}.db`));
    const int = (at: number) => (little ? bytes.readInt32LE(at) : bytes.readInt32BE(at));
    const format = { layout, byteOrder: little ? 'little' : 'big', variant } as const;
    assert.equal(int(0), magicOf(format), name);
    assert.equal(int(28), bucketElementCount(layout, int(24)), name);
    assert.equal(int(variant === 'numsync' ? 72 : 40), headerAvailSize(format, int(4)), name);
  }
});

test('there are three layouts, and no other can be had', () => {
  assert.deepEqual(LAYOUTS, [LAYOUT_64, LAYOUT_64_PACKED, LAYOUT_32]);
  assert.equal(layoutOf(64, 4), LAYOUT_64_PACKED);
  assert.throws(() => layoutOf(32, 8), RangeError);
  assert.throws(() => layoutOf(16, 4), RangeError);
});
