import assert from 'node:assert/strict';
import test from 'node:test';
import { DistinctCount } from '../../src/carve/distinct.js';

const encoder = new TextEncoder();

/** Adds so many keys, each `times` times. */
function counted(keys: number, times: number): number {
  const count = new DistinctCount();
  for (let round = 0; round < times; round++) {
    for (let i = 0; i < keys; i++) count.add(encoder.encode(`session:${i}`));
  }
  return count.count;
}

test('few keys are counted exactly, however often each comes', () => {
  for (const keys of [0, 1, 2, 255, 256, 300]) assert.equal(counted(keys, 3), keys);
});

test('many are counted within a hundredth', () => {
  for (const [keys, times] of [
    [60_000, 2],
    [1_000_000, 2],
  ] as const) {
    const count = counted(keys, times);
    assert.ok(Math.abs(count - keys) <= keys / 100, `${count} of ${keys}`);
  }
});

test('there are never more than were added', () => {
  const count = new DistinctCount();
  for (let i = 0; i < 100_000; i++) count.add(Uint8Array.of(i & 0xff, i >>> 8, i >>> 16));
  assert.ok(count.count <= 100_000 && count.count >= 99_000, String(count.count));
});
