import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Endings } from '../../src/carve/endings.js';

/** Of few different bytes, so that many end alike. */
const anyBytes = fc.uint8Array({ maxLength: 6, max: 2 });

test('some bytes are the end of a piece or of none, whatever the pieces', () => {
  fc.assert(
    fc.property(fc.array(anyBytes, { maxLength: 20 }), fc.array(anyBytes), (pieces, keys) => {
      const endings = new Endings(
        Buffer.concat(pieces),
        Uint32Array.from(pieces, ({ length }) => length),
      );
      for (const key of keys) {
        const expected = pieces.some(
          (piece) => key.length > 0 && Buffer.from(piece.subarray(-key.length)).equals(key),
        );
        assert.equal(endings.has(key), expected);
      }
    }),
    { numRuns: 300 },
  );
});
