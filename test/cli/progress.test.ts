import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { progressText } from '../../src/cli/terminal.js';

test('a bar shows the step, the share, the rate and the time left', () => {
  const text = progressText({ step: 'looking for buckets', done: 25e6, all: 100e6, elapsed: 5000 }, 100);
  assert.equal(text, `looking for buckets  ${'█'.repeat(6)}${'░'.repeat(18)}  25 %  5.0 MB/s  15 s left`);
  const soon = progressText({ step: 'x', done: 1, all: 2, elapsed: 10 }, 100);
  assert.doesNotMatch(soon, /left/, 'no guess from a few milliseconds');
});

test('a bar fits every terminal, whatever numbers the work reports', () => {
  const size = fc.oneof(fc.nat(), fc.constantFrom(0, 1, 2 ** 53));
  fc.assert(
    fc.property(
      size,
      size,
      fc.nat(10 ** 7),
      fc.integer({ min: 1, max: 200 }),
      (done, all, elapsed, columns) => {
        const text = progressText({ step: 'looking for moved blocks', done, all, elapsed }, columns);
        assert.ok(text.length < columns || text === '');
        assert.doesNotMatch(text, /NaN|Infinity|-\d/);
      },
    ),
  );
});
