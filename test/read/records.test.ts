import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { allRecords } from '../../src/read/records.js';
import type { KeyValue } from '../build/build.js';
import { build, text } from '../build/build.js';
import { modelsNamed } from '../torture/combine.js';
import { miniDatabase, NATIVE } from '../torture/databases.js';
import { damagedCopy } from '../torture/judge.js';
import { RUNS, SEED } from '../torture/settings.js';
import {
  LITTLE,
  openedForWalk,
  salvagedOf,
  smallDatabases,
  smallSpec,
  walkedOf,
  whateverTheDamage,
} from './walked.js';
import { runs } from '../tools/effort.js';

/** Every record of a file, and what the walk says was lost. */
async function walked(bytes: Uint8Array) {
  const given = await walkedOf(bytes);
  assert.ok(given !== undefined);
  return given;
}

const SPEC = { format: NATIVE, blockSize: 512, bucketSize: 512 };
const small = Array.from({ length: 900 }, (_, n) => ({
  key: Buffer.from(`key ${n}`),
  value: Buffer.from(`value ${n}`),
}));

/** Records of which some are too large to be held in a batch, and some far from the others of their bucket. */
const anySizes: fc.Arbitrary<KeyValue[]> = fc
  .array(fc.constantFrom(0, 3, 70, 511, 9_000, 65_000, 65_536, 70_000, 300_000), { maxLength: 40 })
  .map((sizes) =>
    sizes.map((size, n) => ({ key: Buffer.from(`${n} key`), value: Buffer.alloc(size, `${n} `) })),
  );

test('a walk gives every record once, of any size', () =>
  fc.assert(
    fc.asyncProperty(anySizes, async (records) => {
      const { found, loss } = await walked((await build(records, SPEC)).bytes);
      assert.deepEqual(new Map(found), new Map(records.map(({ key, value }) => [text(key), text(value)])));
      assert.equal(found.length, records.length);
      assert.deepEqual(loss, { records: 0, incomplete: false });
    }),
    { numRuns: runs(25) },
  ));

test('a key that is not its hash is told, and all others are given in the same order', async () => {
  const { bytes } = await build(small, SPEC);
  const before = (await walked(bytes)).found;
  assert.equal(before.length, small.length);
  for (const n of [0, 450, before.length - 1]) {
    const damaged = Buffer.from(bytes);
    damaged[damaged.indexOf(before[n].join(''))] ^= 0x20;
    const { found, loss } = await walked(damaged);
    assert.deepEqual(found, before.toSpliced(n, 1));
    assert.deepEqual(loss, { records: 1, incomplete: false });
  }
});

test('a directory entry that cannot be right costs no record', async () => {
  const { bytes } = await build(small, SPEC);
  const before = (await walked(bytes)).found;
  const database = await openedForWalk(bytes);
  const { offset } = database.db.geometry.directory!;
  const damaged = Buffer.from(bytes);
  damaged.fill(0xff, offset + 8, offset + 16);
  const { found } = await walked(damaged);
  assert.deepEqual(new Map(found), new Map(before));
});

const databases = smallDatabases('walk');

/** The records in an order of their own. */
const sorted = (records: readonly [string, string][] | undefined) =>
  records?.map((record) => JSON.stringify(record)).sort();

test('whatever the damage, a walk gives the records that a salvage does, however little at a time', () =>
  whateverTheDamage(databases, 100, async (bytes) => {
    assert.deepEqual(sorted((await walkedOf(bytes, LITTLE))?.found), sorted(await salvagedOf(bytes)));
  }));

/** The header's first fields, which decide how a file is read, by their places in the native layout. */
const anyHeaderDamage = fc.array(
  fc.tuple(
    fc.constantFrom(4, 8, 16, 20, 24, 28),
    fc.oneof(
      fc.constantFrom(512, 1024, 4096, 8192, 16_384),
      fc.nat(70_000),
      fc.nat(200).map((n) => 512 * n),
    ),
  ),
  { minLength: 1, maxLength: 4 },
);

test('of a file whose header leads astray a walk gives what a salvage does', () => {
  const intact = miniDatabase(NATIVE, smallSpec('walk'));
  return fc.assert(
    fc.asyncProperty(anyHeaderDamage, async (damage) => {
      const bytes = Buffer.from(intact.bytes);
      for (const [at, value] of damage) bytes.writeInt32LE(value, at);
      assert.deepEqual(sorted((await walkedOf(bytes))?.found), sorted(await salvagedOf(bytes)));
    }),
    { seed: SEED, numRuns: runs(100 * RUNS) },
  );
});

test('a value is not given with bytes of a block that changed its place, however late that is seen', async () => {
  const records = Array.from({ length: 60 }, (_, n) => ({
    key: Buffer.from(`key ${n}`),
    value: Buffer.alloc(4000, `${n} `),
  }));
  const { bytes } = await build(records, SPEC);
  const moved = Buffer.from(bytes);
  // Each with the end of a value and with the next key.
  const [first, last] = ['key 5', 'key 50'].map((key) => moved.indexOf(key) & ~511);
  moved.set(bytes.subarray(last, last + 512), first);
  moved.set(bytes.subarray(first, first + 512), last);
  const { found } = (await walkedOf(moved, LITTLE))!;
  const values = new Map(records.map(({ key, value }) => [text(key), text(value)]));
  // Not deepEqual, whose message would be long.
  for (const [key, value] of found) assert.ok(value === values.get(key), key);
  // No key tells how far the blocks reach into the two values at each place.
  assert.equal(found.length, records.length - 4);
});

test('of a bucket with many records no more is held at a time than was asked for', async () => {
  const records = Array.from({ length: 100 }, (_, n) => ({
    key: Buffer.from(`key ${n}`),
    value: Buffer.alloc(60_000, `${n} `),
  }));
  const { bytes } = await build(records, { format: NATIVE, blockSize: 8192, bucketSize: 8192 });
  let given = 0;
  for await (const batch of allRecords(await openedForWalk(bytes), { limits: LITTLE })) {
    given += batch.count;
    assert.ok(batch.bytes.length < 200_000, `${batch.bytes.length}`);
  }
  assert.equal(given, records.length);
});

test('wrong tables of free space in some buckets cost no record', async () => {
  for (const [name, intact] of smallDatabases('avail tables')) {
    const before = (await walked(intact.bytes)).found.sort();
    for (const seed of [1, 2, 3]) {
      const { bytes } = damagedCopy(intact, modelsNamed(['avail tables of buckets wrong']), seed);
      const { found, loss } = await walked(bytes);
      assert.deepEqual(found.sort(), before, `${name}, ${seed}`);
      assert.deepEqual(loss, { records: 0, incomplete: false });
    }
  }
});
