import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { RecordRuns } from '../../src/check/space.js';
import { UnusedSpace } from '../../src/check/space.js';
import { runs } from '../tools/effort.js';

const RUNS = { seed: 20261125, numRuns: runs(200) };

/** Steps from the end of one range to the beginning of the next one, below 0 where they overlap, and lengths. */
const anySteps = fc.array(fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: 1, max: 9 })), {
  maxLength: 60,
});

interface Run {
  offset: number;
  end: number;
}

function told(runs: RecordRuns): Run[] {
  return Array.from({ length: runs.length }, (_, run) => ({ offset: runs.start(run), end: runs.end(run) }));
}

test('ranges that touch or overlap are one run, below and above 4 GiB', () => {
  fc.assert(
    fc.property(anySteps, fc.constantFrom(0, 2 ** 32 - 20, 2 ** 40), (steps, base) => {
      const size = base + 1000;
      const covered = new RecordRuns(size);
      const expected: Run[] = [];
      let start = base;
      let end = base;
      for (const [step, length] of steps) {
        // None begins before the last one began.
        start = Math.max(start, end + step);
        end = start + length;
        covered.cover(start, end);
        const last = expected.at(-1);
        if (last === undefined || start > last.end) expected.push({ offset: start, end });
        else last.end = Math.max(last.end, end);
      }
      assert.deepEqual(told(covered), expected);
      for (let at = base; at < end + 3; at++) {
        assert.equal(
          covered.runAt(at),
          expected.findLastIndex(({ offset }) => offset <= at),
          `${at}`,
        );
      }
      // Bytes in no run are unused.
      const unused = new UnusedSpace(covered, size);
      const ranges = [...unused];
      assert.equal(unused.length, ranges.length);
      assert.equal(unused.at(-1), undefined);
      assert.equal(unused.at(ranges.length), undefined);
      const both = [
        ...ranges.map(({ offset, length }) => ({ offset, end: offset + length })),
        ...expected,
      ].sort((a, b) => a.offset - b.offset);
      let at = 0;
      for (const one of both) {
        assert.equal(one.offset, at);
        assert.ok(one.end > one.offset);
        at = one.end;
      }
      assert.equal(at, size);
    }),
    RUNS,
  );
});

test('any number of runs is remembered', () => {
  for (const size of [2 ** 31, 2 ** 34]) {
    const runs = new RecordRuns(size);
    const count = 100_000;
    for (let n = 0; n < count; n++) runs.cover(n * 10 + 1, n * 10 + 6);
    assert.equal(runs.length, count);
    for (const n of [0, 1, 16_383, 16_384, 16_385, count - 1]) {
      assert.deepEqual([runs.start(n), runs.end(n), runs.runAt(n * 10 + 3)], [n * 10 + 1, n * 10 + 6, n]);
    }
    const unused = new UnusedSpace(runs, size);
    assert.deepEqual(
      [unused.length, unused.at(0), unused.at(16_384), unused.at(count)],
      [
        count + 1,
        { offset: 0, length: 1 },
        { offset: 163_836, length: 5 },
        { offset: count * 10 - 4, length: size - count * 10 + 4 },
      ],
    );
  }
});
