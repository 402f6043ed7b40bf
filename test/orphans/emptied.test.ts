import assert from 'node:assert/strict';
import test from 'node:test';
import type { Format } from '../../src/format/format.js';
import { describeFormat, offsetSize } from '../../src/format/format.js';
import { decodeDirectory, encodeDirectory, slotOf } from '../../src/format/directory.js';
import { check } from '../../src/examine.js';
import { decodeHeader } from '../../src/format/header.js';
import { bucketElementCount, BucketView } from '../../src/format/bucket.js';
import type { HashChar } from '../../src/format/hash.js';
import { FREE_HASH, hashKey } from '../../src/format/hash.js';
import { memorySource } from '../../src/source/source.js';
import { formats } from '../torture/databases.js';
import { contentsOf, recover } from '../torture/recover.js';
import { sample, SWEEP } from '../tools/effort.js';
import type { Step } from '../tools/libgdbm.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import { Random } from '../tools/random.js';

const BLOCK = 512;

/**
 * A database all of whose records in one bucket were deleted, and where its directory is.
 *
 * @param later records that were stored since, for other buckets
 */
function emptied(format: Format, hashChar: HashChar, random: Random, later = 0) {
  const make = (steps: readonly Step[]) => {
    const bytes = new MiniGdbm({ format, blockSize: BLOCK, hashChar }).run(steps).bytes();
    const { dir: at, dir_size: length } = decodeHeader(
      bytes.subarray(0, 64),
      format.layout,
      format.byteOrder,
    );
    const entries = decodeDirectory(bytes.subarray(at, at + length), format.layout, format.byteOrder);
    return { bytes, at, length, entries };
  };
  // Keys with bytes over 127 have two hashes, one for each signedness of char.
  const keys = Array.from({ length: 20 + random.below(60) }, (_, n) => Buffer.from(`café-${n}`));
  const stores = keys.map((key): Step => ['store', key, random.bytes(random.below(40))]);
  const { entries } = make(stores);
  const bucketOf = (key: Uint8Array) => entries[slotOf(hashKey(key, hashChar), Math.log2(entries.length))];
  const bucket = bucketOf(random.pick(keys));
  const deletions = keys.filter((key) => bucketOf(key) === bucket).map((key): Step => ['delete', key]);
  const since: Step[] = [];
  for (let n = 0; since.length < later; n++) {
    const key = Buffer.from(`later-${n}`);
    if (bucketOf(key) !== bucket) since.push(['store', key, random.bytes(random.below(60))]);
  }
  return { ...make([...stores, ...deletions, ...since]), bucket };
}

for (const hashChar of ['signed', 'unsigned'] as const) {
  test(`without the directory an emptied bucket is for its own hashes, with ${hashChar} char`, async () => {
    for (const format of sample(formats('standard'), 2, 0)) {
      for (let seed = 1; seed <= (SWEEP ? 6 : 2); seed++) {
        const { bytes, at, length } = emptied(format, hashChar, new Random(seed));
        const damaged = bytes.slice().fill(0, at, at + length);
        const { contents } = await recover(damaged);
        // Nothing of another bucket is taken for old, and nothing that was deleted comes back.
        assert.deepEqual(contents, await contentsOf(bytes), `${describeFormat(format)}, seed ${seed}`);
      }
    }
  });
}

test('so it is where other records were put over most of what was deleted', async () => {
  for (const format of sample(formats('standard'), 2, 1)) {
    // In the first of these formats at least two deleted keys are left, and other bytes at most other places.
    for (const seed of sample([2, 10, 34, 36, 41], 3)) {
      const { bytes, at, length } = emptied(format, 'signed', new Random(seed), 15);
      const { contents } = await recover(bytes.slice().fill(0, at, at + length));
      assert.deepEqual(contents, await contentsOf(bytes), `${describeFormat(format)}, seed ${seed}`);
    }
  }
});

test('what a new bucket got from the memory of another one does not make it that one', async () => {
  for (const format of sample(formats('standard'), 2, 2)) {
    for (let seed = 1; seed <= (SWEEP ? 12 : 2); seed++) {
      const { bytes, at, length, entries, bucket } = emptied(format, 'signed', new Random(seed));
      const contents = await contentsOf(bytes);
      const elements = bucketElementCount(format.layout, BLOCK);
      for (const other of new Set(entries)) {
        const damaged = bytes.slice().fill(0, at, at + length);
        const viewAt = (offset: number) =>
          new BucketView(damaged.subarray(offset, offset + BLOCK), format, elements);
        const [own, from] = [viewAt(bucket), viewAt(other)];
        for (let i = 0; i < elements; i++) {
          if (from.hash(i) === FREE_HASH) continue;
          const element = from.bytes.subarray(from.elementOffset(i), from.elementOffset(i + 1));
          own.bytes.set(element, own.elementOffset(i));
          // An element is free by its hash alone.
          own.setHash(i, FREE_HASH);
        }
        const held = (await recover(damaged)).contents ?? new Map<string, string>();
        const missing = [...contents].filter(([key, value]) => held.get(key) !== value);
        assert.deepEqual(missing, [], `${describeFormat(format)}, seed ${seed}`);
      }
    }
  }
});

test('a wrong entry that leads to an emptied bucket takes its slot from nobody, and is the only one told', async () => {
  for (const format of sample(formats('standard'), 2, 3)) {
    for (let seed = 1; seed <= (SWEEP ? 12 : 2); seed++) {
      const { bytes, at, entries, bucket } = emptied(format, 'signed', new Random(seed));
      const wrong = entries.slice();
      // The slot of another bucket that comes before those of the emptied one.
      const slot = wrong.indexOf(bucket) - 1;
      if (slot < 0 || wrong[slot + 2] !== bucket) continue;
      wrong[slot] = bucket;
      const damaged = bytes.slice();
      damaged.set(encodeDirectory(wrong, format.layout, format.byteOrder), at);
      const where = `${describeFormat(format)}, seed ${seed}`;
      assert.deepEqual((await recover(damaged)).contents, await contentsOf(bytes), where);
      const { findings } = await check(memorySource(damaged));
      const told = findings.filter(({ code }) => code === 'directory-entry-wrong');
      assert.deepEqual(
        told.map(({ offset }) => offset),
        [at + slot * offsetSize(format.layout)],
        where,
      );
    }
  }
});

test('an empty bucket that is read from within the only one takes nothing from it', async () => {
  for (const format of sample(formats('standard'), 2, 4)) {
    const random = new Random(1);
    const steps = ['events', 'counter'].map((key): Step => ['store', Buffer.from(key), random.bytes(200)]);
    const bytes = new MiniGdbm({ format, blockSize: 4096 }).run(steps).bytes();
    const contents = await contentsOf(bytes);
    // Sectors of the bucket without a record in them are there twice: free elements like an empty bucket's stand before.
    const at = 8192 + 1024;
    const damaged = Buffer.concat([bytes.subarray(0, at + 1536), bytes.subarray(at)]);
    assert.deepEqual((await recover(damaged)).contents, contents, describeFormat(format));
  }
});
