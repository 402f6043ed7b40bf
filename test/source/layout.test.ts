import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Piece } from '../../src/source/layout.js';
import { Layout } from '../../src/source/layout.js';
import { memorySource, SourceError } from '../../src/source/source.js';

/** A file as it was, cut into pieces of which some are lost, put together in another order with other bytes between. */
const anyDamage = fc
  .array(
    fc.record({
      length: fc.integer({ min: 1, max: 40 }),
      isLost: fc.boolean(),
      rank: fc.nat(100),
      before: fc.nat(8),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .filter((parts) => parts.some(({ isLost }) => !isLost))
  .map((parts) => {
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    const original = Uint8Array.from({ length: size }, (_, i) => 1 + (i % 250));
    let start = 0;
    const kept = parts
      .map((part) => ({ ...part, start: (start += part.length) - part.length }))
      .filter(({ isLost }) => !isLost);
    const file: number[] = [];
    const pieces: Piece[] = [];
    for (const { start, length, before } of [...kept].sort((a, b) => a.rank - b.rank)) {
      file.push(...new Uint8Array(before).fill(255));
      pieces.push({ start, at: file.length, length });
      file.push(...original.subarray(start, start + length));
    }
    pieces.sort((a, b) => a.start - b.start);
    // Bytes that are lost read as zeros.
    const expected = original.map((byte, i) =>
      pieces.some((one) => one.start <= i && i < one.start + one.length) ? byte : 0,
    );
    return { layout: new Layout(memorySource(Uint8Array.from(file)), pieces, [], []), file, expected };
  });

test('a file is read as it was, with zeros for what is lost', () =>
  fc.assert(
    fc.asyncProperty(anyDamage, fc.nat(500), fc.nat(500), async ({ layout, expected }, from, length) => {
      const offset = from % layout.size;
      const size = Math.min(length, layout.size - offset);
      assert.deepEqual(
        Uint8Array.from(await layout.source.read(offset, size)),
        expected.slice(offset, offset + size),
      );
    }),
  ));

test('each byte of the file as it was is found where it stands, or known to be missing', () =>
  fc.assert(
    fc.property(anyDamage, ({ layout, file, expected }) => {
      for (let offset = 0; offset < layout.size; offset++) {
        const at = layout.whereIs(offset);
        assert.equal(at < 0 ? 0 : file[at], expected[offset]);
      }
      const places = [...layout.places(0, layout.size)];
      const bytes = places.flatMap(({ offset, length }) => file.slice(offset, offset + length));
      assert.deepEqual(
        bytes,
        [...expected].filter((byte) => byte !== 0),
      );
    }),
  ));

test('a range is in doubt if it has a byte of a doubt, or goes over a place with an empty one', () => {
  const doubts = [
    { offset: 10, length: 5 },
    { offset: 30, length: 0 },
  ];
  const file = memorySource(new Uint8Array(100));
  const layout = new Layout(file, [{ start: 0, at: 0, length: 100 }], [], doubts);
  const inDoubt = [
    [0, 11],
    [14, 20],
    [29, 31],
  ];
  for (const [from, to] of inDoubt) assert.ok(layout.mayHit(from, to), `${from} ${to}`);
  const sure = [
    [0, 10],
    [15, 30],
    [30, 40],
    [40, 100],
  ];
  for (const [from, to] of sure) assert.ok(!layout.mayHit(from, to), `${from} ${to}`);
});

test('of a range that the disk cannot read all is known, wherever its bytes belong', async () => {
  const bytes = memorySource(new Uint8Array(20));
  const original = { ...bytes, unreadable: () => [{ offset: 5, length: 10 }] };
  const pieces = [
    { start: 0, at: 10, length: 10 },
    { start: 10, at: 0, length: 10 },
  ];
  const { source } = new Layout(original, pieces, [], []);
  assert.deepEqual(source.unreadable!(), [
    { offset: 0, length: 5 },
    { offset: 15, length: 5 },
  ]);
  await assert.rejects(async () => source.read(15, 6), SourceError);
});

test('a file that lost its beginning, or has bytes before it, begins where it did', async () => {
  const file = memorySource(Uint8Array.of(1, 2, 3));
  const lost = Layout.shifted(file, 2);
  assert.deepEqual([...(await lost.source.read(0, 5))], [0, 0, 1, 2, 3]);
  assert.deepEqual([lost.missingAtStart, lost.mayHit(0, 1), lost.mayHit(2, 5)], [2, true, false]);
  const before = Layout.shifted(file, -1);
  assert.deepEqual([...(await before.source.read(0, 2))], [2, 3]);
  assert.deepEqual([before.missingAtStart, before.mayHit(0, 2)], [-1, false]);
});
