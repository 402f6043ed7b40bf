import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { memorySource } from '../../src/source/memory.js';
import { shifted } from '../../src/source/shifted.js';

test('a file without its beginning, or with bytes before it, reads as it was before', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 60 }),
      fc.integer({ min: -40, max: 40 }),
      fc.nat(),
      fc.nat(),
      async (bytes, missing, from, to) => {
        fc.pre(bytes.length + missing > 0);
        const whole = new Uint8Array(bytes.length + missing);
        if (missing >= 0) whole.set(bytes, missing);
        else whole.set(bytes.subarray(-missing));
        const source = shifted(memorySource(bytes), missing);
        assert.equal(source.size, whole.length);
        const offset = from % whole.length;
        const length = to % (whole.length - offset + 1);
        assert.deepEqual(await source.read(offset, length), whole.slice(offset, offset + length));
        await assert.rejects(source.read(offset, whole.length - offset + 1));
      },
    ),
    { seed: 20261124 },
  );
});
