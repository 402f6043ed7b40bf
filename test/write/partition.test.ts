import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Partition } from '../../src/write/recordindex.js';
import { partitionHashes } from '../../src/write/recordindex.js';
import { runs, SWEEP } from '../tools/effort.js';

const SEED = 20261204;
const HASHES = 2 ** 31;
const ALL_BITS = 31;

/** Hashes in order: all over the range, and so near each other that only deep splits part them. */
const anyHashes = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: HASHES - 1 }),
      fc.integer({ min: 0, max: 63 }),
      fc.integer({ min: HASHES - 64, max: HASHES - 1 }),
      fc.integer({ min: 2 ** 30 - 40, max: 2 ** 30 + 40 }),
    ),
    { maxLength: 120, size: 'max' },
  )
  .map((hashes) => hashes.sort((a, b) => a - b));
const anyCapacity = fc.integer({ min: 1, max: 20 });

/** Number of hashes that share the first `bits` bits with `first`. */
function countIn(hashes: readonly number[], first: number, bits: number): number {
  const range = 2 ** (ALL_BITS - bits);
  const start = Math.floor(first / range) * range;
  return hashes.filter((hash) => hash >= start && hash < start + range).length;
}

/** Tells whether more hashes than a bucket holds share their first `bits` bits. */
function isCrowded(hashes: readonly number[], capacity: number, bits: number): boolean {
  return hashes.some((hash) => countIn(hashes, hash, bits) > capacity);
}

function forPartitions(
  judge: (partitions: Partition[], hashes: readonly number[], capacity: number) => void,
): void {
  let divided = 0;
  fc.assert(
    fc.property(anyHashes, anyCapacity, (hashes, capacity) => {
      const partitions = partitionHashes(hashes, { capacity, maxBits: ALL_BITS });
      // More of one hash than a bucket holds: no depth of splitting parts them.
      if (partitions === undefined) return;
      divided++;
      judge(partitions, hashes, capacity);
    }),
    { seed: SEED, numRuns: runs(300) },
  );
  assert.ok(divided > (SWEEP ? 100 : 10), `${divided} times there was something to judge`);
}

test('buckets cover every hash exactly once, in order, each an aligned range', () => {
  forPartitions((partitions) => {
    let next = 0;
    for (const { first, bits } of partitions) {
      const range = 2 ** (ALL_BITS - bits);
      assert.equal(first, next);
      assert.equal(first % range, 0);
      next = first + range;
    }
    assert.equal(next, HASHES);
  });
});

test('each record is in the bucket of its hash, and in one only', () => {
  forPartitions((partitions, hashes) => {
    let next = 0;
    for (const { first, bits, from, to } of partitions) {
      assert.equal(from, next);
      assert.equal(to - from, countIn(hashes, first, bits));
      next = to;
    }
    assert.equal(next, hashes.length);
  });
});

test('no bucket is given more records than it holds', () => {
  forPartitions((partitions, _, capacity) => {
    for (const { from, to } of partitions) assert.ok(to - from <= capacity);
  });
});

test('no bucket is split that need not be', () => {
  forPartitions((partitions, hashes, capacity) => {
    for (const { first, bits } of partitions) {
      if (bits > 0) assert.ok(countIn(hashes, first, bits - 1) > capacity, `${bits} bits from ${first}`);
    }
  });
});

test('records that no allowed depth parts are refused, and only those', () => {
  let refused = 0;
  fc.assert(
    fc.property(
      anyHashes,
      anyCapacity,
      fc.integer({ min: 0, max: ALL_BITS }),
      (hashes, capacity, maxBits) => {
        const partitions = partitionHashes(hashes, { capacity, maxBits });
        assert.equal(partitions === undefined, isCrowded(hashes, capacity, maxBits));
        if (partitions === undefined) refused++;
        else assert.ok(partitions.every(({ bits }) => bits <= maxBits));
      },
    ),
    { seed: SEED, numRuns: runs(300) },
  );
  assert.ok(refused > runs(300) / 6 && refused < (5 * runs(300)) / 6, `${refused} refused`);
});

test('an empty database is one bucket for all hashes', () => {
  assert.deepEqual(partitionHashes([], { capacity: 16, maxBits: 0 }), [
    { first: 0, bits: 0, from: 0, to: 0 },
  ]);
});
