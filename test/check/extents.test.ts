import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Extents, SPACE_KINDS } from '../../src/check/space.js';

test('ranges come in order of their offsets, those with the same one as they were added, in files of any size', () => {
  const anySize = fc.oneof(fc.integer({ min: 1, max: 1 << 20 }), fc.integer({ min: 2 ** 32, max: 2 ** 40 }));
  // Mostly beside each other, so that many are in one step of the sort.
  const anyOffset = fc.oneof(
    fc.integer({ min: 0, max: 40 }),
    fc.integer({ min: 0, max: 2 ** 41 }),
    fc.integer({ min: -9, max: -1 }),
  );
  const anyRange = fc.record(
    {
      offset: anyOffset,
      length: fc.integer({ min: -1, max: 9000 }),
      kind: fc.constantFrom(...SPACE_KINDS),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(anySize, fc.array(anyRange, { maxLength: 200 }), (size, ranges) => {
      const extents = new Extents(size);
      for (const { kind, offset, length } of ranges) extents.add(kind, offset, length);
      const sorted = extents.sort();
      const found = Array.from({ length: sorted.length }, (_, i) => {
        return {
          offset: sorted.offset(i),
          length: sorted.size(i),
          kind: SPACE_KINDS[sorted.kind(i)],
        };
      });
      const inside = ranges.filter(({ offset, length }) => length > 0 && offset >= 0 && offset < size);
      assert.deepEqual(
        found,
        inside.sort((a, b) => a.offset - b.offset),
      );
    }),
  );
});

test('many ranges in any order are sorted, and what was in one piece of memory is not lost in the next', () => {
  const count = 40_000;
  const extents = new Extents(1 << 30);
  for (let n = 0; n < count; n++) extents.add('free', ((n * 7919) % count) * 100, n + 1);
  const sorted = extents.sort();
  for (let i = 0; i < count; i++) {
    assert.equal(sorted.offset(i), i * 100);
    assert.equal(((sorted.size(i) - 1) * 7919) % count, i);
  }
});
