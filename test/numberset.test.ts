import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { NumberSet } from '../src/numbers.js';
import { runs } from './tools/effort.js';

test('a set of numbers has those that were added, also past 2^32, and each once', () => {
  const anyNumber = fc.oneof(
    fc.nat(300),
    fc.nat(40).map((n) => n * 2 ** 31),
    fc.maxSafeNat().map((n) => Math.floor(n / 2)),
  );
  fc.assert(
    fc.property(fc.array(anyNumber, { maxLength: 3000, size: 'max' }), (numbers) => {
      const set = new NumberSet();
      const expected = new Set<number>();
      for (const number of numbers) {
        assert.equal(set.has(number), expected.has(number), `${number}`);
        assert.equal(set.add(number), !expected.has(number), `${number}`);
        expected.add(number);
      }
      assert.equal(set.size, expected.size);
      for (const number of numbers) assert.ok(set.has(number), `${number}`);
    }),
    { seed: 20261125, numRuns: runs(60) },
  );
});
