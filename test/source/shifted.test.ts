import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { faultAt } from '../../src/orphans/faultat.js';
import { Fault, shifted } from '../../src/source/views.js';
import { memorySource } from '../../src/source/source.js';
import { runs } from '../tools/effort.js';

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

test('where bytes were put in that are there already, what is not in doubt is the same whichever place it is', async () => {
  let alike = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(1), { minLength: 8, maxLength: 60 }).map((bytes) => Uint8Array.from(bytes)),
      fc.record({ at: fc.nat(), size: fc.nat(), before: fc.nat(20), behind: fc.nat(20) }),
      async (whole, { at, size, before, behind }) => {
        const place = at % whole.length;
        const length = 1 + (size % (whole.length - place));
        const twice = whole.subarray(place, place + length);
        const bytes = Buffer.concat([whole.subarray(0, place), twice, whole.subarray(place)]);
        const between = {
          first: Math.max(0, place - before),
          last: Math.min(whole.length, place + behind),
        };
        // The part that is found: all that may be the place, or a part of that.
        for (const found of [between, { first: place, last: between.last }]) {
          const fault = await faultAt(memorySource(bytes), -length, found, between);
          for (let offset = 0; offset < whole.length; offset++) {
            for (let end = offset + 1; end <= whole.length; end++) {
              if (fault.mayHit(offset, end)) continue;
              assert.deepEqual(
                Buffer.from(await fault.source.read(offset, end - offset)),
                Buffer.from(whole.subarray(offset, end)),
              );
              if (offset < between.last && end > between.first) alike++;
            }
          }
        }
      },
    ),
    { seed: 20261129, numRuns: runs(60) },
  );
  assert.ok(alike > 1000, `${alike} ranges between`);
});
