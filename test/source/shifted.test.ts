import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../src/source/fault.js';
import { memorySource } from '../../src/source/memory.js';
import { shifted } from '../../src/source/shifted.js';

/** A few bytes, how many more or fewer there were before, and a range that is asked for. */
const anyShift = [
  fc.uint8Array({ minLength: 1, maxLength: 60 }),
  fc.integer({ min: -40, max: 40 }),
  fc.nat(),
  fc.nat(),
] as const;

test('a file without its beginning, or with bytes before it, reads as it was before', async () => {
  await fc.assert(
    fc.asyncProperty(...anyShift, async (bytes, missing, from, to) => {
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
    }),
    { seed: 20261124 },
  );
});

test('a file without bytes of its middle, or with some put in, reads as it was before', async () => {
  await fc.assert(
    fc.asyncProperty(...anyShift, fc.nat(), async (bytes, missing, from, to, place) => {
      const at = place % (bytes.length + 1);
      fc.pre(bytes.length - at + missing > 0);
      const whole = Buffer.concat([
        bytes.subarray(0, at),
        new Uint8Array(Math.max(0, missing)),
        bytes.subarray(at + Math.max(0, -missing)),
      ]);
      const fault = new Fault(memorySource(bytes), missing, at);
      const { source } = fault;
      assert.equal(source.size, whole.length);
      const offset = from % whole.length;
      const length = to % (whole.length - offset + 1);
      assert.deepEqual(
        Buffer.from(await source.read(offset, length)),
        whole.subarray(offset, offset + length),
      );
      for (let i = offset; i < offset + length; i++) {
        const now = fault.whereIs(i);
        assert.equal(now < 0, fault.mayHit(i, i + 1));
        if (now >= 0) assert.equal(bytes[now], whole[i]);
      }
      const pieces = [...fault.pieces(offset, length)].map((piece) =>
        bytes.subarray(piece.offset, piece.offset + piece.length),
      );
      const there = Array.from({ length }, (_, i) => offset + i).filter((i) => fault.whereIs(i) >= 0);
      assert.deepEqual(Buffer.concat(pieces), Buffer.from(there.map((i) => whole[i])));
    }),
    { seed: 20261128 },
  );
});
