import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { KeyValue } from '../build/build.js';
import { build, text } from '../build/build.js';
import { NATIVE } from '../torture/databases.js';
import { openedForWalk, walkedOf } from './walked.js';

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
    { numRuns: 25 },
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
