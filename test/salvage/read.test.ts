import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { RecordPlace } from '../../src/salvage/read.js';
import { readTogether } from '../../src/salvage/read.js';
import { memorySource } from '../../src/source/source.js';
import { runs } from '../tools/effort.js';
import { Random } from '../tools/random.js';

const bytes = new Random(20261125).bytes(1 << 20);
const SMALL = 256 * 1024;
/** Bytes of a batch, at most: 4 MiB, and what the last record adds. */
const MOST = (4 << 20) + SMALL;

const anyPlace: fc.Arbitrary<RecordPlace> = fc
  .tuple(
    fc.nat(bytes.length),
    fc.oneof(fc.nat(40), fc.integer({ min: SMALL - 2, max: SMALL + 2 })),
    fc.nat(900),
  )
  .map(([offset, keySize, dataSize]) => ({
    offset: Math.max(0, Math.min(offset, bytes.length - keySize - dataSize)),
    keySize,
    dataSize,
  }));

test('records come in their order with their bytes, a few MiB at a time, however many a bucket has', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(anyPlace, { maxLength: 120, size: 'max' }), { maxLength: 4 }),
      fc.constantFrom('key' as const, 'whole' as const),
      async (buckets, part) => {
        async function* batches() {
          await Promise.resolve();
          yield* buckets;
        }
        const found: RecordPlace[] = [];
        for await (const read of readTogether(memorySource(bytes), batches(), part)) {
          assert.ok(read.bytes.length <= MOST, `${read.bytes.length} bytes at a time`);
          for (const [n, place] of read.records.entries()) {
            found.push(place);
            const size = part === 'key' ? place.keySize : place.keySize + place.dataSize;
            const start = read.starts[n];
            assert.equal(start < 0, size > SMALL);
            if (start < 0) continue;
            const there = read.bytes.subarray(start, start + size);
            assert.equal(Buffer.compare(there, bytes.subarray(place.offset, place.offset + size)), 0);
          }
        }
        assert.deepEqual(found, buckets.flat());
      },
    ),
    { seed: 20261125, numRuns: runs(60) },
  );
});
