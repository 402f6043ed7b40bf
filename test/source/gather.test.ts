import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { orderByOffsets } from '../../src/source/ranges.js';

test('offsets are put in order, equal ones as they came, in small and in large files', () => {
  const anyOffsets = fc.constantFrom(10, 70_000, 2 ** 24, 2 ** 40).chain((size) =>
    fc.record({
      size: fc.constant(size),
      // Some beside each other, and some the same.
      offsets: fc.array(fc.oneof(fc.integer({ min: 0, max: size }), fc.nat(9)), {
        maxLength: 500,
        size: 'max',
      }),
    }),
  );
  fc.assert(
    fc.property(anyOffsets, fc.constantFrom(1, 20), ({ size, offsets: some }, times) => {
      // Few are sorted in another way than many.
      const offsets = Array.from({ length: times * some.length }, (_, n) => some[(7 * n) % some.length]);
      const expected = [...offsets.keys()].sort((a, b) => offsets[a] - offsets[b] || a - b);
      assert.deepEqual([...orderByOffsets(offsets.length, (n) => offsets[n], size)], expected);
    }),
    { seed: 20261125 },
  );
});
