import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BucketView, elementsStart } from '../../src/format/bucket.js';
import type { Format } from '../../src/format/format.js';
import { hashKey } from '../../src/format/hash.js';
import { LAYOUT_32, LAYOUT_64 } from '../../src/format/format.js';
import { CandidateList } from '../../src/orphans/candidatelist.js';
import { ElementFilter } from '../../src/orphans/elements.js';
import { hashRanges } from '../../src/orphans/keyhashes.js';
import { memorySource } from '../../src/source/source.js';
import { sampleSweep } from '../../src/source/sweep.js';
import { cpuTime } from '../tools/cpu.js';
import { runs } from '../tools/effort.js';

const SIZE = 1 << 16;
const FORMATS: readonly Format[] = [LAYOUT_64, LAYOUT_32].flatMap((layout) =>
  (['little', 'big'] as const).map((byteOrder) => ({ layout, byteOrder, variant: 'standard' as const })),
);

/** Small numbers among zeroes, as counters and tables have them: every place may be an element's. */
function numbersAmongZeros(): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  for (let at = 0; at < SIZE; at += 8) {
    bytes[at] = (at >>> 3) % 251;
    bytes[at + 1] = (at >>> 5) % 40;
  }
  return bytes;
}

interface Planted {
  readonly hash: number;
  readonly keySize: number;
  readonly pointer: number;
}

/** Writes elements side by side at `at`. */
function plant(bytes: Uint8Array, format: Format, at: number, elements: readonly Planted[]): number[] {
  const first = elementsStart(format);
  const one = new BucketView(bytes.subarray(at - first), format, elements.length);
  return elements.map(({ hash, keySize, pointer }, i) => {
    one.setElement(i, {
      hash,
      key_start: new Uint8Array([1, 2, 3, 4]),
      data_pointer: pointer,
      key_size: keySize,
      data_size: 9,
    });
    return at - first + one.elementOffset(i);
  });
}

function placesIn(bytes: Uint8Array, format: Format, untelling?: number): number[] {
  const filter = new ElementFilter(format.layout, format.byteOrder, bytes.length, untelling);
  const found = new CandidateList();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  filter.find(view, 0, bytes.length - filter.size + 1, 0, found);
  return Array.from(found.at.subarray(0, found.length));
}

test('numbers among zeroes are not taken for elements by the thousand', () => {
  const bytes = numbersAmongZeros();
  assert.ok(placesIn(bytes, FORMATS[0]).length > SIZE / 10, 'expected data that looks like elements');
  assert.equal(placesIn(bytes, FORMATS[0], 10).length, 10);
  for (const format of FORMATS) assert.equal(placesIn(bytes, format, 0).length, 0);
});

test('an element among them is found by its hash, or by the element beside it', () => {
  const hash = fc.integer({ min: 0, max: 0x7fffffff });
  const told = hash.filter(
    (value) => [0, 8, 16, 24].filter((by) => ((value >>> by) & 0xff) === 0).length < 2,
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...FORMATS),
      fc.integer({ min: 1000, max: SIZE - 1000 }),
      fc.array(hash, { maxLength: 1 }),
      told,
      (format, at, beside, own) => {
        const bytes = numbersAmongZeros();
        const elements = [...beside, own].map((value) => ({ hash: value, keySize: 20, pointer: 5000 }));
        const places = plant(bytes, format, at, elements);
        const found = placesIn(bytes, format, 0);
        for (const place of places) assert.ok(found.includes(place), `expected ${place} among the places`);
      },
    ),
  );
});

test('a sampling sweep comes to each place of a file once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 1 << 22 }),
      fc.integer({ min: 1, max: 700_000 }),
      async (size, longest) => {
        const windows: [number, number][] = [];
        for await (const { base, places, view } of sampleSweep(memorySource(new Uint8Array(size)), longest)) {
          assert.equal(view.byteLength, Math.min(size - base, Math.max(1 << 18, longest) + longest));
          windows.push([base, places]);
        }
        windows.sort(([a], [b]) => a - b);
        let next = 0;
        for (const [base, places] of windows) {
          assert.equal(base, next);
          next += places;
        }
        assert.equal(next, size);
      },
    ),
    { numRuns: runs(30) },
  );
});

test('many places that lead to one long key do not make reading keys take a multiple of the file', async () => {
  const size = 1 << 20;
  const key = 60_000;
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at++) bytes[at] = (at * 7) & 0x7f;
  const start = new DataView(bytes.buffer).getUint32(4096);
  const short = 100;
  const length = 1 << 17;
  const ranges = {
    length,
    offsets: new Float64Array(length).fill(4096),
    sizes: new Int32Array(length).fill(key).fill(short, length - 10),
    starts: new Uint32Array(length).fill(start),
  };
  const begin = cpuTime();
  const { signed } = await hashRanges(memorySource(bytes), ranges);
  assert.ok(cpuTime() - begin < 8000, 'expected the key of one place not to be read 131,072 times');
  assert.equal(signed[length - 1], hashKey(bytes.subarray(4096, 4096 + short), 'signed'));
});
