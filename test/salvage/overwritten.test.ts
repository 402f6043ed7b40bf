import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { InForcePart } from '../../src/salvage/inforcepart.js';
import type { Place, WrittenOver } from '../../src/salvage/overwritten.js';
import { MAX_OVERLAYS, Overwriting } from '../../src/salvage/overwritten.js';

const SIZE = 100;

const anyPlace = fc.record({
  offset: fc.integer({ min: 0, max: 60 }),
  keySize: fc.integer({ min: 1, max: 8 }),
  dataSize: fc.integer({ min: 0, max: 30 }),
});

/** The records written over a record, in a file that is read in parts. */
function written(
  record: Place,
  inForce: readonly Place[],
  others: readonly Place[],
  borders: readonly number[],
): WrittenOver {
  const old = [record, ...others].sort((a, b) => a.offset - b.offset);
  const overwriting = new Overwriting({
    starts: Float64Array.from(old, ({ offset }) => offset),
    placeOf: (index) => old[index],
    buckets: new Float64Array(0),
    bucketSize: 16,
  });
  const part = new InForcePart();
  let sum: WrittenOver = { key: 0, value: 0, by: [], done: record.offset };
  const starts = [...new Set([0, ...borders])].sort((a, b) => a - b);
  for (const [n, from] of starts.entries()) {
    const to = starts[n + 1] ?? SIZE;
    part.begin({ from, to }, 0);
    for (const { offset, keySize, dataSize } of inForce) {
      if (offset >= from && offset < to) part.add('record', offset, dataSize, keySize, 1);
    }
    part.end();
    const end = record.offset + record.keySize + record.dataSize;
    if (record.offset < to && end > from) sum = overwriting.add(record, part, sum);
  }
  return sum;
}

test('each byte of an old record that somebody else has is counted once, of the key and of the value', () => {
  fc.assert(
    fc.property(
      anyPlace,
      fc.array(anyPlace, { maxLength: 5 }),
      fc.array(anyPlace, { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: SIZE - 1 }), { maxLength: 4 }),
      (record, inForce, others, borders) => {
        const { key, value, by } = written(record, inForce, others, borders);

        const taken = new Set<number>();
        const claim = ({ offset, keySize, dataSize }: Place) => {
          for (let byte = offset; byte < offset + keySize + dataSize; byte++) taken.add(byte);
        };
        inForce.forEach(claim);
        // An old one that began before wrote no byte since: its key would be gone, or this one's.
        for (const one of others) if (one.offset > record.offset) claim(one);
        const bytes = Array.from({ length: record.keySize + record.dataSize }, (_, i) =>
          taken.has(record.offset + i),
        );
        assert.equal(key, bytes.slice(0, record.keySize).filter(Boolean).length);
        assert.equal(value, bytes.slice(record.keySize).filter(Boolean).length);
        assert.equal(by.length > 0, key + value > 0);
      },
    ),
  );
});

test('who wrote over a record is the same in however many parts the file is looked at', () => {
  fc.assert(
    fc.property(
      anyPlace,
      fc.array(anyPlace, { maxLength: MAX_OVERLAYS + 2 }),
      fc.array(anyPlace, { maxLength: 3 }),
      fc.array(fc.integer({ min: 1, max: SIZE - 1 }), { minLength: 1, maxLength: 6 }),
      (record, inForce, others, borders) => {
        assert.deepEqual(written(record, inForce, others, borders), written(record, inForce, others, []));
      },
    ),
  );
});

test('a record in force is known in the part that it begins in, and there alone', () => {
  fc.assert(
    fc.property(
      fc.array(anyPlace, { maxLength: 8 }),
      anyPlace,
      fc.integer({ min: 1, max: 60 }),
      (all, asked, border) => {
        const part = new InForcePart();
        let found = false;
        for (const [from, to] of [
          [0, border],
          [border, SIZE],
        ]) {
          part.begin({ from, to }, 0);
          part.add('bucket', from, 5);
          for (const { offset, keySize, dataSize } of all) {
            if (offset >= from && offset < to) part.add('record', offset, dataSize, keySize, 7);
          }
          part.end();
          if (asked.offset >= from && asked.offset < to) {
            found = part.has(asked.offset, asked.keySize, asked.dataSize);
          }
        }
        const isThere = all.some(
          ({ offset, keySize, dataSize }) =>
            offset === asked.offset && keySize === asked.keySize && dataSize === asked.dataSize,
        );
        assert.equal(found, isThere);
      },
    ),
  );
});

test('a file of many large old ranges over tiny records costs a bounded number of looks, and each is still told', () => {
  const count = 10_000;
  const steps = 100_000;
  const part = new InForcePart(steps);
  part.begin({ from: 0, to: 4 * count }, count);
  for (let n = 0; n < count; n++) part.add('record', 4 * n, 2, 2, 1);
  part.end();
  let looks = 0;
  for (let asked = 0; asked < count; asked++) {
    const seen = [...part.over(4 * asked, 4 * (count - asked))].length;
    assert.ok(seen > 0);
    looks += seen;
  }
  assert.ok(looks >= steps && looks < steps + 4096 + 65 * count, String(looks));
});

test('what reaches over a range from far before it is told, however much lies between', () => {
  const part = new InForcePart(0);
  part.begin({ from: 0, to: 200_000 }, 0);
  part.add('record', 100, 100_000, 10, 7);
  for (let n = 0; n < 200; n++) part.add('record', 200 + 4 * n, 2, 2, 1);
  part.end();
  assert.deepEqual(
    [...part.over(50_000, 10)].map(({ offset, length }) => [offset, length]),
    [[100, 100_010]],
  );
  assert.deepEqual([...part.over(150_000, 10)], []);
});

test('of a place where more begin than are held each is taken for one in force', () => {
  const part = new InForcePart();
  part.begin({ from: 7, to: 8 }, 2, true);
  part.add('record', 7, 3, 2, 1);
  part.add('record', 7, 50, 2, 1);
  part.end();
  assert.ok(part.has(7, 2, 3) && part.has(7, 4, 4));
  // The next part is as any.
  part.begin({ from: 8, to: 100 }, 0);
  part.add('record', 20, 5, 5, 1);
  part.end();
  assert.ok(part.has(20, 5, 5) && !part.has(20, 5, 6));
  assert.deepEqual(
    [...part.over(30, 1)].map(({ offset, length }) => [offset, length]),
    [[7, 52]],
  );
});
