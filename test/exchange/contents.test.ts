import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { memorySink } from '../../src/build/sink.js';
import { digestOf } from '../../src/exchange/contents.js';
import { DumpError } from '../../src/exchange/input.js';
import { requireSound } from '../../src/exchange/load.js';
import { memorySource } from '../../src/source/memory.js';
import { build, specFor } from '../build/build.js';
import { FORMATS } from '../format/formats.js';

const records = Array.from({ length: 120 }, (_, n) => ({
  key: Buffer.from(`key ${n}`),
  value: Buffer.from(`value ${n * 7}`),
}));

test('the same records have one fingerprint in any order and any format', async () => {
  const prints = new Set<string>();
  for (const format of FORMATS) {
    for (const some of [records, [...records].reverse()]) {
      prints.add(await digestOf(memorySource((await build(some, specFor(format))).bytes)));
    }
  }
  assert.equal(prints.size, 1);
});

test('a fresh database with another byte in a value is not taken', async () => {
  const { bytes, result } = await build(records, specFor(FORMATS[0]));
  const contents = await digestOf(memorySource(bytes));
  const text = Buffer.from(bytes);
  await fc.assert(
    fc.asyncProperty(fc.nat(119), fc.integer({ min: 1, max: 255 }), async (n, change) => {
      const changed = Buffer.from(text);
      const { key, value } = records[n];
      changed[text.indexOf(Buffer.concat([key, value])) + key.length] ^= change;
      const sink = memorySink();
      await sink.write(0, changed);
      await assert.rejects(requireSound(sink, { ...result, contents }), DumpError);
    }),
    { seed: 20261124, numRuns: 60 },
  );
  const sink = memorySink();
  await sink.write(0, bytes);
  await requireSound(sink, { ...result, contents });
});
