import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { BucketWords } from '../../src/format/bucketwords.js';
import { bucketElementCount, BucketView } from '../../src/format/bucket.js';
import type { Format } from '../../src/format/format.js';
import { FREE_HASH } from '../../src/format/hash.js';
import { LAYOUTS } from '../../src/format/format.js';
import { runs, SWEEP } from '../tools/effort.js';

const SIZE = 512;
/** Pointers about the borders of parts of 64 KiB, beyond 4 GiB and 2^47, and such as stand in no file. */
const anyPointer = (bits: number) =>
  fc
    .tuple(fc.constantFrom(0, 1, 2, 3, 2 ** 16, 2 ** 31), fc.integer({ min: -2, max: 70_000 }))
    .map(([part, more]) => part * 65_536 + more)
    .map((pointer) => (bits === 64 ? pointer : pointer | 0));

const anyBucket = fc
  .record({
    layout: fc.constantFrom(...LAYOUTS),
    byteOrder: fc.constantFrom('little' as const, 'big' as const),
  })
  .chain(({ layout, byteOrder }) => {
    const format: Format = { layout, byteOrder, variant: 'standard' };
    const element = fc.option(
      fc.record({
        hash: fc.nat(2 ** 31 - 1),
        key_start: fc.uint8Array({ minLength: 4, maxLength: 4 }),
        data_pointer: anyPointer(layout.offsetBits),
        key_size: fc.nat(70_000),
        data_size: fc.nat(70_000),
      }),
    );
    const elements = bucketElementCount(layout, SIZE);
    return fc.record({
      format: fc.constant(format),
      elements: fc.array(element, { minLength: elements, maxLength: elements }),
      from: anyPointer(layout.offsetBits),
      to: anyPointer(layout.offsetBits),
    });
  });

test('of a bucket the elements with records in a part of the file are those of all that begin there', () => {
  let found = 0;
  fc.assert(
    fc.property(anyBucket, ({ format, elements, from, to }) => {
      const bucket = new BucketView(new Uint8Array(SIZE), format, elements.length);
      for (const [i, element] of elements.entries()) {
        if (element === null) bucket.setHash(i, FREE_HASH);
        else bucket.setElement(i, element);
      }
      const all = new BucketWords(format, SIZE, elements.length);
      all.load(bucket.bytes);
      const part = new BucketWords(format, SIZE, elements.length);
      part.loadBetween(bucket.bytes, from, to);
      const columnsOf = (words: BucketWords, numbers: readonly number[]) =>
        numbers.map((i) => [
          i,
          words.hashes[i],
          words.pointers[i],
          words.keySizes[i],
          words.dataSizes[i],
          words.starts[i],
        ]);
      const inside = [...all.used.subarray(0, all.usedCount)].filter(
        (i) => all.pointers[i] >= from && all.pointers[i] < to,
      );
      assert.deepEqual(columnsOf(part, [...part.used.subarray(0, part.usedCount)]), columnsOf(all, inside));
      found += inside.length;
    }),
    { seed: 20261129, numRuns: runs(400) },
  );
  assert.ok(found > (SWEEP ? 200 : 20), `${found} elements`);
});
