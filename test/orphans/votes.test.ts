import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Votes } from '../../src/orphans/votes.js';
import { runs } from '../tools/effort.js';

test('the number that comes most often is among those that are left, however many there are', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20_000, max: 60_000 }),
      fc.integer({ min: 100, max: 1000 }),
      (others, often) => {
        const votes = new Votes();
        for (let n = 0; n < others; n++) {
          votes.add(n);
          if (n % Math.floor(others / often) === 0) votes.add(-1);
        }
        const left = votes.all();
        assert.ok(left.length <= 4096);
        assert.equal(left.sort(([, a], [, b]) => b - a)[0][0], -1);
      },
    ),
    { numRuns: runs(20) },
  );
});

test('of few numbers each is counted', () => {
  const votes = new Votes();
  for (const n of [5, 3, 5, -1, 5, 3]) votes.add(n);
  assert.deepEqual(
    new Map(votes.all()),
    new Map([
      [5, 3],
      [3, 2],
      [-1, 1],
    ]),
  );
});
