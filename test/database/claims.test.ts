import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { HashClaims, rangeOf } from '../../src/database/claims.js';
import { HASH_RANGE } from '../../src/format/hash.js';

const anyHash = fc.nat(HASH_RANGE - 1);

test('claims never overlap, and every hash is either owned or open, whenever they are released', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ hash: anyHash, bits: fc.nat(8), released: fc.boolean() }), { maxLength: 40 }),
      fc.array(anyHash, { minLength: 20, maxLength: 20 }),
      (wanted, hashes) => {
        const claims = new HashClaims();
        const accepted: { first: number; end: number; owner: number }[] = [];
        for (const [owner, { hash, bits, released }] of wanted.entries()) {
          if (released) claims.release();
          const range = rangeOf(hash, bits);
          const end = range.first + 2 ** (31 - bits);
          const free = accepted.every((one) => one.end <= range.first || end <= one.first);
          assert.equal(claims.claim(range, owner), free);
          if (free) accepted.push({ first: range.first, end, owner });
        }
        const open = [...claims.open()];
        for (const hash of hashes) {
          const owner = accepted.find(({ first, end }) => first <= hash && hash < end)?.owner;
          assert.equal(claims.ownerOf(hash), owner);
          assert.equal(
            open.some(({ first, end }) => first <= hash && hash < end),
            owner === undefined,
          );
        }
      },
    ),
    { seed: 20261124 },
  );
});
