import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { cached } from '../../src/source/cached.js';
import { memorySource, SourceError } from '../../src/source/source.js';
import type { Source } from '../../src/source/source.js';
import { runs } from '../tools/effort.js';
import { Random } from '../tools/random.js';

const SIZE = 6_000_000;
const random = new Random(20261125);
const bytes = Uint8Array.from({ length: SIZE }, () => random.below(256));

/** Reads that take a turn of the event loop, each another time, as a file's do. */
function slow(): Source {
  const source = memorySource(bytes);
  let turn = 0;
  return {
    size: source.size,
    async read(offset, length) {
      for (let n = turn++ % 3; n > 0; n--) await new Promise((done) => setImmediate(done));
      return source.read(offset, length);
    },
  };
}

test('what is read is what the source has, far and near, alone and at once, and stays so', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(SIZE - 1), fc.oneof(fc.nat(40), fc.nat(9000), fc.nat(70_000))), {
        minLength: 1200,
        maxLength: 1500,
      }),
      fc.integer({ min: 1, max: 7 }),
      async (places, together) => {
        const source = cached(slow());
        const kept: { offset: number; found: Uint8Array }[] = [];
        for (let n = 0; n < places.length; n += together) {
          const some = places.slice(n, n + together).map(async ([offset, wanted], i) => {
            const length = Math.min(wanted, SIZE - offset);
            if (i % 2 === 0) return { offset, found: await source.read(offset, length) };
            const found = new Uint8Array(length);
            await source.readInto!(offset, found);
            return { offset, found };
          });
          kept.push(...(await Promise.all(some)));
        }
        for (const { offset, found } of kept) {
          const expected = bytes.subarray(offset, offset + found.length);
          assert.ok(Buffer.compare(found, expected) === 0, `${found.length} bytes at ${offset}`);
        }
      },
    ),
    { seed: 20261125, numRuns: runs(8) },
  );
});

test('a read outside of the source is refused', async () => {
  const source = cached(memorySource(bytes));
  for (const [offset, length] of [
    [SIZE - 3, 4],
    [-1, 4],
    [SIZE + 1, 0],
    [0, SIZE + 1],
  ]) {
    await assert.rejects(source.read(offset, length), SourceError);
    await assert.rejects(source.readInto!(offset, new Uint8Array(length)), SourceError);
  }
});
