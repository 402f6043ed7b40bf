import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Differences } from '../../src/source/views.js';

/** Two runs of bytes of one length, alike in most places, and where they begin. */
const anyTwo = fc
  .array(fc.tuple(fc.nat(2), fc.nat(2)), { maxLength: 40 })
  .chain((pairs) => fc.tuple(fc.constant(pairs), fc.nat(100), fc.nat(150), fc.nat(150)));

test('of two runs of bytes each range tells whether they differ in it, and where that begins and ends', () => {
  fc.assert(
    fc.property(anyTwo, ([pairs, from, a, b]) => {
      const [one, other] = [0, 1].map((side) => Uint8Array.from(pairs, (pair) => pair[side]));
      const differences = new Differences(from, one, other);
      const [first, last] = [Math.min(a, b), Math.max(a, b)];
      const places = [...pairs.keys()]
        .filter((i) => one[i] !== other[i])
        .map((i) => from + i)
        .filter((place) => place >= first && place < last);
      assert.equal(differences.touches(first, last), places.length > 0);
      const within = differences.within({ first, last });
      if (places.length === 0) assert.deepEqual(within, { first, last: first });
      else assert.deepEqual(within, { first: places[0], last: places[places.length - 1] + 1 });
    }),
    { seed: 20261129 },
  );
});
