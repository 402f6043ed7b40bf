import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Extent, SpaceAccount, SpaceKind } from '../../src/check/space.js';
import { MAX_OVERLAPS, RecordSpace, SPACE_KINDS, Structures } from '../../src/check/space.js';
import { accountOf } from '../../src/check/account.js';
import { SpaceMap } from './spacemap.js';
import { runs } from '../tools/effort.js';

const RUNS = { seed: 20261206, numRuns: runs(1000) };

/** Claims of all kinds, some past the end of the file, some of no bytes, some the same twice. */
const anyClaims = fc.array(
  fc.record(
    {
      kind: fc.constantFrom(...SPACE_KINDS),
      offset: fc.nat(120),
      length: fc.oneof(fc.nat(12), fc.nat(60), fc.constant(0)),
    },
    { noNullPrototype: true },
  ),
  { maxLength: 7 },
);
const anySize = fc.nat(100);

/** Records end inside of the file. */
function possible(claims: readonly Extent[], size: number): Extent[] {
  return claims.filter(({ kind, offset, length }) => kind !== 'record' || offset + length <= size);
}

function account(claims: readonly Extent[], size: number): Promise<SpaceAccount> {
  const structures = new Structures(size);
  const records = new RecordSpace(size);
  for (const { kind, offset, length } of [...claims].sort((a, b) => a.offset - b.offset)) {
    if (kind !== 'record') structures.add(kind, offset, length);
    else if (length > 0) records.add(offset, offset + length);
  }
  return accountOf(size, [structures], records, async (take) => {
    for (const { kind, offset, length } of claims) take(kind, offset, length);
    return Promise.resolve();
  });
}

/** The claims of each byte, byte for byte. */
function claimsOfBytes(claims: readonly Extent[], size: number): Extent[][] {
  return Array.from({ length: size }, (_, at) =>
    claims.filter(({ offset, length }) => at >= offset && at < offset + length),
  );
}

/** The runs of bytes that nobody claims. */
function unclaimedRuns(bytes: readonly Extent[][]): { offset: number; length: number }[] {
  const found: { offset: number; length: number }[] = [];
  bytes.forEach((claims, at) => {
    if (claims.length > 0) return;
    const last = found.at(-1);
    if (last !== undefined && last.offset + last.length === at) last.length++;
    else found.push({ offset: at, length: 1 });
  });
  return found;
}

test('each byte is counted for the one thing that claims it', async () => {
  await fc.assert(
    fc.asyncProperty(anyClaims, anySize, async (all, size) => {
      const claims = possible(all, size);
      const expected: Record<string, number> = { overlapping: 0, unaccounted: 0 };
      for (const kind of SPACE_KINDS) expected[kind] = 0;
      for (const own of claimsOfBytes(claims, size)) {
        const name = own.length === 0 ? 'unaccounted' : own.length === 1 ? own[0].kind : 'overlapping';
        expected[name]++;
      }
      assert.deepEqual((await account(claims, size)).bytes, expected);
    }),
    RUNS,
  );
});

test('all bytes together are the size of the file', async () => {
  await fc.assert(
    fc.asyncProperty(anyClaims, anySize, async (all, size) => {
      const claims = possible(all, size);
      const { bytes } = await account(claims, size);
      assert.equal(
        Object.values(bytes).reduce((sum, n) => sum + n, 0),
        size,
      );
    }),
    RUNS,
  );
});

test('the bytes claimed more than once are named in order, each range with all that claim it', async () => {
  await fc.assert(
    fc.asyncProperty(anyClaims, anySize, async (all, size) => {
      const claims = possible(all, size);
      const { overlaps, overlapCount } = await account(claims, size);
      const named = new Set<number>();
      let last = 0;
      for (const { offset, length, claims: claimants } of overlaps) {
        assert.ok(offset >= last && length > 0);
        last = offset + length;
        for (let at = offset; at < last; at++) named.add(at);
        const touching = claims.filter((one) => one.offset < last && one.offset + one.length > offset);
        assert.deepEqual(
          claimants,
          touching.filter((one) => one.length > 0),
        );
      }
      const expected = claimsOfBytes(claims, size).flatMap((own, at) => (own.length > 1 ? [at] : []));
      assert.deepEqual([...named], expected);
      assert.equal(overlapCount, overlaps.length);
    }),
    RUNS,
  );
});

test('each range that nothing claims is named', async () => {
  await fc.assert(
    fc.asyncProperty(anyClaims, anySize, async (all, size) => {
      const claims = possible(all, size);
      const expected = unclaimedRuns(claimsOfBytes(claims, size));
      assert.deepEqual((await account(claims, size)).gaps, expected);
    }),
    RUNS,
  );
});

test('places past 4 GiB are counted to the byte', async () => {
  const far = 2 ** 40;
  const claims: Extent[] = [
    { kind: 'header', offset: 0, length: 4096 },
    { kind: 'record', offset: far, length: 10 },
    { kind: 'free', offset: far + 9, length: 11 },
  ];
  const { bytes, overlaps, gaps } = await account(claims, far + 30);
  assert.deepEqual(
    {
      record: bytes.record,
      free: bytes.free,
      overlapping: bytes.overlapping,
      unaccounted: bytes.unaccounted,
    },
    { record: 9, free: 10, overlapping: 1, unaccounted: far - 4096 + 10 },
  );
  assert.deepEqual(
    overlaps.map(({ offset, length }) => [offset, length]),
    [[far + 9, 1]],
  );
  assert.deepEqual(gaps, [
    { offset: 4096, length: far - 4096 },
    { offset: far + 20, length: 10 },
  ]);
});

test('of very many overlaps and gaps some are named and all are counted', async () => {
  const ranges = 3 * MAX_OVERLAPS;
  const kinds: SpaceKind[] = ['free', 'record'];
  const claims: Extent[] = [];
  for (let i = 0; i < ranges; i++) {
    for (const kind of kinds) claims.push({ kind, offset: i * 10, length: 4 + (i % 2) });
  }
  // The largest gaps come last, where a list that is cut short would miss them.
  claims.push({ kind: 'bucket', offset: ranges * 10 + 1000, length: 5 });
  const size = ranges * 10 + 3000;
  const { bytes, overlaps, overlapCount, gaps } = await account(claims, size);
  assert.equal(overlapCount, ranges);
  assert.equal(overlaps.length, MAX_OVERLAPS);
  assert.equal(bytes.overlapping, ranges * 4.5);
  assert.equal(bytes.unaccounted, size - bytes.overlapping - 5);
  assert.ok(gaps.some(({ offset, length }) => offset === ranges * 10 + 1005 && length === 1995));
  assert.ok(gaps.some(({ length }) => length === 1005));
});

test('the sweep says what an account of all extents at once says, of any number that overlap', async () => {
  const many = fc.array(
    fc.record({
      kind: fc.constantFrom(...SPACE_KINDS),
      offset: fc.nat(300),
      length: fc.oneof(fc.nat(6), fc.nat(40)),
    }),
    { minLength: 8, maxLength: 60 },
  );
  await fc.assert(
    fc.asyncProperty(many, fc.integer({ min: 1, max: 320 }), async (all, size) => {
      const claims = possible(all, size);
      const map = new SpaceMap();
      for (const { kind, offset, length } of claims) map.add(kind, offset, length);
      const comparable = (account: SpaceAccount) => ({
        ...account,
        runs: undefined,
        overreaching: claims.map(
          ({ kind, offset, length }) => kind === 'record' && account.overreaching.has(offset, length),
        ),
        unused: [...account.unused()],
        isUsed: Array.from({ length: size }, (_, at) =>
          account.isUsed(at, Math.min(size - at, 1 + (at % 7))),
        ),
      });
      assert.deepEqual(comparable(await account(claims, size)), comparable(map.account(size)));
    }),
    RUNS,
  );
});
