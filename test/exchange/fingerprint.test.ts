import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { memorySink } from '../../src/write/sink.js';
import { openDatabase } from '../../src/database/database.js';
import { check } from '../../src/examine.js';
import { ContentsDigest, contentsOf } from '../../src/exchange/fingerprint.js';
import { requireSound } from '../../src/exchange/load.js';
import { BucketView } from '../../src/format/bucket.js';
import { memorySource } from '../../src/source/source.js';
import { VerifyError } from '../../src/write/write.js';
import { anyRecords, build, specFor, text } from '../build/build.js';
import { FORMATS } from '../format/formats.js';
import { runs } from '../tools/effort.js';

const records = Array.from({ length: 120 }, (_, n) => ({
  key: Buffer.from(`key ${n}`),
  value: Buffer.from(`value ${n * 7}`),
}));

const sizeOf = (some: typeof records) =>
  some.reduce((sum, { key, value }) => sum + key.length + value.length, 0);

test('records have the fingerprint of their bytes and sizes, in any pieces and in a database of any format', () =>
  fc.assert(
    fc.asyncProperty(anyRecords(12), fc.integer({ min: 1, max: 9 }), async (any, pieces) => {
      const some = [...new Map(any.map((one) => [text(one.key), one])).values()];
      const digest = new ContentsDigest();
      for (const { key, value } of some) digest.takeSizes(key.length, value.length);
      const all = Buffer.concat(some.flatMap(({ key, value }) => [key, value]));
      for (let at = 0; at < all.length; at += pieces) digest.takeBytes(all.subarray(at, at + pieces));
      for (const format of FORMATS) {
        const { bytes } = await build(some, specFor(format));
        assert.deepEqual(await contentsOf(memorySource(bytes), all.length), digest.value);
      }
    }),
    { numRuns: runs(40) },
  ));

test('a fresh database with another byte in a value is not taken', async () => {
  const { bytes, result } = await build(records, specFor(FORMATS[0]));
  const contents = await contentsOf(memorySource(bytes), sizeOf(records));
  const whole = Buffer.from(bytes);
  await fc.assert(
    fc.asyncProperty(fc.nat(119), fc.integer({ min: 1, max: 255 }), async (n, change) => {
      const changed = Buffer.from(whole);
      const { key, value } = records[n];
      changed[whole.indexOf(Buffer.concat([key, value])) + key.length] ^= change;
      const sink = memorySink();
      await sink.write(0, changed);
      await assert.rejects(requireSound(sink, { ...result, contents }), VerifyError);
    }),
    { seed: 20261124, numRuns: runs(60) },
  );
  const sink = memorySink();
  await sink.write(0, bytes);
  await requireSound(sink, { ...result, contents });
});

test('a fresh database in which a value is shorter, and nothing else is wrong, is not taken', async () => {
  const { bytes, result } = await build(records, specFor(FORMATS[0]));
  const contents = await contentsOf(memorySource(bytes), sizeOf(records));
  const { format, geometry, directory } = (await openDatabase(memorySource(bytes)))!;
  for (const [slot, offset] of directory.entries()) {
    const changed = Uint8Array.from(bytes);
    const bucket = changed.subarray(offset, offset + geometry.bucketSize);
    const words = new BucketView(bucket, format, geometry.bucketElements);
    const i = Array.from({ length: words.elements }, (_, n) => n).find((n) => words.hash(n) >= 0)!;
    words.setElement(i, {
      hash: words.hash(i),
      key_start: words.keyStart(i),
      data_pointer: words.dataPointer(i),
      key_size: words.keySize(i),
      data_size: words.dataSize(i) - 1,
    });
    const sink = memorySink();
    await sink.write(0, changed);
    assert.equal((await check(sink)).verdict, 'healthy', `slot ${slot}`);
    await assert.rejects(requireSound(sink, { ...result, contents }), VerifyError);
  }
});
