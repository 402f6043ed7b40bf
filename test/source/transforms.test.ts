import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Source } from '../../src/source/source.js';
import { memorySource } from '../../src/source/source.js';
import { TRANSFORMS } from '../../src/source/transforms.js';
import { changed } from '../tools/transformed.js';

/** Bytes of which many end or begin what a transform joins, more than two index blocks of them. */
const anyBytes = fc
  .array(fc.oneof(fc.constantFrom(10, 13, 0xc2, 0xc3, 0x80, 0xbf), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 60,
  })
  .chain((pattern) =>
    fc.record({ pattern: fc.constant(pattern), length: fc.integer({ min: 0, max: 50_000 }) }),
  )
  .map(({ pattern, length }) => Buffer.from(Array.from({ length }, (_, i) => pattern[i % pattern.length])));

for (const { name, undo } of TRANSFORMS) {
  test(`${name}: the file before the change is read at any offset`, async () => {
    await fc.assert(
      fc.asyncProperty(
        anyBytes,
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(20_000)), { maxLength: 20 }),
        async (bytes, reads) => {
          const source = await undo(memorySource(changed(name, bytes)));
          assert.equal(source.size, bytes.length);
          for (const [share, most] of [[0, bytes.length] as const, ...reads]) {
            const offset = Math.floor(share * bytes.length);
            const length = Math.min(most, bytes.length - offset);
            const expected = bytes.subarray(offset, offset + length);
            assert.deepEqual(Buffer.from(await source.read(offset, length)), expected);
            const into = new Uint8Array(length);
            await source.readInto!(offset, into);
            assert.deepEqual(Buffer.from(into), expected);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test(`${name}: bytes that the disk cannot read lie in the ranges that are told`, async () => {
    const bytes = Buffer.alloc(100_000, 'a\n\x80\xff', 'latin1');
    const file = memorySource(changed(name, bytes));
    const lost = { offset: 40_960, length: 8192 };
    const zeroed = Buffer.from(await file.read(0, file.size)).fill(0, lost.offset, lost.offset + lost.length);
    const source: Source = { ...memorySource(zeroed), unreadable: () => [lost] };
    const undone = await undo(source);
    const [{ offset, length }] = undone.unreadable!();
    const read = Buffer.from(await undone.read(0, undone.size));
    assert.deepEqual(read.subarray(0, offset), bytes.subarray(0, offset));
    const behind = undone.size - offset - length;
    assert.ok(length > 0 && behind > 0);
    assert.deepEqual(read.subarray(-behind), bytes.subarray(-behind));
  });
}

test('an undone file of 128 MiB is indexed in one pass, and a small read of it is small', async () => {
  const size = 2 ** 27;
  let read = 0;
  const file: Source = {
    size,
    read(_, length) {
      read += length;
      return Promise.resolve(new Uint8Array(length).fill(13).fill(10, length / 2));
    },
    readInto(_, into) {
      read += into.length;
      into.fill(97);
      return Promise.resolve();
    },
  };
  const { undo } = TRANSFORMS.find(({ name }) => name === 'crlf')!;
  const source = await undo(file);
  assert.ok(read < size * 1.01, `${read} bytes read`);
  read = 0;
  await source.read(size / 2, 24);
  assert.ok(read < 1 << 16, `${read} bytes read`);
});
