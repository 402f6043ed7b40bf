import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { openSearched } from '../../src/examine.js';
import type { AreaKind } from '../../src/picture/areas.js';
import { AREA_KINDS } from '../../src/picture/areas.js';
import { ClaimList } from '../../src/picture/claims.js';
import { mapData } from '../../src/picture/mapdata.js';
import { takePicture } from '../../src/picture/picture.js';
import { memorySource } from '../../src/source/memory.js';
import { damagedDatabase } from '../tools/showcase.js';

const KINDS = ['header', 'directory', 'bucket', 'avail', 'record', 'free', 'damaged', 'deleted'] as const;
const claims = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    offset: fc.integer({ min: -20, max: 130 }),
    length: fc.integer({ min: -3, max: 60 }),
  }),
  { maxLength: 12 },
);

/** What a byte is, asked of each claim by itself. */
function slowly(
  all: readonly { kind: (typeof KINDS)[number]; offset: number; length: number }[],
  at: number,
): AreaKind {
  const here = all
    .filter(({ offset, length }) => offset <= at && at < offset + length)
    .map(({ kind }) => kind);
  const inForce = here.filter((kind) => kind !== 'damaged' && kind !== 'deleted');
  if (inForce.length > 1) return 'overlapping';
  if (inForce.length === 1 && inForce[0] !== 'free') return inForce[0];
  return here.includes('damaged')
    ? 'damaged'
    : here.includes('deleted')
      ? 'deleted'
      : (inForce[0] ?? 'unaccounted');
}

test('each byte of a file is of the one kind that its claims give it', () => {
  fc.assert(
    fc.property(claims, fc.nat(120), (all, size) => {
      const list = new ClaimList();
      for (const { kind, offset, length } of all) list.add(kind, offset, length);
      const areas = list.paint(size);
      let end = 0;
      for (let i = 0; i < areas.count; i++) {
        const { kind, offset, length } = areas.area(i);
        assert.equal(offset, end);
        assert.ok(length > 0);
        for (let at = offset; at < offset + length; at++) assert.equal(kind, slowly(all, at));
        assert.equal(areas.indexAt(offset), i);
        end += length;
      }
      assert.equal(end, size);
      assert.equal(
        Object.values(areas.totals()).reduce((sum, n) => sum + n, 0),
        size,
      );
    }),
  );
});

test('what is in force is as much as the check accounts for', async () => {
  const bytes = damagedDatabase(2000);
  const found = (await openSearched(memorySource(bytes)))!;
  const { areas, checked } = await takePicture(found.db, found.survey, bytes.length);
  const totals = areas.totals();
  const account = checked.space!.bytes;
  for (const kind of ['header', 'directory', 'avail', 'record', 'overlapping'] as const) {
    assert.equal(totals[kind], account[kind], kind);
  }
  const rest = totals.free + totals.unaccounted + totals.deleted + totals.damaged + totals.bucket;
  assert.equal(rest, account.free + account.unaccounted + account.bucket);
  assert.ok(totals.deleted > 0 && totals.damaged > 0);
});

test('a summarised map has each byte once, and every range around the places of interest', async () => {
  const bytes = damagedDatabase(2000);
  const found = (await openSearched(memorySource(bytes)))!;
  const { areas } = await takePicture(found.db, found.survey, bytes.length);
  const place = bytes.length >> 1;
  const map = mapData(areas, [place], 1000);
  assert.ok(map.cell >= 512 && areas.count > 1000);
  const sums = AREA_KINDS.map(() => 0);
  map.cells.forEach((cell, i) => {
    const length = Math.min(map.cell, bytes.length - i * map.cell);
    const mix = typeof cell === 'number' ? [cell, length] : cell;
    let own = 0;
    for (let k = 0; k < mix.length; k += 2) {
      sums[mix[k]] += mix[k + 1];
      own += mix[k + 1];
    }
    assert.equal(own, length);
  });
  assert.deepEqual(
    sums,
    AREA_KINDS.map((kind) => areas.totals()[kind]),
  );
  const exact = map.exact.find(({ offset }) => offset <= place)!;
  assert.ok(exact.offset + exact.lengths.reduce((sum, n) => sum + n, 0) > place);
  let i = areas.indexAt(exact.offset);
  exact.lengths.forEach((length, n) => {
    const area = areas.area(i++);
    assert.deepEqual([area.length, AREA_KINDS.indexOf(area.kind)], [length, Number(exact.kinds[n])]);
  });
});
