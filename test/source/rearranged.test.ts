import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { memorySource } from '../../src/source/source.js';
import { BlockGrid, Rearrangement } from '../../src/source/views.js';

const BLOCK = 16;

/** A file of blocks, the order they came to stand in, and a range of it. */
const anyMixedFile = fc
  .record({ bytes: fc.uint8Array({ minLength: 3 * BLOCK, maxLength: 12 * BLOCK }), seed: fc.nat() })
  .chain(({ bytes }) => {
    const blocks = Math.floor(bytes.length / BLOCK) - 1;
    return fc.record({
      bytes: fc.constant(bytes),
      order: fc.shuffledSubarray([...Array(blocks).keys()], { minLength: blocks }),
      // Block 0 may begin before the file; it cannot move then.
      before: fc.nat(BLOCK - 1),
      from: fc.nat(bytes.length),
      length: fc.nat(bytes.length),
    });
  });

test('blocks that changed places read as where they belong, and each byte is told where it is', async () => {
  await fc.assert(
    fc.asyncProperty(anyMixedFile, async ({ bytes, order, before, from, length }) => {
      const startOf = (block: number) => (block + 1) * BLOCK - before;
      // A Buffer, whose slice is a part of it.
      const mixed = Buffer.from(bytes);
      order.forEach((home, now) => mixed.set(bytes.subarray(startOf(home), startOf(home + 1)), startOf(now)));
      const moved = order
        .map((home, now) => ({ home: startOf(home), at: startOf(now) }))
        .filter(({ home, at }) => home !== at);
      const rearrangement = new Rearrangement(new BlockGrid(BLOCK, -before), moved);
      const source = rearrangement.of(memorySource(mixed));
      const end = Math.min(bytes.length, from + length);
      const untouched = Buffer.from(mixed);
      assert.deepEqual(Uint8Array.from(await source.read(from, end - from)), bytes.slice(from, end));
      for (let at = 0; at < bytes.length; at++) assert.equal(mixed[rearrangement.whereIs(at)], bytes[at]);
      const pieces = [...rearrangement.pieces(from, end - from)];
      assert.deepEqual(
        Buffer.concat(pieces.map(({ offset, length }) => mixed.subarray(offset, offset + length))),
        Buffer.from(bytes.subarray(from, end)),
      );
      // Ranges beside each other are one piece, so that a fault between two blocks is seen to be in its middle.
      pieces
        .slice(1)
        .forEach(({ offset }, n) => assert.notEqual(offset, pieces[n].offset + pieces[n].length));
      const back = rearrangement.undone(source);
      assert.deepEqual(Buffer.from(await back.read(from, end - from)), mixed.subarray(from, end));
      assert.deepEqual(mixed, untouched);
    }),
    { seed: 20261124 },
  );
});
