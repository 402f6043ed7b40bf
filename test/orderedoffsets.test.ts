import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { OrderedOffsets } from '../src/numbers.js';
import { runs } from './tools/effort.js';

/** Steps from one to the next, over no part of the file, one or many. */
const anyStep = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.integer({ min: 0, max: 2 ** 16 }),
  fc.integer({ min: 2 ** 16 - 2, max: 2 ** 16 + 2 }),
  fc.integer({ min: 0, max: 2 ** 21 }),
);

test('offsets are told as they came, by number and by what is behind a place, in any order of asking', () => {
  fc.assert(
    fc.property(
      fc.array(anyStep, { minLength: 1, maxLength: 1200, size: 'max' }),
      fc.constantFrom(
        { base: 0, size: 2 ** 31 },
        { base: 0, size: 2 ** 37 },
        { base: 2 ** 32 - 2 ** 17, size: 2 ** 34 },
        { base: 2 ** 32 - 2 ** 17, size: 2 ** 38 },
        { base: 2 ** 52, size: 2 ** 53 },
      ),
      fc.array(fc.nat(), { maxLength: 100 }),
      (steps, { base, size }, asked) => {
        const list = new OrderedOffsets(size);
        const expected: number[] = [];
        let offset = base;
        for (const step of steps) {
          expected.push((offset += step));
          list.push(offset);
        }
        assert.equal(list.length, expected.length);
        for (const some of asked) {
          const index = some % expected.length;
          assert.equal(list.at(index), expected[index]);
          for (const place of [expected[index] - 1, expected[index], expected[index] + 1]) {
            const after = expected.findIndex((one) => one > place);
            assert.equal(list.firstAfter(place), after < 0 ? expected.length : after);
          }
        }
        expected.forEach((one, index) => assert.equal(list.at(index), one));
        assert.deepEqual([list.firstAfter(-1), list.firstAfter(offset + 2 ** 22)], [0, expected.length]);
      },
    ),
    { numRuns: runs(300) },
  );
});

test('a million offsets are held in pieces', () => {
  const count = 1_200_000;
  const list = new OrderedOffsets(count * 11);
  for (let n = 0; n < count; n++) list.push(n * 11 + 5);
  for (const n of [0, 255, 256, 257, 2 ** 19 - 1, 2 ** 19, 2 ** 19 + 1, 2 ** 20 - 1, 2 ** 20, count - 1]) {
    assert.equal(list.at(n), n * 11 + 5);
    assert.equal(list.firstAfter(n * 11 + 4), n);
    assert.equal(list.firstAfter(n * 11 + 5), n + 1);
  }
});
