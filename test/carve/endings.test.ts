import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Endings } from '../../src/carve/endings.js';

const PIECE = 6;
/** Of few different bytes, so that many end alike. */
const anyBytes = (maxLength: number) => fc.uint8Array({ maxLength, max: 2 });

test('some bytes end as a piece does or as none, whatever the pieces; of longer ones the end is compared', () => {
  fc.assert(
    fc.property(fc.array(anyBytes(PIECE), { maxLength: 20 }), fc.array(anyBytes(9)), (pieces, keys) => {
      const starts = new Uint32Array(pieces.length + 1);
      pieces.forEach(({ length }, n) => (starts[n + 1] = starts[n] + length));
      const endings = new Endings(Buffer.concat(pieces), starts, PIECE);
      for (const key of keys) {
        const end = Buffer.from(key.subarray(-PIECE)).toString('hex');
        const expected =
          key.length > 0 && pieces.some((piece) => Buffer.from(piece).toString('hex').endsWith(end));
        assert.equal(endings.has(key), expected);
      }
    }),
    { numRuns: 500 },
  );
});
