import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { bucketElementCount, BucketView } from '../../src/format/bucket.js';
import { FREE_HASH } from '../../src/format/hash.js';
import { LAYOUT_64 } from '../../src/format/format.js';
import type { Format } from '../../src/format/format.js';
import { eachPlace } from '../../src/orphans/inplace.js';

const FORMAT: Format = { byteOrder: 'little', layout: LAYOUT_64, variant: 'standard' };
const BUCKET = 512;
const ELEMENTS = bucketElementCount(LAYOUT_64, BUCKET);

/** Elements: the hash of each, undefined if it is free, and the index of the record that it points to. */
const anyElements = fc.array(
  fc.option(fc.record({ hash: fc.nat(3 * ELEMENTS), record: fc.nat(2 * ELEMENTS) }), { nil: undefined }),
  { minLength: ELEMENTS, maxLength: ELEMENTS },
);

function bucketOf(elements: readonly ({ hash: number; record: number } | undefined)[]): BucketView {
  const bucket = new BucketView(new Uint8Array(BUCKET), FORMAT, ELEMENTS);
  for (const [i, element] of elements.entries()) {
    const { hash, record } = element ?? { hash: FREE_HASH, record: 0 };
    const key = { key_start: new Uint8Array(4), key_size: 4, data_size: 4 };
    bucket.setElement(i, { hash, data_pointer: 1000 + 8 * record, ...key });
  }
  return bucket;
}

test("an element is in place where a lookup comes to it, as far from its home as the lookup goes, and it is its record's first", () => {
  let [inPlace, unreached, second] = [0, 0, 0];
  fc.assert(
    fc.property(anyElements, (elements) => {
      const told = new Map<number, number>();
      eachPlace(
        bucketOf(elements),
        () => true,
        (i, behind) => told.set(i, behind),
      );
      for (const [i, element] of elements.entries()) {
        if (element === undefined) {
          assert.equal(told.get(i), undefined);
          continue;
        }
        // As the library walks: from the home over what is in use, until a free element ends it.
        let steps = 0;
        const at = () => (element.hash + steps) % ELEMENTS;
        while (at() !== i && elements[at()] !== undefined) steps++;
        const isFirst = !elements.slice(0, i).some((other) => other?.record === element.record);
        const isReached = at() === i;
        assert.equal(told.get(i), isReached && isFirst ? steps : -1);
        if (isReached && isFirst) inPlace++;
        else if (isReached) second++;
        else unreached++;
      }
    }),
    { seed: 20261129 },
  );
  assert.ok(Math.min(inPlace, unreached, second) > 50, `${inPlace}, ${unreached}, ${second}`);
});
