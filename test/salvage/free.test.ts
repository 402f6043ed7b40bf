import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Database } from '../../src/database/database.js';
import { openDatabase } from '../../src/database/database.js';
import { availBlockStruct, availElementStruct, availTableOffset } from '../../src/format/avail.js';
import { headerAvailOffset } from '../../src/format/header.js';
import { member, viewOf } from '../../src/format/struct.js';
import { FreeSpace } from '../../src/orphans/free.js';
import { memorySource } from '../../src/source/source.js';
import { build, specFor } from '../build/build.js';
import { FORMATS } from '../format/formats.js';
import { runs } from '../tools/effort.js';

const SIZE = 300_000;
const FORMAT = FORMATS[0];

/** A database with just these ranges in its header's list of free space. */
async function listing(ranges: readonly (readonly [offset: number, size: number])[]): Promise<Database> {
  const { bytes } = await build([], specFor(FORMAT, 4096));
  const whole = new Uint8Array(SIZE);
  whole.set(bytes);
  const view = viewOf(whole);
  const at = headerAvailOffset(FORMAT);
  const little = FORMAT.byteOrder === 'little';
  view.setInt32(at + member(availBlockStruct(FORMAT.layout), 'count').offset, ranges.length, little);
  const element = availElementStruct(FORMAT.layout);
  for (const [n, [offset, size]] of ranges.entries()) {
    const entry = at + availTableOffset(FORMAT.layout) + n * element.size;
    view.setInt32(entry + member(element, 'av_size').offset, size, little);
    view.setBigInt64(entry + member(element, 'av_adr').offset, BigInt(offset), little);
  }
  const db = await openDatabase(memorySource(whole));
  assert.ok(db !== undefined);
  return { ...db, header: { ...db.header, next_block: SIZE } };
}

test('space is free where more than half of its bytes are listed, each counted once, however the lists overlap', async () => {
  const anyRange = fc.tuple(
    fc.oneof(fc.integer({ min: 5000, max: 6000 }), fc.integer({ min: 5000, max: SIZE - 70_000 })),
    fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 60_000, max: 70_000 })),
  );
  const anyAsked = fc.tuple(
    fc.oneof(fc.integer({ min: 4900, max: 6100 }), fc.integer({ min: 5000, max: SIZE })),
    fc.integer({ min: 1, max: 5000 }),
  );
  let free = 0;
  let listed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyRange, { maxLength: 30 }),
      fc.array(anyAsked, { maxLength: 10 }),
      async (ranges, asked) => {
        const space = await FreeSpace.read(await listing(ranges), []);
        const bytes = new Uint8Array(SIZE + 6000);
        for (const [offset, size] of ranges) bytes.fill(1, offset, offset + size);
        for (const [offset, length] of asked) {
          const own = bytes.subarray(offset, offset + length).reduce((sum, one) => sum + one, 0);
          assert.equal(space.covers(offset, length), 2 * own > length, `${offset} ${length}`);
          if (2 * own > length) free++;
          listed += own;
        }
      },
    ),
    { numRuns: runs(2000) },
  );
  assert.ok(free > 50 && listed > 0, `${free}`);
});
