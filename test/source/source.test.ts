import assert from 'node:assert/strict';
import { Blob } from 'node:buffer';
import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { blobSource, memorySource, readChunks, readUpTo, SourceError } from '../../src/source/source.js';
import { openFileSource } from '../../src/source/file.js';
import type { Range } from '../../src/source/ranges.js';
import { gather } from '../../src/source/ranges.js';
import type { Source } from '../../src/source/source.js';
import { runs } from '../tools/effort.js';
import { temporaryFolder } from '../tools/folder.js';
import { Random } from '../tools/random.js';

const SEED = 20261203;

test('memory, a Blob and a file give the same bytes for any range', async (t) => {
  const bytes = new Random(SEED).bytes(100_000);
  const path = join(await temporaryFolder(t), 'bytes');
  await writeFile(path, bytes);
  const file = await openFileSource(path);
  t.after(() => file.close());
  const sources: Source[] = [memorySource(bytes), blobSource(new Blob([bytes])), file];
  const range = fc
    .nat(bytes.length)
    .chain((offset) => fc.tuple(fc.constant(offset), fc.nat(bytes.length - offset)));
  await fc.assert(
    fc.asyncProperty(range, async ([offset, length]) => {
      for (const source of sources) {
        assert.equal(source.size, bytes.length);
        assertSame(await source.read(offset, length), bytes.subarray(offset, offset + length));
      }
    }),
    { seed: SEED, numRuns: runs(200) },
  );
});

test('a range that is not inside the source is refused, whatever the source is', async (t) => {
  const bytes = new Uint8Array(1000);
  const path = join(await temporaryFolder(t), 'bytes');
  await writeFile(path, bytes);
  const file = await openFileSource(path);
  t.after(() => file.close());
  const outside = fc.oneof(
    fc.tuple(fc.integer({ min: -2000, max: -1 }), fc.integer({ min: 0, max: 3000 })),
    fc.tuple(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: -2000, max: -1 })),
    fc.tuple(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 1001, max: 3000 })),
    fc.tuple(fc.integer({ min: 1001, max: Number.MAX_SAFE_INTEGER }), fc.nat(10)),
    fc.constantFrom<[number, number]>([NaN, 1], [0, NaN], [Infinity, 0], [0, Infinity], [2 ** 63, 1]),
  );
  await fc.assert(
    fc.asyncProperty(outside, async ([offset, length]) => {
      for (const source of [memorySource(bytes), blobSource(new Blob([bytes])), file]) {
        await assert.rejects(source.read(offset, length), SourceError, `${length} bytes at ${offset}`);
      }
    }),
    { seed: SEED, numRuns: runs(200) },
  );
});

test('a file that shrinks while it is read is said to have shrunk', async (t) => {
  const path = join(await temporaryFolder(t), 'shrinking');
  await writeFile(path, new Uint8Array(10_000).fill(7));
  const file = await openFileSource(path);
  t.after(() => file.close());
  assertSame(await file.read(9_000, 1_000), new Uint8Array(1_000).fill(7));
  await truncate(path, 9_500);
  await assert.rejects(file.read(9_000, 1_000), (error) => {
    assert.ok(error instanceof SourceError);
    assert.match(error.message, /after 500: the file shrank/);
    return true;
  });
  assertSame(await file.read(9_000, 500), new Uint8Array(500).fill(7));
});

test('a file that was closed is said to have been', async (t) => {
  const path = join(await temporaryFolder(t), 'closed');
  await writeFile(path, new Uint8Array(1 << 20));
  const file = await openFileSource(path);
  await file.close();
  for (const length of [10, 1 << 20]) {
    await assert.rejects(
      file.read(0, length),
      /^SourceError: expected an open file, found one that was closed/,
    );
  }
});

test('reading up to a length gives what there is and nothing past the end', async () => {
  const source = memorySource(Uint8Array.of(1, 2, 3, 4));
  assertSame(await readUpTo(source, 0, 3), Uint8Array.of(1, 2, 3));
  assertSame(await readUpTo(source, 2, 9), Uint8Array.of(3, 4));
  assertSame(await readUpTo(source, 4, 9), new Uint8Array(0));
  assertSame(await readUpTo(source, 100, 9), new Uint8Array(0));
});

test('reading in chunks gives the whole range, no chunk larger than asked', async () => {
  const bytes = new Random(SEED).bytes(1000);
  await fc.assert(
    fc.asyncProperty(
      fc.nat(500),
      fc.nat(500),
      fc.integer({ min: 1, max: 600 }),
      async (offset, length, size) => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of readChunks(memorySource(bytes), offset, length, size)) chunks.push(chunk);
        assertSame(Buffer.concat(chunks), bytes.subarray(offset, offset + length));
        assert.ok(chunks.every((chunk) => chunk.length > 0 && chunk.length <= size));
      },
    ),
    { seed: SEED, numRuns: runs(200) },
  );
});

test('bytes past 4 GiB of a file are read right', async (t) => {
  const GIB = 2 ** 30;
  const path = join(await temporaryFolder(t), 'sparse');
  const handle = await open(path, 'w');
  const written = new Map<number, Uint8Array>();
  try {
    // Only the places written take room on the disk.
    await handle.truncate(5 * GIB);
    for (const [n, offset] of [
      0,
      2 ** 31 - 8,
      4 * GIB - 8,
      4 * GIB,
      4 * GIB + 12_345,
      5 * GIB - 16,
    ].entries()) {
      const bytes = new Random(n).bytes(16);
      await handle.write(bytes, 0, bytes.length, offset);
      for (let i = 0; i < bytes.length; i++) written.set(offset + i, bytes.subarray(i, i + 1));
    }
  } finally {
    await handle.close();
  }
  const file = await openFileSource(path);
  t.after(() => file.close());
  assert.equal(file.size, 5 * GIB);
  for (const start of [0, 2 ** 31 - 16, 4 * GIB - 32, 4 * GIB + 12_340, 5 * GIB - 40]) {
    const expected = Uint8Array.from({ length: 40 }, (_, i) => written.get(start + i)?.[0] ?? 0);
    assertSame(await file.read(start, 40), expected, `at ${start}`);
    await gather(file, [{ offset: start, length: 40 }], (_, bytes) => assertSame(bytes, expected));
  }
  await assert.rejects(file.read(5 * GIB - 1, 2), SourceError);
});

const GATHERED = new Random(SEED + 1).bytes(3 << 20);

/** Ranges near each other, far from each other, over each other, of no bytes and of more than one read's. */
const anyRanges: fc.Arbitrary<Range[]> = fc
  .array(
    fc.tuple(
      fc.oneof(fc.nat(GATHERED.length), fc.nat(100_000)),
      fc.oneof(
        { weight: 6, arbitrary: fc.nat(200) },
        { weight: 3, arbitrary: fc.nat(40_000) },
        fc.nat(2 << 20),
      ),
    ),
    { maxLength: 40 },
  )
  .map((pairs) =>
    pairs.map(([offset, length]) => ({ offset, length: Math.min(length, GATHERED.length - offset) })),
  );

test('ranges read together each get their own bytes, in any order and however they overlap', async () => {
  await fc.assert(
    fc.asyncProperty(anyRanges, async (ranges) => {
      const visited = new Array<number>(ranges.length).fill(0);
      let last = 0;
      await gather(memorySource(GATHERED), ranges, (index, bytes) => {
        const { offset, length } = ranges[index];
        visited[index]++;
        assert.ok(offset >= last, 'in order of offset');
        last = offset;
        assertSame(bytes, GATHERED.subarray(offset, offset + length));
      });
      assert.deepEqual(
        visited,
        ranges.map(() => 1),
      );
    }),
    { seed: SEED, numRuns: runs(200) },
  );
});

test('no joint read is larger than 256 KiB or than the largest single range', async () => {
  await fc.assert(
    fc.asyncProperty(anyRanges, async (ranges) => {
      const { source, reads } = counted(memorySource(GATHERED));
      await gather(source, ranges, () => {});
      const largest = ranges.reduce((max, { length }) => Math.max(max, length), 1 << 18);
      assert.ok(reads.every((length) => length <= largest));
    }),
    { seed: SEED, numRuns: runs(100) },
  );
});

test('many small neighbours take few reads', async () => {
  const { source, reads } = counted(memorySource(GATHERED));
  const ranges = Array.from({ length: 5_000 }, (_, i) => ({
    offset: ((i * 7919) % 5_000) * 200,
    length: 12,
  }));
  await gather(source, ranges, () => {});
  assert.equal(reads.length, Math.ceil((5_000 * 200) / (1 << 18)));
});

/** A source that notes the length of each read. */
function counted(inner: Source): { source: Source; reads: number[] } {
  const reads: number[] = [];
  const source: Source = {
    size: inner.size,
    read(offset, length) {
      reads.push(length);
      return inner.read(offset, length);
    },
  };
  return { source, reads };
}

/** Much faster than deepEqual for many bytes. */
function assertSame(actual: Uint8Array, expected: Uint8Array, message = 'the same bytes'): void {
  assert.ok(Buffer.compare(actual, expected) === 0, message);
}
