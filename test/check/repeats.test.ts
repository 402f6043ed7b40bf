import assert from 'node:assert/strict';
import test from 'node:test';
import { openDatabase } from '../../src/database/database.js';
import { openSearched } from '../../src/examine.js';
import { BucketView } from '../../src/format/bucket.js';
import type { Format } from '../../src/format/format.js';
import { hashKey } from '../../src/format/hash.js';
import { findOld } from '../../src/salvage/old.js';
import { salvage } from '../../src/salvage/salvage.js';
import { memorySource } from '../../src/source/source.js';
import { MACHINES } from '../format/formats.js';
import { MiniGdbm } from '../tools/minigdbm.js';

/** A database in whose only bucket a key's element stands at its home, the last place, and as it was before at the first. */
async function withKeyTwice(format: Format, wantKey: (home: number) => Uint8Array): Promise<Uint8Array> {
  const mini = new MiniGdbm({ format, blockSize: 512 });
  const db = await openDatabase(memorySource(mini.bytes()));
  assert.ok(db !== undefined);
  const { bucketSize, bucketElements } = db.geometry;
  const last = bucketElements - 1;
  const bucketIn = (bytes: Uint8Array) => {
    const at = db.directory[0];
    return new BucketView(bytes.subarray(at, at + bucketSize), format, bucketElements);
  };
  const key = wantKey(last);
  mini.store(key, Buffer.from('old value'));
  const before = bucketIn(mini.bytes());
  mini.store(key, Buffer.from('the newest value'));
  const bytes = mini.bytes();
  const bucket = bucketIn(bytes);
  const element = before.bytes.subarray(before.elementOffset(last), before.elementOffset(bucketElements));
  bucket.bytes.set(element, bucket.elementOffset(0));
  bucket.setHead(bucket.bits, 2);
  return bytes;
}

/*
 * As a page of a bucket leaves it that was never written after the bucket's element had moved towards its home: a lookup
 * goes from there around the bucket's end.
 */
test('of a key that a bucket has twice the value is kept that a lookup finds, also around the end of the bucket', async () => {
  // The hash of a key with bytes over 127 depends on the machine.
  for (const name of ['key', 'Schlüssel']) {
    for (const machine of MACHINES) {
      const format = { ...machine, variant: 'standard' } as const;
      const bytes = await withKeyTwice(format, (home) => {
        const keys = Array.from({ length: 1000 }, (_, n) => Buffer.from(`${n} ${name}`));
        return keys.find((one) => hashKey(one, 'signed') % (home + 1) === home)!;
      });
      const { db, survey } = (await openSearched(memorySource(bytes), undefined, { old: true }))!;
      const textOf = (offset: number, size: number) =>
        Buffer.from(bytes.subarray(offset, offset + size)).toString();
      const values: string[] = [];
      for await (const records of salvage(db, survey)) {
        for (const { offset, keySize, dataSize } of records) values.push(textOf(offset + keySize, dataSize));
      }
      assert.deepEqual(values, ['the newest value']);
      // The other one is an old value of a key that is in force.
      const old = Array.from(await findOld(db, survey), ({ offset, keySize, dataSize, ...one }) => [
        one.provenance,
        one.replaced,
        one.hashChar,
        textOf(offset + keySize, dataSize),
      ]);
      assert.deepEqual(old, [['stale', true, name === 'key' ? 'either' : 'signed', 'old value']]);
    }
  }
});
