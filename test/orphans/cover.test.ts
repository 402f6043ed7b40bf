import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { HASH_BITS } from '../../src/format/hash.js';
import { Cover } from '../../src/orphans/cover.js';

const anyRange = fc
  .integer({ min: 0, max: 4 })
  .chain((bits) => fc.nat(2 ** bits - 1).map((n) => ({ first: n * 2 ** (HASH_BITS - bits), bits })));
const endOf = ({ first, bits }: { first: number; bits: number }) => first + 2 ** (HASH_BITS - bits);

test('deeper ranges inside of one are told once each, however many buckets claim them', () => {
  fc.assert(
    fc.property(fc.array(anyRange, { maxLength: 40 }), anyRange, (ranges, asked) => {
      const cover = new Cover(ranges);
      const inside = ranges.filter(
        (one) => one.bits > asked.bits && one.first >= asked.first && endOf(one) <= endOf(asked),
      );
      const names = (list: Iterable<{ first: number; bits: number }>) =>
        [...list].map(({ first, bits }) => `${first}/${bits}`).sort();
      assert.deepEqual(names(cover.inside(asked)), [...new Set(names(inside))]);
      assert.equal(cover.reachesInto(asked), inside.length > 0);
    }),
  );
});

test('a range is split where deeper ones have every hash of it', () => {
  fc.assert(
    fc.property(fc.array(anyRange, { maxLength: 40 }), anyRange, (ranges, asked) => {
      const deeper = ranges.filter(({ bits }) => bits > asked.bits);
      // No range is deeper than a sixteenth of all hashes.
      const share = 2 ** (HASH_BITS - 4);
      let all = true;
      for (let hash = asked.first; hash < endOf(asked); hash += share) {
        all &&= deeper.some((one) => one.first <= hash && hash < endOf(one));
      }
      assert.equal(new Cover(ranges).splits(asked), all);
    }),
  );
});
