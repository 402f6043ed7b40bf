import assert from 'node:assert/strict';
import test from 'node:test';
import { cutElements } from '../../src/database/database.js';
import { openSearched } from '../../src/examine.js';
import { describeFormat } from '../../src/format/format.js';
import { elementStruct, elementsStart } from '../../src/format/bucket.js';
import { memorySource } from '../../src/source/source.js';
import { formats, miniDatabase } from '../torture/databases.js';
import { damagedCopy } from '../torture/judge.js';
import { sample } from '../tools/effort.js';
import type { Model } from '../torture/models.js';

const SECTOR = 512;
const BLOCK = 2048;

const intacts = formats('standard').map((format) =>
  miniDatabase(format, { blockSize: BLOCK, seed: 5, records: 700, maxValue: 200 }),
);

test('of a bucket that lost a sector its head and its elements are doubted where bytes of theirs are gone', async () => {
  let cut = 0;
  const some = sample(intacts, 3);
  for (const intact of some) {
    const { format, buckets } = intact;
    const first = elementsStart(format);
    const { size } = elementStruct(format.layout);
    const bucket = buckets[buckets.length >> 1];
    // If the last elements are free, the last sector may as well be the one behind it.
    for (let at = bucket; at < bucket + BLOCK - SECTOR; at += SECTOR) {
      const model: Model = { name: '', damage: (file) => file.drop(at, SECTOR) };
      const { bytes } = damagedCopy(intact, [model], 0);
      const { db } = (await openSearched(memorySource(bytes)))!;
      const what = `${describeFormat(format)}, ${at - bucket} of the bucket`;
      const isHit = (from: number, to: number) => from < at + SECTOR && to > at;
      const told = cutElements(db, bucket);
      assert.equal(told?.head, isHit(bucket, bucket + first), what);
      for (let i = 0; i < db.geometry.bucketElements; i++) {
        const element = bucket + first + i * size;
        assert.equal(told?.has(i), isHit(element, element + size), `${what}, element ${i}`);
      }
      const others = buckets.filter((other) => other !== bucket && cutElements(db, other) !== undefined);
      assert.deepEqual(others, [], what);
      cut++;
    }
  }
  assert.equal(cut, some.length * (BLOCK / SECTOR - 1));
});
