import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { PlaceSet } from '../../src/salvage/placeset.js';
import { runs } from '../tools/effort.js';

const SEED = 20261125;

test('a set of places has those that were added, also past 4 GiB, and each once', () => {
  // Few different numbers, so that places come again and differ in one of the three.
  const anyPlace = fc.tuple(
    fc.oneof(
      fc.nat(5),
      fc.nat(3).map((n) => n * 2 ** 32 + 7),
      fc.maxSafeNat(),
    ),
    fc.oneof(fc.nat(2), fc.nat()),
    fc.oneof(fc.nat(2), fc.nat()),
  );
  // One for all: what was in it is gone when it is cleared.
  const set = new PlaceSet();
  fc.assert(
    fc.property(fc.array(anyPlace, { maxLength: 3000, size: 'max' }), (places) => {
      set.clear();
      const names = new Set<string>();
      for (const place of places) {
        const name = place.join();
        assert.equal(set.has(...place), names.has(name), name);
        assert.equal(set.add(...place), !names.has(name), name);
        names.add(name);
      }
      assert.equal(set.size, names.size);
      for (const place of places) assert.ok(set.has(...place));
    }),
    { seed: SEED, numRuns: runs(60) },
  );
});
