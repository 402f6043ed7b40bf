import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { coresOf, isMoved, layOut } from '../../src/salvage/align.js';
import { memorySource } from '../../src/source/source.js';
import { Random } from '../tools/random.js';

/*
 * The alignment by itself, on anchors without a database: keys of 8 bytes that stand every so many bytes.
 */

const SIZE = 1 << 16;
const KEY = 8;

/** A file as it was, cut at some places: each part with the offset at which it belongs. */
type Parts = readonly { readonly start: number; readonly end: number }[];

/** Puts the parts together, and makes an anchor of each key that is whole in one of them. */
function damaged(parts: Parts, seed: number, old = 0) {
  const random = new Random(seed);
  const original = random.bytes(SIZE);
  const bytes = Buffer.concat(parts.map(({ start, end }) => original.subarray(start, end)));
  const anchors: { belongs: number; at: number }[] = [];
  let before = 0;
  for (const { start, end } of parts) {
    for (let key = Math.ceil(start / 100) * 100; key + KEY <= end; key += 100) {
      anchors.push({ belongs: key, at: before + (key - start) });
    }
    before += end - start;
  }
  // Old copies of keys stand anywhere.
  for (let n = 0; n < old; n++) {
    anchors.push({ belongs: 100 * random.below(SIZE / 100), at: random.below(bytes.length - KEY) });
  }
  const length = anchors.length;
  return {
    original,
    source: memorySource(bytes),
    anchors: {
      length,
      belongs: Float64Array.from(anchors, ({ belongs }) => belongs),
      at: Float64Array.from(anchors, ({ at }) => at),
      sizes: new Int32Array(length).fill(KEY),
      elements: new Int32Array(length).fill(-1),
      weights: new Float32Array(length).fill(1),
    },
  };
}

/** Cuts a file at places that are at least 1,000 bytes apart. */
const anyCuts = fc
  .uniqueArray(fc.integer({ min: 1, max: Math.floor(SIZE / 1000) - 1 }), { minLength: 1, maxLength: 12 })
  .map((numbers) => [0, ...numbers.map((n) => n * 1000 + 37).sort((a, b) => a - b), SIZE]);

const partsOf = (cuts: readonly number[]): Parts => cuts.slice(1).map((end, n) => ({ start: cuts[n], end }));

/** Every byte of which the alignment is sure is the one that was there; returns their share. */
async function shareOfSure(parts: Parts, seed: number, old = 0): Promise<number> {
  const { original, source, anchors } = damaged(parts, seed, old);
  const cores = coresOf(anchors);
  assert.ok(isMoved(cores));
  const layout = await layOut(source, cores);
  const bytes = await layout.source.read(0, layout.size);
  let sure = 0;
  for (let i = 0; i < Math.min(layout.size, SIZE); i++) {
    if (layout.mayHit(i, i + 1) || layout.whereIs(i) < 0) continue;
    assert.equal(bytes[i], original[i], `the byte at ${i}`);
    sure++;
  }
  return sure / source.size;
}

test('where bytes are missing at some places, all but those around them are in place again', () =>
  fc.assert(
    fc.asyncProperty(anyCuts, fc.nat(), fc.integer({ min: 1, max: 300 }), async (cuts, seed, missing) => {
      const parts = partsOf(cuts).map(({ start, end }, n) => ({
        start: n === 0 ? start : start + missing,
        end,
      }));
      const share = await shareOfSure(parts, seed);
      assert.ok(share > 1 - (150 * cuts.length) / SIZE, `${share} of the bytes`);
    }),
    { numRuns: 40 },
  ));

test('parts that stand in another order are put where they belong', () =>
  fc.assert(
    fc.asyncProperty(anyCuts, fc.nat(), async (cuts, seed) => {
      const parts = partsOf(cuts);
      const random = new Random(seed);
      const ranks = parts.map(() => random.below(1000));
      const order = parts.map((_, n) => n).sort((a, b) => ranks[a] - ranks[b]);
      fc.pre(order.some((one, n) => n !== one));
      const share = await shareOfSure(
        order.map((n) => parts[n]),
        seed,
      );
      assert.ok(share > 1 - (300 * cuts.length) / SIZE, `${share} of the bytes`);
    }),
    { numRuns: 40 },
  ));

test('old copies of keys move nothing', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(200), async (seed, old) => {
      const { anchors } = damaged([{ start: 0, end: SIZE }], seed, old);
      assert.equal(isMoved(coresOf(anchors)), false);
      // Nor where bytes are missing besides.
      const share = await shareOfSure(
        [
          { start: 0, end: 20_480 },
          { start: 20_992, end: SIZE },
        ],
        seed,
        old,
      );
      assert.ok(share > 0.98, `${share} of the bytes`);
    }),
    { numRuns: 40 },
  ));
