import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { RecordRuns } from '../../src/check/space.js';
import { recordBytes } from '../../src/write/copy.js';
import { memorySource } from '../../src/source/source.js';
import { runs } from '../tools/effort.js';

const SIZE = 3 << 20;

test('runs are given whole and in order, whatever lies between them and wherever a read ends', async () => {
  const bytes = new Uint8Array(SIZE).map((_, i) => Math.imul(i, 2654435761) >>> 24);
  // Gaps over which is read on, and others; runs of a few bytes, and some longer than a read.
  const anyRun = fc.record({
    gap: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 16_000, max: 17_000 })),
    length: fc.oneof(fc.integer({ min: 1, max: 150 }), fc.integer({ min: 500_000, max: 1_100_000 })),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(anyRun, { maxLength: 60 }), async (wanted) => {
      const runs = new RecordRuns(SIZE);
      const expected: Uint8Array[] = [];
      let at = 0;
      for (const { gap, length } of wanted) {
        if (at + gap + length > SIZE) continue;
        runs.cover(at + gap, at + gap + length);
        expected.push(bytes.subarray(at + gap, at + gap + length));
        at += gap + length;
      }
      const found: Uint8Array[] = [];
      for await (const piece of recordBytes(memorySource(bytes), runs)) found.push(Uint8Array.from(piece));
      assert.ok(Buffer.concat(found).equals(Buffer.concat(expected)));
    }),
    { numRuns: runs(60) },
  );
});
