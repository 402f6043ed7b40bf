import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { FreeParts, LONGEST } from '../../src/check/space.js';

/** All ranges as they are given. */
function given(free: FreeParts): [number, number][] {
  const all: [number, number][] = [];
  for (free.begin(); free.offset < Number.POSITIVE_INFINITY; free.advance()) {
    all.push([free.offset, free.length]);
  }
  return all;
}

test('short ranges of free space are given in order of their offsets, each once, and again', () => {
  const size = 5 << 16;
  const anyRange = fc.tuple(
    fc.oneof(fc.integer({ min: 0, max: size - 1 }), fc.integer({ min: 65_500, max: 65_600 })),
    fc.integer({ min: 1, max: LONGEST }),
  );
  fc.assert(
    fc.property(fc.array(anyRange, { maxLength: 300 }), (ranges) => {
      const free = new FreeParts(size);
      for (const [offset, length] of ranges) free.add(offset, length);
      const sorted = ranges.sort(([a, x], [b, y]) => a - b || x - y);
      assert.deepEqual(given(free), sorted);
      assert.deepEqual(given(free), sorted);
    }),
  );
});

test('a file of 256 GiB has its ranges, and many of one part do not lose those of others', () => {
  const free = new FreeParts(2 ** 38);
  const ranges: [number, number][] = [];
  for (let n = 0; n < 600_000; n++)
    ranges.push([((n * 7919) % 600_000) * 3 + (n % 9) * 2 ** 34, 1 + (n % LONGEST)]);
  for (const [offset, length] of ranges) free.add(offset, length);
  // As much memory as is told of, by which others take less.
  assert.ok(free.room >= 4 * ranges.length && free.room < 6 * ranges.length, `${free.room} bytes`);
  assert.deepEqual(
    given(free),
    ranges.sort(([a, x], [b, y]) => a - b || x - y),
  );
});
