import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { base64Length, decodeWhole, encodeBase64 } from '../../src/exchange/base64.js';
import { runs } from '../tools/effort.js';

/** Bytes from `from` on, with what lies before and, maybe, behind them. */
const inside = fc.tuple(fc.uint8Array({ maxLength: 70 }), fc.nat(70), fc.nat(70)).map(([bytes, a, b]) => {
  const [from, to] = [a, b].map((n) => n % (bytes.length + 1)).sort((x, y) => x - y);
  return { bytes, from, to };
});

test('base64 is that of Node, wherever the bytes lie in their memory, and is read back', () => {
  fc.assert(
    fc.property(inside, fc.nat(9), ({ bytes, from, to }, at) => {
      const expected = Buffer.from(bytes.subarray(from, to)).toString('base64');
      const text = new Uint8Array(at + base64Length(to - from));
      // A copy with nothing behind it: no byte beyond the end may be looked at.
      const end = encodeBase64(new DataView(bytes.slice().buffer), from, to, new DataView(text.buffer), at);
      assert.equal(end, text.length);
      assert.equal(Buffer.from(text.subarray(at)).toString('latin1'), expected);

      const back = new Uint8Array(to - from + 1);
      assert.ok(decodeWhole(new DataView(text.buffer), at, to - from, new DataView(back.buffer), 0));
      assert.deepEqual(back.subarray(0, -1), bytes.slice(from, to));
    }),
    { numRuns: runs(2000) },
  );
});
