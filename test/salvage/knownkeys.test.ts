import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { KnownKeys } from '../../src/salvage/knownkeys.js';
import { cpuTime } from '../tools/cpu.js';
import { runs, SWEEP } from '../tools/effort.js';

test('the longest known key is found, as comparing with each says', () => {
  const bytes = fc.uint8Array({ max: 3, maxLength: 12 });
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 40 }), bytes, fc.nat(12), (list, window, place) => {
      const at = Math.min(place, window.length);
      const before = Buffer.from(window.subarray(0, at)).toString('hex');
      const sizes = list.filter((key) => key.length > 0 && before.endsWith(Buffer.from(key).toString('hex')));
      const expected = sizes.length === 0 ? undefined : Math.max(...sizes.map((key) => key.length));
      assert.equal(new KnownKeys(list).longestEndingAt(window, at), expected);
    }),
    { numRuns: runs(2000), seed: 3 },
  );
});

test('keys of any size are told apart by all their bytes', () => {
  const sizes = [1, 2, 253, 254, 255, 256, 257, 511, 65_535, 65_536, 70_000, 9 << 20];
  const key = (size: number, last: number) => new Uint8Array(size).fill(7, 1).fill(last, 0, 1);
  const known = new KnownKeys(sizes.flatMap((size) => [key(size, 1), key(size, 2), key(size, 1)]));
  assert.deepEqual([known.count, known.dropped, known.longest], [2 * sizes.length, 0, 9 << 20]);
  for (const size of sizes) {
    for (const last of [1, 2]) {
      const bytes = Buffer.concat([Uint8Array.of(9), key(size, last)]);
      assert.equal(known.longestEndingAt(bytes, bytes.length), size);
    }
    // Its own first byte is of none, so that only what is behind it could be.
    const other = Buffer.concat([Uint8Array.of(9), key(size, 3)]);
    assert.equal(known.longestEndingAt(other, other.length), undefined);
  }
});

const COUNT = SWEEP ? 1_000_000 : 100_000;

test(`${COUNT} keys are held and looked up`, () => {
  const encoder = new TextEncoder();
  function* keys() {
    for (let i = 0; i < COUNT; i++) yield encoder.encode(`task-meta-${i}-result`);
  }
  const started = cpuTime();
  const known = new KnownKeys(keys());
  assert.equal(known.count, COUNT);
  for (let i = 0; i < COUNT; i += 7) {
    const text = encoder.encode(`...task-meta-${i}-result`);
    assert.equal(known.longestEndingAt(text, text.length), text.length - 3);
  }
  const other = encoder.encode(`task-meta-${COUNT}-result`);
  assert.equal(known.longestEndingAt(other, other.length), undefined);
  assert.ok(cpuTime() - started < 10_000);
});

test('keys past the bound are counted, not held', () => {
  const known = new KnownKeys([new Uint8Array(10), new Uint8Array(5), new Uint8Array(4)], { maxBytes: 14 });
  assert.deepEqual([known.count, known.dropped, known.longest], [2, 1, 10]);
});
