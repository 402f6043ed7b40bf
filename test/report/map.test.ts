import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { openProved, openSearched, searchedProved } from '../../src/examine.js';
import type { AreaKind, ClaimKind, Claims } from '../../src/report/map.js';
import { AREA_KINDS, AreaTotals, eachMapRow, paint } from '../../src/report/map.js';
import { AROUND, MapMaker } from '../../src/report/html/mapdata.js';
import { takePicture } from '../../src/report/picture.js';
import { memorySource } from '../../src/source/source.js';
import { damagedDatabase } from '../tools/showcase.js';
import { smallDatabases } from '../read/walked.js';

const KINDS = ['header', 'directory', 'bucket', 'avail', 'record', 'free', 'damaged', 'deleted'] as const;

interface Claimed {
  readonly kind: ClaimKind;
  readonly offset: number;
  readonly length: number;
}

interface Area {
  readonly kind: AreaKind;
  readonly from: number;
  readonly to: number;
}

/** Parts of a file begin at multiples of so many bytes. */
const atBorder = (most: number) => fc.nat(most >>> 16).map((n) => n * 65536);

const claimsOn = (size: number, longest: number) =>
  fc.array(
    fc.record({
      kind: fc.constantFrom(...KINDS),
      // Many at one place, too, whatever is held at a time.
      offset: fc.oneof(fc.integer({ min: -20, max: size + 10 }), atBorder(size), fc.constant(size >> 1)),
      length: fc.oneof(fc.integer({ min: -3, max: longest }), atBorder(longest)),
    }),
    { maxLength: 40 },
  );

const all =
  (list: readonly Claimed[]): Claims =>
  (claim) => {
    for (const { kind, offset, length } of list) claim(kind, offset, length);
  };

async function areasOf(claims: Claims, size: number, held = 1 << 20): Promise<Area[]> {
  const areas: Area[] = [];
  const visit = (kind: number, from: number, to: number) =>
    void areas.push({ kind: AREA_KINDS[kind], from, to });
  await paint(claims, size, visit, { held });
  return areas;
}

/** The kind of a byte, found from each claim by itself. */
function slowly(list: readonly Claimed[], at: number): AreaKind {
  const here = list
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

test('each byte of a file is of the one kind that its claims give it', async () => {
  await fc.assert(
    fc.asyncProperty(claimsOn(120, 60), fc.nat(120), async (list, size) => {
      const areas = await areasOf(all(list), size);
      let end = 0;
      for (const { kind, from, to } of areas) {
        assert.equal(from, end);
        assert.ok(to > from);
        for (let at = from; at < to; at++) assert.equal(kind, slowly(list, at));
        end = to;
      }
      assert.equal(end, size);
    }),
  );
});

test('a file is the same whether it is painted at once or in parts', async () => {
  const size = 1 << 20;
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(claimsOn(size, 1000), claimsOn(size, size)),
      fc.integer({ min: 1, max: 50 }),
      async (list, held) => {
        let asked = 0;
        const claims: Claims = (claim) => {
          asked++;
          return all(list)(claim);
        };
        assert.deepEqual(await areasOf(claims, size, held), await areasOf(all(list), size));
        const inside = list.filter(
          ({ offset, length }) => length > 0 && offset < size && offset + length > 0,
        );
        // Once, and where they are too many once more for each part at least.
        assert.ok(inside.length <= held ? asked === 1 : asked >= 2);
      },
    ),
  );
});

test('each range is given as a row, in however many parts', async () => {
  const size = 1 << 20;
  await fc.assert(
    fc.asyncProperty(claimsOn(size, 3000), fc.integer({ min: 1, max: 50 }), async (list, held) => {
      const rows: object[] = [];
      let waited = 0;
      await eachMapRow(
        all(list),
        size,
        (row) => {
          rows.push(row);
          return rows.length % 3 === 0 ? Promise.resolve().then(() => void waited++) : undefined;
        },
        { held },
      );
      const areas = await areasOf(all(list), size);
      assert.deepEqual(
        rows,
        areas.map(({ kind, from, to }) => ({ offset: from, bytes: to - from, kind })),
      );
      assert.equal(waited, Math.floor(rows.length / 3));
    }),
  );
});

test('what is in force is as much as the check accounts for', async () => {
  const bytes = damagedDatabase(2000);
  const found = (await openSearched(memorySource(bytes)))!;
  const { claims, checked } = await takePicture(found.db, found.survey);
  const counted = new AreaTotals();
  await paint(claims, bytes.length, counted.visit);
  const totals = Object.fromEntries(AREA_KINDS.map((kind, i) => [kind, counted.bytes[i]])) as Record<
    AreaKind,
    number
  >;
  const account = checked.space!.bytes;
  for (const kind of ['header', 'directory', 'avail', 'record', 'overlapping'] as const) {
    assert.equal(totals[kind], account[kind], kind);
  }
  const rest = totals.free + totals.unaccounted + totals.deleted + totals.damaged + totals.bucket;
  assert.equal(rest, account.free + account.unaccounted + account.bucket);
  assert.ok(totals.deleted > 0 && totals.damaged > 0);
});

test('a database that was proved to be in order is drawn as one that was examined', async () => {
  for (const [name, { bytes }] of smallDatabases('picture')) {
    const proved = await openProved(memorySource(bytes));
    assert.ok(proved !== undefined, name);
    const [short, long] = [await searchedProved(proved), (await openSearched(memorySource(bytes)))!];
    const [ours, theirs] = [
      await takePicture(short.db, short.survey, short.checked),
      await takePicture(long.db, long.survey),
    ];
    assert.deepEqual(
      await areasOf(ours.claims, bytes.length),
      await areasOf(theirs.claims, bytes.length),
      name,
    );
    assert.deepEqual([ours.old, ours.buckets], [theirs.old, theirs.buckets], name);
    assert.deepEqual(ours.checked.findings, theirs.checked.findings, name);
    assert.deepEqual(
      [ours.fill, ours.keySizes, ours.valueSizes, ours.hashes, ours.records.all],
      [theirs.fill, theirs.keySizes, theirs.valueSizes, theirs.hashes, theirs.records.all],
      name,
    );
  }
});

test('a summarised map has each byte once, and every range around the places of interest', async () => {
  const bytes = damagedDatabase(2000);
  const found = (await openSearched(memorySource(bytes)))!;
  const { claims } = await takePicture(found.db, found.survey);
  const areas = await areasOf(claims, bytes.length);
  const place = bytes.length >> 1;
  const maker = new MapMaker(bytes.length, [place], 1000);
  await paint(claims, bytes.length, maker.visit);
  const map = maker.finish();
  assert.ok(map.cell >= 512 && areas.length > 1000);
  assert.equal(map.ranges, areas.length);
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
  assert.deepEqual(sums, maker.totals.bytes);
  const around = areas.filter(({ from, to }) => to > place - AROUND / 2 && from < place + AROUND / 2);
  assert.deepEqual(map.exact, [exactly(around)]);
});

const exactly = (areas: readonly Area[]) => ({
  offset: areas[0].from,
  lengths: areas.map(({ from, to }) => to - from),
  kinds: areas.map(({ kind }) => AREA_KINDS.indexOf(kind)).join(''),
});

test('around places of interest are as many ranges as are wanted, the most interesting places first', async () => {
  const size = 1 << 20;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 300 }),
      fc.array(fc.nat(size - 1), { maxLength: 8 }),
      fc.integer({ min: 1, max: 60 }),
      async (lengths, places, most) => {
        const list: Claimed[] = [];
        let end = 0;
        for (const length of lengths) {
          list.push({ kind: 'record', offset: end, length });
          end += length;
        }
        const areas = await areasOf(all(list), size);
        fc.pre(areas.length > most);
        const maker = new MapMaker(size, places, most);
        await paint(all(list), size, maker.visit);

        const wanted = new Set<Area>();
        let left = most;
        for (const place of places) {
          const near = areas.filter(({ from, to }) => to > place - AROUND / 2 && from <= place + AROUND / 2);
          left -= near.length;
          if (left < 0) break;
          for (const one of near) wanted.add(one);
        }
        const runs: Area[][] = [];
        for (const one of areas.filter((area) => wanted.has(area))) {
          if (runs.at(-1)?.at(-1)?.to === one.from) runs[runs.length - 1].push(one);
          else runs.push([one]);
        }
        assert.deepEqual(maker.finish().exact, runs.map(exactly));
      },
    ),
  );
});
