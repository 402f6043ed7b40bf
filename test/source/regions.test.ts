import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { divide, RecordHistogram } from '../../src/source/regions.js';

const SEED = 20261124;

test('a file is divided so that only a single byte may have more records than asked', async () => {
  const size = 1 << 22;
  const crowd = fc.tuple(fc.nat(size), fc.nat(300), fc.integer({ min: 1, max: 80 }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(size), { maxLength: 100 }),
      fc.array(crowd, { maxLength: 3 }),
      fc.integer({ min: 1, max: 60 }),
      async (spread, crowds, most) => {
        const offsets = [...spread];
        for (const [at, width, count] of crowds) {
          for (let n = 0; n < count; n++) offsets.push(Math.min(size, at + Math.round((n * width) / count)));
        }
        const histogram = new RecordHistogram(size);
        for (const offset of offsets) histogram.add(offset);
        const parts = await divide(histogram, most, async (take) =>
          offsets.forEach((offset) => take(offset)),
        );
        assert.equal(parts[0].from, 0);
        assert.ok(parts.at(-1)!.to > size);
        for (const [i, { from, to, records }] of parts.entries()) {
          if (i > 0) assert.equal(from, parts[i - 1].to);
          assert.equal(records, offsets.filter((offset) => offset >= from && offset < to).length);
          assert.ok(records <= most || to - from === 1);
        }
      },
    ),
    { seed: SEED },
  );
});
